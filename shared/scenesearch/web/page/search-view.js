// Asking: the home view, and results that stream in, files first, then scenes.

import { ask, get, pictureAt, send, spanOf, stillPath } from "./api.js";
import { h, icon, marked, notice, toast, unquoted, wordsOf } from "./dom.js";
import { SECTION, clock, languageName, words } from "./words.js";

const RECENT = "recent-questions";
const FILTERS = ["collection", "language", "speaker", "tag", "section", "since", "until", "video_id"];

/** How many scenes an address asks for. */
const limitOf = (params) => Number(params.get("limit")) || (params.get("mode") === "recall" ? 30 : 10);

/** The best of what has come: some of what came early is pushed out by what came later. */
export const best = (params) => [...last.scenes].sort((a, b) => b.score - a.score).slice(0, limitOf(params));

/** Scenes of a video that share more than so much of the shorter one are cuts of one place (the command line does the same). */
const ONE_PLACE = 0.5;

export const samePlace = (one, other) => one.video_id === other.video_id
  && Math.min(one.end, other.end) - Math.max(one.start, other.start) > ONE_PLACE * Math.min(one.end - one.start, other.end - other.start);

const same = (one, other) => one.video_id === other.video_id && one.start === other.start && one.end === other.end;

/** The scenes by place, in their order: the first of each is the best cut, the others differ in their borders. */
export function places(scenes) {
  const found = [];
  for (const scene of scenes) {
    const same = found.find(([first]) => samePlace(first, scene));
    if (same) same.push(scene); else found.push([scene]);
  }
  return found;
}

/** The last answer, so that the player can go from hit to hit and the way back is instant. */
export const last = { key: "", scenes: [], files: [], done: null };

export function recentQuestions() {
  try { return JSON.parse(localStorage.getItem(RECENT)) ?? []; } catch { return []; }
}

const remember = (list) => localStorage.setItem(RECENT, JSON.stringify(list.slice(0, 12)));

export function homeView(main, _, go) {
  document.title = "scenesearch";
  const recent = h("div", { class: "chips" });
  const videos = h("div", { class: "shelf" });
  const drawRecent = () => {
    const asked = recentQuestions();
    recent.replaceChildren(...asked.map((q) => h("span", { class: "chip" },
      h("a", { href: `/search?${new URLSearchParams({ q })}`, "data-link": true }, q),
      h("button", { type: "button", class: "plain", "aria-label": words.forget(q), onclick: () => { remember(recentQuestions().filter((one) => one !== q)); drawRecent(); } }, icon("close")))));
    recent.parentElement?.toggleAttribute("hidden", !asked.length);
  };
  main.replaceChildren(h("div", { class: "home" },
    h("section", { class: "hero" }, h("h1", {}, words.homeTitle), h("p", {}, words.homeText)),
    h("section", { "aria-label": words.recent }, h("h2", {}, words.recent), recent),
    h("section", { "aria-label": words.latest }, videos)));
  drawRecent();
  const load = () => get("/v1/videos?limit=24").then(({ videos: all }) => {
    if (!all.length) return videos.replaceWith(emptyLibrary());
    const shown = all.filter((v) => v.duration > 0).slice(0, 8);
    videos.before(h("h2", {}, words.latest, " ", h("a", { href: "/library", "data-link": true, class: "more" }, words.all)));
    videos.replaceChildren(...shown.map((video) => h("a", { class: "tile", href: `/watch?${new URLSearchParams({ v: video.video_id })}`, "data-link": true },
      h("span", { class: "picture" }, h("img", { src: stillPath(video.video_id, video.duration * 0.2, 480), alt: "", loading: "lazy" }), h("span", { class: "time" }, clock(video.duration))),
      h("span", { class: "title", lang: video.language }, video.title), h("span", { class: "quiet" }, video.collection))));
  }).catch((error) => videos.replaceChildren(notice(error.message, { name: words.again, run: load }, "bad")));
  load();
}

function emptyLibrary() {
  return h("div", { class: "empty" }, h("h2", {}, words.emptyLibrary), h("p", {}, words.emptyLibraryText),
    h("a", { class: "button primary", href: "/library", "data-link": true }, words.addVideos));
}

