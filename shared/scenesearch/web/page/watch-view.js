// The player's view: the scene, why it matches, what is said and written beside it, and the ways to take it away.

import { ask, download, get, pictureAt, send, stillPath, videoPath } from "./api.js";
import { h, icon, marked, toast, wordsOf } from "./dom.js";
import { asked, best, evidenceList, kept, last, places, sceneAddress } from "./search-view.js";
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

  get(videoPath(id), { signal: stop.signal }).then(async (details) => {
    if (over) return;
    document.title = `${details.title} – scenesearch`;
    const end = wantedEnd > start ? Math.min(wantedEnd, details.duration) : 0;
    player.load(details, start);
    if (end) player.playSpan({ start, end });
    player.lastSpan = end ? { start, end } : null;
    const isThis = (s) => s.video_id === id && Math.abs(s.start - start) < 0.01 && (!end || Math.abs(s.end - wantedEnd) < 0.01);
    const found = places(await theHits(params, query, stop.signal));
    if (over) return;
    const at = found.findIndex((cuts) => cuts.some(isThis));
    const hits = found.map((cuts) => cuts.find(isThis) ?? cuts[0]);
    under.replaceChildren(...about(details, hits[at], query, params, go), takeAway(details, player, { start, end: end || Math.min(details.duration, start + 10) }, keys));
    marks(player, details, hits, id);
    steps(hits, at, params, go, under, keys);
    panel(side, details, hits, at, player, params, query, stop.signal);
  }).catch((error) => {
    if (error.name === "AbortError" || over) return;
    main.replaceChildren(h("div", { class: "empty" }, h("h1", {}, error.status === 404 ? words.noVideo : words.failed), h("p", {}, error.status === 404 ? words.noVideoText : error.message),
      h("a", { class: "button primary", href: "/library", "data-link": true }, words.toLibrary)));
  });

  const pressed = (event) => {
    if (event.target.closest("input, select, textarea, dialog, [role=tab]") || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    if (event.key === "Escape") {
      if (!document.fullscreenElement && query) go(`/search?${kept(params)}`);
      return;
    }
    const own = keys.find((k) => k.key === event.key.toLowerCase());
    if (own) { event.preventDefault(); own.run(); } else if (player.video) player.key(event);
  };
  document.addEventListener("keydown", pressed);
  return () => { over = true; stop.abort(); player.video?.pause(); player.video?.removeAttribute("src"); player.video?.load(); document.removeEventListener("keydown", pressed); };
}

async function theHits(params, query, signal) {
  if (!query) return [];
  const key = asked(params).toString();
  if (last.key !== key || !last.done) {
    Object.assign(last, { key, scenes: [], files: [], done: null });
    await ask(asked(params), { file: (f) => last.files.push(f), scene: (s) => last.scenes.push(s), done: (d) => { last.done = d; } }, signal).catch(() => {});
  }
  return best(params);
}

function about(details, scene, query, params, go) {
  const feedback = scene && h("div", { class: "feedback row" }, [[true, "up", words.right], [false, "down", words.wrong]].map(([right, name, label]) =>
    h("button", { type: "button", "aria-pressed": "false", onclick: async (event) => {
      const button = event.currentTarget;
      await send("POST", "/v1/feedback", { query, video_id: details.video_id, start: scene.start, end: scene.end, right }).then(() => {
        button.parentElement.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
        toast(words.thanks);
      }, (error) => toast(error.message));
    } }, icon(name), label)));
  return [
    h("div", { class: "heading" }, h("h1", { lang: details.language }, details.title),
      h("p", { class: "quiet" }, [clock(details.duration), details.collection, date(details.created_at), details.timecode && words.timecode(details.timecode)].filter(Boolean).join(" · "))),
    scene ? h("section", { class: "why", "aria-label": words.why }, h("p", { class: "description" }, h("span", { class: "span" }, scene.timestamp), " ", marked(scene.description, wordsOf(query))), evidenceList(scene, wordsOf(query), params), feedback)
      : details.summary ? h("p", { class: "description", lang: details.language }, details.summary) : null,
  ].filter(Boolean);
}

function steps(hits, at, params, go, under, keys) {
  const open = (number) => hits[number] && go(sceneAddress(hits[number], params), { replace: true });
  const button = (name, label, number, key) => {
    keys.push({ key, run: () => open(number) });
    return h("button", { type: "button", disabled: !hits[number], onclick: () => open(number) }, icon(name), label);
  };
  const back = params.get("q") ? h("a", { class: "button", href: `/search?${kept(params)}`, "data-link": true }, icon("back"), words.back) : null;
  const row = h("div", { class: "row steps" }, back, at >= 0 ? button("previous", words.previousHit, at - 1, "p") : null, at >= 0 ? button("next", words.nextHit, at + 1, "n") : null);
  if (row.children.length) under.prepend(row);
}

function marks(player, details, hits, id) {
  player.marks = [
    ...details.important_scenes.map((s) => ({ ...s, kind: "important", label: s.description })),
    ...hits.filter((s) => s.video_id === id).map((s) => ({ start: s.start, end: s.end, kind: "hit", label: s.description })),
  ];
}

