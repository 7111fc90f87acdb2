// The player's view: the scene, why it matches, what is said and written beside it, and the ways to take it away.

import { ask, download, get, pictureAt, stillPath, videoPath } from "./api.js";
import { h, icon, marked, notice, toast, wordsOf } from "./dom.js";
import { FORMATS } from "./formats.js";
import { asked, best, evidenceList, feedback, kept, last, places, samePlace, sceneAddress } from "./search-view.js";
import "./scene-player.js";
import { clock, date, exactClock, parseClock, words } from "./words.js";

export function watchView(main, params, go) {
  const id = params.get("v") ?? "";
  const query = params.get("q") ?? "";
  const start = Number(params.get("t")) || 0;
  const wantedEnd = Number(params.get("end")) || 0;
  const player = document.createElement("scene-player");
  const side = h("div", { class: "side" });
  const under = h("div", { class: "under" });
  main.replaceChildren(h("div", { class: "watch" }, h("div", { class: "stage" }, player, under), side));
  let over = false;
  const stop = new AbortController();
  const keys = [];
  const backToResults = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(`/search?${kept(params)}`, { back: true });
  };

  get(videoPath(id), { signal: stop.signal }).then((details) => {
    if (over) return;
    document.title = `${details.title} – scenesearch`;
    const end = wantedEnd > start ? Math.min(wantedEnd, details.duration) : 0;
    player.load(details, start);
    if (end) player.playSpan({ start, end });
    player.lastSpan = end ? { start, end } : null;
    const isThis = (s) => s.video_id === id && Math.abs(s.start - start) < 0.01 && (!end || Math.abs(s.end - wantedEnd) < 0.01);
    const row = query ? h("div", { class: "row steps" }, h("a", { class: "button", href: `/search?${kept(params)}`, onclick: (e) => backToResults(e) }, icon("back"), words.back)) : "";
    const summary = details.summary ? h("p", { class: "description", lang: details.language }, details.summary) : "";
    const taking = takeAway(details, player, { start, end: end || Math.min(details.duration, start + 10) }, params, keys);
    under.replaceChildren(row, heading(details), summary, taking);
    marks(player, details, [], id);
    const addHits = panel(side, details, player, params, query, stop.signal);
    if (!query) return;

    const status = h("p", { class: "quiet", role: "status" }); // all else is of use before the search has ended
    const again = h("button", { type: "button", onclick: () => search() }, words.again);
    const search = () => {
      again.remove();
      status.textContent = words.searching;
      theHits(params, stop.signal).then(found, failed);
    };
    const found = (scenes) => {
      if (over) return;
      status.remove();
      const byPlace = places(scenes);
      const exactly = byPlace.findIndex((cuts) => cuts.some(isThis));
      const at = exactly >= 0 || !end ? exactly : byPlace.findIndex((cuts) => cuts.some((cut) => samePlace(cut, { video_id: id, start, end }))); // somebody may have moved its borders
      const hits = byPlace.map((cuts) => cuts.find(isThis) ?? cuts[0]);
      if (at >= 0) {
        row.append(...steps(hits, at, params, go, keys));
        if (summary) summary.remove();
        taking.before(why(hits[at], query, (seconds) => { player.span = null; player.time = seconds; }));
      }
      marks(player, details, hits, id);
      if (hits.length) addHits(hits, at);
    };
    const failed = (error) => {
      if (over) return;
      status.textContent = `${words.failed}: ${error.message}`;
      row.append(again);
    };
    row.append(status);
    search();
  }).catch((error) => {
    if (error.name === "AbortError" || over) return;
    const gone = error.status === 404;
    main.replaceChildren(h("div", { class: "empty" }, h("h1", {}, gone ? words.noVideo : words.notLoaded), h("p", {}, gone ? words.noVideoText : error.message), h("p", { class: "row" },
      gone ? null : h("button", { type: "button", class: "primary", onclick: () => go(location.pathname + location.search, { replace: true }) }, words.again),
      h("a", { class: `button ${gone ? "primary" : ""}`, href: "/library", "data-link": true }, words.toLibrary))));
  });

  const pressed = (event) => {
    if (event.target.closest("[role=tab]") && event.key.startsWith("Arrow")) return; // from tab to tab
    if (event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    if (event.key === "Escape") {
      if (!document.fullscreenElement && query) go(`/search?${kept(params)}`, { back: true });
      return;
    }
    const own = keys.find((k) => k.key === event.key.toLowerCase());
    if (own) { event.preventDefault(); own.run(); } else if (player.video) player.key(event);
  };
  document.addEventListener("keydown", pressed);
  return () => { over = true; stop.abort(); player.video?.pause(); player.video?.removeAttribute("src"); player.video?.load(); document.removeEventListener("keydown", pressed); };
}