export function searchView(main, params, go) {
  const query = params.get("q") ?? "";
  if (!query.trim()) return go("/", { replace: true });
  document.title = `${query} – scenesearch`;
  remember([query, ...recentQuestions().filter((one) => one !== query)]);

  const status = h("p", { class: "status", role: "status" }, words.searching);
  const files = h("div", { class: "files", hidden: true });
  const notices = h("div", { class: "notices" });
  const list = h("ol", { class: "scenes" });
  const more = h("button", { type: "button", class: "more", hidden: true, onclick: () => {
    params.set("limit", Math.min(100, limitOf(params) * 2));
    history.replaceState(history.state, "", `/search?${params}`);
    begin({ keep: last.scenes, from: list.children.length }); // what is being looked at stays where it is
  } }, words.more);
  const go2 = (changes) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) value ? next.set(name, value) : next.delete(name);
    go(`/search?${next}`);
  };
  main.replaceChildren(h("div", { class: "results" },
    h("h1", { class: "unseen" }, words.results(query)), choices(params, go2), status, notices, files, list, more));

  const highlighted = wordsOf(query);
  const stop = new AbortController();
  const draw = () => {
    list.replaceChildren(...places(best(params)).map(([scene, ...cuts], number) => {
      if (known.get(scene)?.cuts !== cuts.length) known.set(scene, { cuts: cuts.length, item: card(scene, cuts, number, params, highlighted) });
      return known.get(scene).item;
    }));
  };
  const known = new Map();
  const begin = ({ keep = [], from } = {}) => {
    Object.assign(last, { key: asked(params).toString(), scenes: [...keep], files: [], done: null });
    notices.replaceChildren();
    more.hidden = true;
    status.textContent = words.searching;
    status.classList.remove("unseen");
    if (!keep.length) list.replaceChildren(...Array.from({ length: 4 }, () => h("li", { class: "scene ghost", "aria-hidden": "true" }, h("span", { class: "picture" }), h("span", { class: "lines" }))));
    ask(asked(params), {
      file: (file) => { last.files.push(file); drawFiles(files, last.files); },
      scene: (scene) => { if (!last.scenes.some((one) => same(one, scene))) last.scenes.push(scene); draw(); },
      done: (rest) => { last.done = rest; finish(rest); list.children[from]?.querySelector("a.title").focus({ preventScroll: true }); },
    }, stop.signal).catch((error) => { if (error.name !== "AbortError") fail(error.message); });
  };
  const finish = (rest) => {
    last.scenes = best(params);
    draw();
    files.hidden = true;
    const inVideos = new Set(last.scenes.map((s) => s.video_id)).size;
    status.classList.toggle("unseen", !last.scenes.length); // then the list says it large
    status.textContent = last.scenes.length ? words.found(places(last.scenes).length, inVideos, (rest.took_ms / 1000).toFixed(rest.took_ms < 995 ? 2 : 1)) : words.nothing;
    notices.replaceChildren(
      ...(rest.degraded ? [notice(words.degraded(rest.degraded), { name: words.again, run: begin })] : []),
      ...(rest.no_match && last.scenes.length ? [notice(words.nearest)] : []),
      ...(rest.truncated ? [notice(words.truncated)] : []));
    if (!last.scenes.length) nothing(list, params, go2);
    else if (last.scenes.length >= limitOf(params) && limitOf(params) < 100) more.hidden = false;
  };
  const fail = (detail) => {
    files.hidden = true;
    status.textContent = words.failed;
    if (!last.scenes.length) list.replaceChildren();
    notices.replaceChildren(notice(detail, { name: words.again, run: begin }, "bad"));
  };
  if (last.key === asked(params).toString() && last.done) finish(last.done);
  else begin();

  const moved = (event) => {
    if (event.target.closest("input, select, textarea, summary, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...list.querySelectorAll("a.title")];
    const at = links.findIndex((link) => link.closest("li").contains(document.activeElement));
    const to = event.key === "ArrowDown" ? at + 1 : event.key === "ArrowUp" ? at - 1 : null;
    if (to === null || !links.length) return;
    event.preventDefault();
    links[Math.min(links.length - 1, Math.max(0, to))].focus();
    document.activeElement.closest("li")?.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", moved);
  return () => { stop.abort(); document.removeEventListener("keydown", moved); };
}

/** The question as the server wants it. */
export function asked(params) {
  const wanted = kept(params);
  for (const [name, days] of [["since", 0], ["until", 1]]) { // days as the asker's calendar has them, the last one included
    const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(wanted.get(name) ?? "") ?? [];
    if (day) wanted.set(name, new Date(year, month - 1, Number(day) + days).toISOString());
  }
  wanted.set("limit", limitOf(params));
  return wanted;
}

/** The question as it stands in an address. */
export function kept(params) {
  const wanted = new URLSearchParams();
  for (const name of ["q", "mode", "effort", "limit", ...FILTERS]) {
    if (params.get(name)) wanted.set(name, params.get(name));
  }
  return wanted;
}

function choices(params, change) {
  const pick = (name, label, options, fallback) => h("fieldset", { class: "pick" }, h("legend", { class: "unseen" }, label),
    options.map((value) => h("label", {}, h("input", { type: "radio", name, value, checked: (params.get(name) ?? fallback) === value, onchange: () => change({ [name]: value === fallback ? "" : value }) }), h("span", {}, words[value]))));
  const active = FILTERS.filter((name) => params.get(name));
  const field = (name, label, ...control) => h("label", { class: "field" }, h("span", {}, label), control);
  const speakers = h("datalist", { id: "speakers" });
  const select = (name, empty, options = []) => h("select", { name, onchange: (e) => change({ [name]: e.target.value }) }, h("option", { value: "" }, empty),
    options.map(([value, text]) => h("option", { value, selected: params.get(name) === value }, text)));
  const [collection, language, tag] = [select("collection", words.anyCollection), select("language", words.anyLanguage), select("tag", words.anyTag)];
  const fill = (control, name, values, text = (v) => v) => {
    const wanted = params.get(name);
    const all = [...new Set([...values, ...(wanted ? [wanted] : [])])].sort();
    control.replaceChildren(control.firstChild, ...all.map((v) => h("option", { value: v, selected: v === wanted }, text(v))));
  };
  const fillAll = (videos) => {
    fill(collection, "collection", videos.map((v) => v.collection));
    fill(language, "language", videos.map((v) => v.language).filter(Boolean), languageName);
    fill(tag, "tag", videos.flatMap((v) => v.tags));
  };
  fillAll([]);
  let asked = false;
  const opened = (event) => {
    if (!event.currentTarget.open || asked) return;
    asked = true; // all videos, only for those who want to filter
    get("/v1/videos").then(({ videos }) => fillAll(videos)).catch(() => { asked = false; });
  };
  const named = { collection: (v) => v, language: languageName, speaker: (v) => v, tag: (v) => `#${v}`, section: (v) => SECTION[v] ?? v, since: (v) => `${words.since}: ${v}`, until: (v) => `${words.until}: ${v}`, video_id: () => words.onlyVideo };
  const text = (name, type = "text") => h("input", { type, name, list: name === "speaker" ? "speakers" : null, value: params.get(name) ?? "", onchange: (e) => change({ [name]: e.target.value }), onfocus: () => {
    speakers.replaceChildren(...[...new Set(last.scenes.flatMap((s) => s.evidence.map((e) => e.speaker)).filter(Boolean))].sort().map((value) => h("option", { value })));
  } });
  return h("section", { class: "choices", "aria-label": words.choices },
    pick("mode", words.mode, ["recall", "balanced", "precision"], "balanced"),
    pick("effort", words.effort, ["fast", "standard", "thorough"], "standard"),
    h("details", { class: "filters", ontoggle: opened, onkeydown: (e) => { if (e.key === "Escape") { e.currentTarget.open = false; e.currentTarget.firstChild.focus(); } } },
      h("summary", {}, icon("filter"), words.filters, active.length ? [" ", h("span", { class: "count" }, String(active.length))] : null),
      h("div", { class: "panel" },
        field("collection", words.collection, collection), field("language", words.language, language), field("tag", words.tag, tag),
        field("section", words.where, select("section", words.anywhere, [["transcription", words.said], ["visual_info", words.shown], ["texts", words.written]])),
        field("speaker", words.speaker, speakers, text("speaker")), field("since", words.since, text("since", "date")), field("until", words.until, text("until", "date")),
        active.length ? h("button", { type: "button", onclick: () => change(Object.fromEntries(FILTERS.map((name) => [name, ""]))) }, words.clear) : null)),
    active.map((name) => h("button", { type: "button", class: "chip on", title: words.clearOne, onclick: () => change({ [name]: "" }) }, named[name](params.get(name)), icon("close"))));
}

function drawFiles(area, files) {
  area.hidden = false;
  area.replaceChildren(h("span", { class: "quiet" }, words.lookingIn), ...files.slice(0, 8).map((file) => h("span", { class: "chip" }, file.title)));
}

export function sceneAddress(scene, params) {
  const address = params ? kept(params) : new URLSearchParams();
  address.set("v", scene.video_id);
  address.set("t", scene.start);
  address.set("end", scene.end);
  return `/watch?${address}`;
}

function card(scene, cuts, number, params, highlighted) {
  const address = sceneAddress(scene, params);
  return h("li", { class: "scene" },
    h("a", { class: "picture", href: address, "data-link": true, tabindex: "-1", "aria-hidden": "true" },
      h("img", { src: stillPath(scene.video_id, pictureAt(scene), 480), alt: "", loading: number < 6 ? "eager" : "lazy" }), h("span", { class: "time" }, clock(scene.start))),
    h("div", { class: "lines" },
      h("div", { class: "head" }, h("h2", {}, h("a", { class: "title", href: address, "data-link": true, "aria-label": words.openScene(scene.title, scene.timestamp) }, scene.title), h("span", { class: "span" }, scene.timestamp)), feedback(scene, params.get("q"))),
      h("p", { class: "description" }, marked(scene.description, highlighted)),
      scene.grounded ? null : h("p", { class: "quiet" }, words.ungrounded),
      evidenceList(scene, highlighted),
      cuts.length ? h("p", { class: "cuts quiet" }, words.cuts, " ", cuts.map((cut) => h("a", { href: sceneAddress(cut, params), "data-link": true, "aria-label": words.openScene(cut.title, cut.timestamp) }, cut.timestamp))) : null));
}

const judged = new Map();

/** Right or wrong: kept with the question. `named`: the buttons show their names. */
export function feedback(scene, query, { named = false } = {}) {
  const key = JSON.stringify([query, scene.video_id, scene.start, scene.end]);
  const buttons = [[true, "up", words.right], [false, "down", words.wrong]].map(([right, name, label]) => h("button", { type: "button", class: named ? "" : "plain", title: label, "aria-pressed": String(judged.get(key) === right), "aria-label": named ? null : `${label}: ${scene.title}, ${scene.timestamp}`,
    onclick: (event) => {
      const button = event.currentTarget;
      send("POST", "/v1/feedback", { query, video_id: scene.video_id, start: scene.start, end: scene.end, right }).then(() => {
        judged.set(key, right);
        for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
        toast(words.thanks);
      }, (error) => toast(error.message));
    } }, icon(name), named ? label : null));
  return h("span", { class: "feedback row" }, buttons);
}

/** The lines that prove a scene; `jump(seconds)` makes their times lead there. */
export function evidenceList(scene, highlighted, jump) {
  return h("ul", { class: "evidence" }, scene.evidence.map((line) => h("li", {},
    h("span", { class: `section ${line.section}` }, SECTION[line.section] ?? line.section),
    h("span", { class: "quote" }, line.speaker ? h("b", {}, line.speaker, " ") : null, marked(line.text, highlighted)),
    jump ? h("button", { type: "button", class: "plain span", onclick: () => jump(spanOf(line.timestamp)[0]) }, line.timestamp) : h("span", { class: "span" }, line.timestamp))));
}

function nothing(list, params, change) {
  const tries = [];
  if ((params.get("mode") ?? "balanced") !== "recall") tries.push(h("button", { type: "button", class: "primary", onclick: () => change({ mode: "recall" }) }, words.tryRecall));
  if (FILTERS.some((name) => params.get(name))) tries.push(h("button", { type: "button", onclick: () => change(Object.fromEntries(FILTERS.map((name) => [name, ""]))) }, words.tryFilters));
  const plain = unquoted(params.get("q"));
  if (plain !== params.get("q").trim()) tries.push(h("button", { type: "button", onclick: () => change({ q: plain }) }, words.tryQuotes));
  const empty = h("li", { class: "empty" }, h("h2", {}, words.nothing), h("p", {}, words.nothingText), h("p", { class: "row" }, tries), h("p", { class: "quiet" }, words.tryWords));
  list.replaceChildren(empty);
  get("/v1/videos?limit=1").then(({ videos }) => { if (!videos.length) list.replaceChildren(h("li", {}, emptyLibrary())); }).catch(() => {});
}