function takeAway(details, player, span, keys) {
  const status = h("p", { class: "quiet", role: "status" });
  const time = (name, label) => h("input", { type: "text", inputMode: "decimal", value: exactClock(span[name]), "aria-label": label, class: "time-field", onchange: (e) => {
    const value = parseClock(e.target.value);
    if (!Number.isNaN(value)) span[name] = Math.min(details.duration, value);
    e.target.value = exactClock(span[name]);
  } });
  const fields = { start: time("start", words.from), end: time("end", words.to) };
  const set = (name) => { span[name] = player.time; fields[name].value = exactClock(player.time); };
  keys.push({ key: "i", run: () => set("start") }, { key: "o", run: () => set("end") });
  const bound = (name, label) => h("label", { class: "bound" }, h("span", {}, label), fields[name], h("button", { type: "button", class: "here", onclick: () => set(name) }, words.setHere));
  const exact = h("select", { "aria-label": words.clip }, h("option", { value: "1" }, words.exact), h("option", { value: "" }, words.lossless));
  const take = async (format, event) => {
    const still = format === "png";
    const wanted = { video_id: details.video_id, start: still ? player.time : span.start, end: still ? Math.min(player.time + 0.1, details.duration) : span.end, format, exact: Boolean(exact.value) };
    if (still && wanted.start >= wanted.end) wanted.start = Math.max(0, wanted.end - 0.1);
    const button = event.currentTarget;
    button.disabled = true;
    status.textContent = words.preparing;
    await download(wanted).then(({ name, saved }) => { status.textContent = saved ? words.saved(name) : words.downloading(name); }, (error) => { status.textContent = error.message; });
    button.disabled = false;
  };
  const button = (format, label, kind = "") => h("button", { type: "button", class: kind, "data-format": format, onclick: (e) => take(format, e) }, label);
  return h("section", { class: "take", "aria-label": words.take }, h("h2", {}, words.take),
    h("div", { class: "row" }, bound("start", words.from), bound("end", words.to)),
    h("div", { class: "row" }, button("mp4", `${words.clip} (MP4)`, "primary"), exact, button("png", `${words.still} (PNG)`)),
    h("div", { class: "row" }, h("span", { class: "quiet" }, words.subtitles), button("vtt", "WebVTT"), button("srt", "SRT"), button("txt", words.textLines)),
    h("div", { class: "row" }, h("span", { class: "quiet" }, words.editors), button("otio", "OTIO"), button("edl", "EDL")),
    status);
}

function panel(side, details, hits, at, player, params, query, signal) {
  const tabs = [];
  const list = h("div", { class: "tabs", role: "tablist" });
  const highlighted = wordsOf(query);
  const add = (name, rows) => {
    const number = tabs.length;
    const body = h("div", { role: "tabpanel", id: `panel-${number}`, "aria-labelledby": `tab-${number}`, class: "rows", tabIndex: 0, hidden: true }, rows.length ? rows.map((r) => r.element) : h("p", { class: "quiet" }, words.noEntries));
    const tab = h("button", { type: "button", role: "tab", id: `tab-${number}`, "aria-controls": `panel-${number}`, onclick: () => choose(number) }, name);
    tabs.push({ tab, body, rows });
    list.append(tab);
    side.append(body);
  };
  const choose = (number) => tabs.forEach((t, n) => {
    t.tab.setAttribute("aria-selected", String(n === number));
    t.tab.tabIndex = n === number ? 0 : -1;
    t.body.hidden = n !== number;
    if (n === number) follow(player.time, true);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (tabs.findIndex((t) => t.tab === document.activeElement) + step + tabs.length) % tabs.length;
    choose(next);
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
  for (const name of ["wheel", "touchmove", "pointerdown"]) side.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
  player.addEventListener("moved", (event) => follow(event.detail));

  const jump = (entry) => () => { player.span = null; player.time = entry.start; };
  const row = (entry, text, extra) => ({ start: entry.start, end: entry.end, element: h("button", { type: "button", class: "entry", onclick: jump(entry) }, h("span", { class: "time" }, clock(entry.start)), h("span", { class: "quote", lang: details.language }, extra ? h("b", {}, extra, " ") : null, marked(text, highlighted))) });
  side.replaceChildren(list);
  if (hits.length) add(`${words.hits} (${hits.length})`, hits.map((scene, number) => ({ element: h("a", { class: `hit ${number === at ? "here" : ""}`, href: sceneAddress(scene, params), "data-link": true, "aria-current": number === at ? "true" : null },
    h("span", { class: "picture" }, h("img", { src: stillPath(scene.video_id, pictureAt(scene), 320), alt: "", loading: "lazy" }), h("span", { class: "time" }, clock(scene.start))),
    h("span", { class: "lines" }, h("span", { class: "title" }, scene.title), h("span", { class: "description" }, marked(scene.description, highlighted)))) })));
  get(videoPath(details.video_id, "/entries"), { signal }).then(({ entries }) => {
    const of = (section) => entries.filter((e) => e.section === section);
    add(words.said, of("transcription").map((e) => row(e, e.text, e.speaker)));
    add(words.written, of("texts").map((e) => row(e, e.text)));
    add(words.shown, of("visual_info").map((e) => row(e, e.text)));
    add(words.scenes, of("important_scenes").map((e) => row(e, e.text)));
    choose(hits.length > 1 ? 0 : Math.max(0, tabs.findIndex((t, n) => n >= (hits.length ? 1 : 0) && t.rows.length)));
  }).catch(() => {});
}