async function theHits(params, signal) {
  const key = asked(params).toString();
  if (last.key !== key || !last.done) {
    Object.assign(last, { key, scenes: [], files: [], done: null });
    await ask(asked(params), { file: (f) => last.files.push(f), scene: (s) => last.scenes.push(s), done: (d) => { last.done = d; } }, signal);
  }
  return best(params);
}

function heading(details) {
  return h("div", { class: "heading" }, h("h1", { lang: details.language }, details.title),
    h("p", { class: "quiet" }, [clock(details.duration), details.collection, date(details.created_at), details.timecode && words.timecode(details.timecode)].filter(Boolean).join(" · ")));
}

function why(scene, query, jump) {
  return h("section", { class: "why", "aria-label": words.why }, h("p", { class: "description" }, h("span", { class: "span" }, scene.timestamp), " ", marked(scene.description, wordsOf(query))), evidenceList(scene, wordsOf(query), jump), feedback(scene, query, { named: true }));
}

function steps(hits, at, params, go, keys) {
  return [["previous", words.previousHit, hits[at - 1], "p"], ["next", words.nextHit, hits[at + 1], "n"]].map(([name, label, hit, key]) => {
    const open = () => hit && go(sceneAddress(hit, params), { replace: true });
    keys.push({ key, run: open });
    return h("button", { type: "button", disabled: !hit, onclick: open }, icon(name), label);
  });
}

function marks(player, details, hits, id) {
  player.marks = [
    ...details.important_scenes.map((s) => ({ ...s, kind: "important", label: s.description })),
    ...hits.filter((s) => s.video_id === id).map((s) => ({ start: s.start, end: s.end, kind: "hit", label: s.description })),
  ];
}

function takeAway(details, player, span, params, keys) {
  const status = h("p", { class: "quiet", role: "status" });
  const time = (name, label) => h("input", { type: "text", inputMode: "decimal", value: exactClock(span[name]), "aria-label": label, class: "time-field", onchange: (e) => {
    const value = parseClock(e.target.value);
    if (!Number.isNaN(value)) span[name] = Math.min(details.duration, value);
    e.target.value = exactClock(span[name]);
    player.clip = span;
  } });
  const fields = { start: time("start", words.from), end: time("end", words.to) };
  const set = (name) => { span[name] = player.time; fields[name].value = exactClock(player.time); player.clip = span; };
  if (params.get("end")) player.clip = span;
  const copy = async () => {
    const address = new URL(sceneAddress({ video_id: details.video_id, ...span }, params), location).href;
    toast(await navigator.clipboard?.writeText(address).then(() => words.copied, () => address) ?? address);
  };
  keys.push({ key: "i", run: () => set("start") }, { key: "o", run: () => set("end") });
  const bound = (name, label) => h("label", { class: "bound" }, h("span", {}, label), fields[name], h("button", { type: "button", class: "here", "aria-label": `${label}: ${words.setHere}`, onclick: () => set(name) }, words.setHere));
  const exact = h("select", { "aria-label": words.clip }, h("option", { value: "1" }, words.exact), h("option", { value: "" }, words.lossless));
  const take = async (format, event) => {
    const still = format === "png";
    const wanted = { video_id: details.video_id, start: still ? player.time : span.start, end: still ? Math.min(player.time + 0.1, details.duration) : span.end, format, exact: Boolean(exact.value) };
    if (still && wanted.start >= wanted.end) wanted.start = Math.max(0, wanted.end - 0.1);
    const button = event.currentTarget;
    button.disabled = true;
    status.textContent = words.preparing;
    await download(wanted, (share) => { status.textContent = words.preparingShare(Math.round(100 * share)); }).then(({ name, saved }) => { status.textContent = saved ? words.saved(name) : words.downloading(name); }, (error) => { status.textContent = error.message; });
    button.disabled = false;
  };
  const named = { clip: (label) => `${words.clip} (${label})`, still: (label) => `${words.still} (${label})` };
  const button = ({ format, label, group }) => h("button", { type: "button", class: group === "clip" ? "primary" : "", "data-format": format, onclick: (e) => take(format, e) }, named[group]?.(label) ?? (format === "txt" ? words.textLines : label));
  const buttons = (group) => FORMATS.filter((one) => one.group === group).map(button);
  return h("section", { class: "take", "aria-label": words.take }, h("h2", {}, words.take),
    h("div", { class: "row" }, bound("start", words.from), bound("end", words.to),
      h("button", { type: "button", onclick: () => span.start < span.end && player.playSpan({ ...span }) }, icon("play"), words.playClip), h("button", { type: "button", onclick: copy }, icon("link"), words.copyLink)),
    h("div", { class: "row" }, buttons("clip"), exact, buttons("still")),
    h("div", { class: "row" }, h("span", { class: "quiet" }, words.subtitles), buttons("subtitles")),
    h("div", { class: "row" }, h("span", { class: "quiet" }, words.editors), buttons("editors")),
    status);
}

/** The lists beside the player. Returns what puts the hits before them; who has begun to read another list is left there. */
function panel(side, details, player, params, query, signal) {
  const tabs = [];
  const list = h("div", { class: "tabs", role: "tablist" });
  const highlighted = wordsOf(query);
  const add = (id, name, rows, put = "append") => {
    const body = h("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, class: "rows", tabIndex: 0, hidden: true }, rows.length ? rows.map((r) => r.element) : h("p", { class: "quiet" }, words.noEntries));
    const tab = h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, "aria-selected": "false", tabIndex: -1, onclick: () => choose(one) }, name);
    const one = { id, tab, body, rows };
    tabs[put === "append" ? "push" : "unshift"](one);
    list[put](tab);
    side.append(body);
  };
  const choose = (one) => {
    for (const t of tabs) {
      t.tab.setAttribute("aria-selected", String(t === one));
      t.tab.tabIndex = t === one ? 0 : -1;
      t.body.hidden = t !== one;
    }
    follow(player.time, true);
  };
  const settle = () => {
    const reading = touched || side.contains(document.activeElement);
    if (reading && tabs.some((t) => !t.body.hidden)) return;
    const [hits, others] = [tabs.find((t) => t.id === "hits"), tabs.filter((t) => t.id !== "hits")];
    const first = hits?.rows.length > 1 ? hits : others.find((t) => t.rows.length) ?? tabs[0];
    if (first.body.hidden) choose(first);
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (tabs.findIndex((t) => t.tab === document.activeElement) + step + tabs.length) % tabs.length;
    choose(tabs[next]);
    tabs[next].tab.focus();
  });
  let touched = 0;
  const follow = (now, always = false) => {
    for (const { body, rows } of tabs) {
      if (body.hidden) continue;
      let current = null;
      for (const row of rows) {
        const on = row.start !== undefined && row.start <= now + 0.05 && now < row.end;
        if (row.on !== on) { row.on = on; row.element.classList.toggle("on", on); }
        if (on) current ??= row.element;
      }
      if (current && (always || performance.now() - touched > 4000)) {
        const top = current.offsetTop - body.offsetTop;
        if (always || top < body.scrollTop || top > body.scrollTop + body.clientHeight - 60) body.scrollTop = top - body.clientHeight / 3;
      }
    }
  };
  for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) side.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
  player.addEventListener("moved", (event) => follow(event.detail));

  const jump = (entry) => () => { player.span = null; player.time = entry.start; };
  const row = (entry, text, extra) => ({ start: entry.start, end: entry.end, element: h("button", { type: "button", class: "entry", onclick: jump(entry) }, h("span", { class: "time" }, clock(entry.start)), h("span", { class: "quote", lang: details.language }, extra ? h("b", {}, extra, " ") : null, marked(text, highlighted))) });
  side.replaceChildren(list);
  const load = () => get(videoPath(details.video_id, "/entries"), { signal }).then(({ entries }) => {
    const of = (section) => entries.filter((e) => e.section === section);
    add("said", words.said, of("transcription").map((e) => row(e, e.text, e.speaker)));
    add("written", words.written, of("texts").map((e) => row(e, e.text)));
    add("shown", words.shown, of("visual_info").map((e) => row(e, e.text)));
    add("scenes", words.scenes, of("important_scenes").map((e) => row(e, e.text)));
    settle();
  }).catch((error) => {
    if (error.name === "AbortError") return;
    const missing = notice(`${words.notLoaded}: ${error.message}`, { name: words.again, run: () => { missing.remove(); load(); } }, "bad");
    side.append(missing);
  });
  load();
  return (hits, at) => {
    add("hits", `${words.hits} (${hits.length})`, hits.map((scene, number) => ({ element: h("a", { class: `hit ${number === at ? "here" : ""}`, href: sceneAddress(scene, params), "data-link": true, "aria-current": number === at ? "true" : null },
      h("span", { class: "picture" }, h("img", { src: stillPath(scene.video_id, pictureAt(scene), 320), alt: "", loading: "lazy" }), h("span", { class: "time" }, clock(scene.start))),
      h("span", { class: "lines" }, h("span", { class: "title" }, scene.title), h("span", { class: "description" }, marked(scene.description, highlighted)))) })), "prepend");
    settle();
  };
}
