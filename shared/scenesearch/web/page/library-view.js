// The library: taking videos in, how far they are, what they hold, and letting them go.

import { ACCEPTED } from "./accepted.js";
import { get, send, stillPath, videoPath } from "./api.js";
import { h, icon, notice, toast } from "./dom.js";
import { sprites } from "./scene-player.js";
import { queue } from "./upload-queue.js";
import { bytes, clock, date, dollars, duration, languageName, list, percent, words } from "./words.js";

const UNDO_SECONDS = 8;
const NEW = "/"; // no collection can be called that
const MANY = 12; // so many videos can be looked through
const LANGUAGES = ["ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "uk", "vi", "zh"];
const WORKING = new Set(["splitting", "extracting", "assembling", "waiting", "removing"]);

/** Deletions that can still be taken back: video id ▸ timer. */
const going = new Map();
addEventListener("pagehide", () => going.forEach((_, id) => fetch(videoPath(id), { method: "DELETE", keepalive: true })));

export function libraryView(main) {
  document.title = `${words.library} – scenesearch`;
  const cards = new Map();
  const seen = new Map();
  const grid = h("ul", { class: "shelf videos" });
  const count = h("p", { class: "status", role: "status" });
  const collections = h("select", {});
  const fresh = h("input", { type: "text", hidden: true, maxLength: 100, "aria-label": words.newCollectionName, placeholder: words.newCollectionName });
  const names = LANGUAGES.map((code) => [code, languageName(code)]).sort(([, a], [, b]) => a.localeCompare(b));
  const spoken = h("select", {}, h("option", { value: "" }, words.languageHeard), names.map(([value, name]) => h("option", { value }, name)));
  const tags = h("input", { type: "text", maxLength: 1000, placeholder: words.tagsExample });
  /** Take files in; the name of a new collection comes first. */
  const take = (files) => {
    const into = collections.value === NEW ? fresh.value.trim() : collections.value || "default";
    if (!into) return fresh.focus();
    queue.add(files, into, { language: spoken.value, tags: tags.value.split(/[,、，]/).map((tag) => tag.trim()).filter(Boolean) });
  };
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": "sheet-title" });
  const wanted = h("input", { type: "search", "aria-label": words.filterVideos, placeholder: words.filterVideos, oninput: () => draw() });
  main.replaceChildren(h("div", { class: "library" }, h("h1", {}, words.library), dropZone(take, { collections, fresh, spoken, tags }), queue.element, h("div", { class: "row over" }, count, wanted), grid, dialog));
  let over = false;
  let all = [];
  let timer = 0;

  get("/v1/collections").then(({ collections: all, may_create: mayCreate }) => {
    const open = all.filter((c) => c.may_change);
    collections.replaceChildren(...open.map((c) => h("option", { value: c.name, selected: c.name === (localStorage.getItem("collection") ?? "default") }, c.name)), ...(mayCreate ? [h("option", { value: NEW }, words.newCollection)] : []));
  }).catch(() => {});
  collections.addEventListener("change", () => {
    fresh.hidden = collections.value !== NEW;
    if (fresh.hidden) localStorage.setItem("collection", collections.value);
    else fresh.focus();
  });

  const draw = () => {
    const here = all.filter((v) => !going.has(v.video_id));
    wanted.hidden = here.length <= MANY && !wanted.value;
    const parts = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = here.filter((v) => {
      const said = [v.title, v.collection, ...v.tags, words.state[v.state]].join(" ").toLowerCase();
      return parts.every((part) => said.includes(part));
    });
    count.textContent = here.length ? words.videos(shown.length) : "";
    const drawn = shown.map((video) => {
      const print = JSON.stringify(video);
      const known = cards.get(video.video_id);
      if (known?.print === print) return known.element;
      const held = known && known.element.contains(document.activeElement) ? document.activeElement.dataset.act : null;
      const element = card(video, { seen, refresh, draw, dialog });
      cards.set(video.video_id, { print, element });
      if (known) known.element.replaceWith(element);
      if (held) element.querySelector(`[data-act="${held}"]`)?.focus();
      return element;
    });
    if (drawn.length !== grid.children.length || drawn.some((element, n) => grid.children[n] !== element)) grid.replaceChildren(...drawn);
    if (!here.length && !queue.expecting) grid.replaceChildren(h("li", { class: "empty" }, h("h2", {}, words.emptyLibrary), h("p", {}, words.emptyLibraryText)));
  };
  const refresh = async () => {
    clearTimeout(timer);
    let busy = false;
    try {
      const { videos } = await get("/v1/videos");
      if (over) return;
      await Promise.all(videos.filter((v) => WORKING.has(v.state)).map(async (v) => { v.details = await get(videoPath(v.video_id)).catch(() => null); }));
      if (over) return;
      all = videos;
      busy = all.some((v) => WORKING.has(v.state));
      queue.arrived(all.map((v) => v.video_id));
      draw();
    } catch {
      if (over) return;
      count.textContent = words.offline;
      busy = true;
    }
    timer = setTimeout(refresh, busy || queue.expecting ? 1000 : 10_000);
  };
  refresh();
  queue.addEventListener("uploaded", refresh);
  const stopDrop = wholePageDrop(main, take);
  return () => { over = true; clearTimeout(timer); queue.removeEventListener("uploaded", refresh); stopDrop(); };
}

function dropZone(take, { collections, fresh, spoken, tags }) {
  const field = (name, control) => h("label", { class: "field inline" }, h("span", {}, name), control);
  const input = h("input", { type: "file", multiple: true, accept: ACCEPTED, class: "unseen", id: "files", onchange: () => { take([...input.files]); input.value = ""; } });
  return h("section", { class: "drop", "aria-label": words.addVideos }, icon("upload"),
    h("p", {}, h("b", {}, words.drop), " ", h("span", { class: "quiet" }, words.dropText)),
    h("div", { class: "row" }, input, h("label", { for: "files", class: "button primary" }, words.choose), field(words.into, collections), fresh),
    h("details", {}, h("summary", {}, words.saidOfThem), h("div", { class: "row" }, field(words.language, spoken), field(words.tags, tags))));
}

function wholePageDrop(main, take) {
  const over = (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); main.classList.toggle("dropping", event.type === "dragover"); } };
  const dropped = async (event) => {
    event.preventDefault();
    main.classList.remove("dropping");
    const given = [...event.dataTransfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()); // now: later they are gone
    const files = (await Promise.all(given.map((one) => (one instanceof File ? [one] : within(one))))).flat();
    if (files.length) take(files);
  };
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", over);
  document.addEventListener("drop", dropped);
  return () => { document.removeEventListener("dragover", over); document.removeEventListener("dragleave", over); document.removeEventListener("drop", dropped); };
}

/** The file, or the videos of the folder and the folders in it. */
async function within(entry, chosen = true) {
  const heard = (call) => new Promise((resolve, reject) => call(resolve, reject));
  if (entry.isFile) {
    const file = await heard((done, lost) => entry.file(done, lost));
    if (file.name.startsWith(".")) return [];  // systems keep their own things in such files
    return chosen || file.type.startsWith("video/") || ACCEPTED.split(",").some((end) => file.name.toLowerCase().endsWith(end)) ? [file] : [];
  }
  const [reader, held] = [entry.createReader(), []];
  for (let some; !some || some.length; held.push(...some)) some = await heard((done, lost) => reader.readEntries(done, lost));
  return (await Promise.all(held.map((one) => within(one, false)))).flat();
}

function card(video, { seen, refresh, draw, dialog }) {
  const working = WORKING.has(video.state);
  const address = `/watch?${new URLSearchParams({ v: video.video_id })}`;
  const act = (name, label, run, shown = label) => h("button", { type: "button", class: "plain", "data-act": name, "aria-label": `${label}: ${video.title}`, title: label, onclick: run }, icon(name), shown);
  const redo = () => send("POST", videoPath(video.video_id, "/retry")).then(() => { toast(words.retried); refresh(); }, (error) => toast(error.message));
  return h("li", { class: `video ${video.state}`, "data-video": video.video_id, "data-state": video.state },
    h("a", { class: "picture", href: address, "data-link": true, tabindex: "-1", "aria-hidden": "true" },
      video.duration ? h("img", { src: stillPath(video.video_id, video.duration * 0.2, 480), alt: "", loading: "lazy" }) : null,
      video.duration ? h("span", { class: "time" }, clock(video.duration)) : null),
    h("div", { class: "lines" },
      h("h2", {}, h("a", { class: "title", href: address, "data-link": true, lang: video.language }, video.title)),
      h("p", { class: "quiet" }, `${video.collection} · ${date(video.created_at)}`),
      working ? progress(video, seen) : null,
      video.state === "failed" || video.state === "waiting" ? h("div", { class: "notice bad" }, h("span", {}, `${words.state[video.state]}: ${video.error ?? ""}`), h("button", { type: "button", onclick: redo }, words.again)) : null,
      video.gaps.length ? h("details", { class: "gaps" }, h("summary", {}, words.gaps(video.gaps.length)),
        h("ul", {}, video.gaps.map((gap) => h("li", {}, words.gap(gap.timestamp ?? gap.chunk + 1, words.stage[gap.section] ?? words.everything, gap.reason)))), h("button", { type: "button", onclick: redo }, words.again)) : null,
      h("div", { class: "row acts" }, video.duration ? act("grid", words.storyboard, () => sheet(dialog, video, storyboard)) : null, act("text", words.details, () => sheet(dialog, video, about)), act("trash", words.remove, () => remove(video, { refresh, draw }), ""))));
}

function progress(video, seen) {
  const stages = video.details?.stages ?? [];
  const [done, of] = stages.reduce(([d, n], s) => [d + s.done, n + s.of], [0, 0]);
  const share = Math.max(video.progress, of ? (0.95 * done) / of : 0);
  const now = performance.now() / 1000;
  const first = seen.get(video.video_id) ?? { at: now, share };
  if (!seen.has(video.video_id)) seen.set(video.video_id, first);
  const rate = (share - first.share) / (now - first.at);
  const left = rate > 0 && share < 1 ? words.left(duration((1 - share) / rate)) : "";
  return h("div", { class: "working" },
    h("progress", { max: 1, value: share, "aria-label": words.state[video.state] }),
    h("p", {}, `${words.state[video.state]} ${percent(share)}`, left || video.waits_for ? h("span", { class: "quiet" }, ` · ${video.waits_for ? words.batch : left}`) : null),
    stages.length && video.state === "extracting" ? h("ul", { class: "stages" }, stages.map((s) => h("li", { class: s.done >= s.of ? "done" : "" }, `${words.stage[s.section]} ${s.done}/${s.of}`))) : null);
}

function remove(video, { refresh, draw }) {
  const gone = document.activeElement.closest("li.video");
  const next = gone?.nextElementSibling ?? gone?.previousElementSibling;
  const finish = () => { going.delete(video.video_id); send("DELETE", videoPath(video.video_id)).catch((error) => toast(error.message)).finally(refresh); };
  going.set(video.video_id, setTimeout(finish, UNDO_SECONDS * 1000));
  toast(words.removed(video.title), { name: words.undo, run: () => { clearTimeout(going.get(video.video_id)); going.delete(video.video_id); draw(); } }, { seconds: UNDO_SECONDS });
  draw();
  next?.querySelector("[data-act=trash]").focus(); // the keyboard stays where it was
}

/** A dialog about one video, filled by `fill`; what cannot be had can be asked for again. */
function sheet(dialog, video, fill) {
  const body = h("div", { class: "body" });
  const show = () => fill(video, dialog).then((parts) => body.replaceChildren(...parts), (error) => body.replaceChildren(notice(error.message, { name: words.again, run: show }, "bad")));
  dialog.replaceChildren(h("header", {}, h("h2", { id: "sheet-title", tabIndex: -1 }, video.title), h("form", { method: "dialog" }, h("button", { class: "plain", "aria-label": words.close }, icon("close")))), body);
  dialog.showModal();
  show();
}

async function storyboard(video, dialog) {
  const stills = await sprites(video.video_id);
  if (!stills.length) return [h("p", { class: "quiet" }, words.noEntries)];
  return [h("ol", { class: "board" }, stills.map((s) => {
    const picture = h("span", { class: "sprite" });
    Object.assign(picture.style, { width: `${s.w}px`, height: `${s.h}px`, backgroundImage: `url("${s.url}")`, backgroundPosition: `-${s.x}px -${s.y}px` });
    return h("li", {}, h("a", { href: `/watch?${new URLSearchParams({ v: video.video_id, t: s.start })}`, "data-link": true, onclick: () => dialog.close() }, picture, h("span", { class: "time" }, clock(s.start))));
  }))];
}

async function about(video) {
  const details = await get(videoPath(video.video_id));
  const fact = (name, value) => value && h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return [
    details.summary ? h("p", { lang: details.language }, details.summary) : "",
    h("dl", { class: "facts" }, fact(words.length, details.duration ? clock(details.duration) : ""), fact(words.size, bytes(details.size_bytes)), fact(words.language, details.language ? languageName(details.language) : ""),
      fact(words.tag, list(details.tags)), fact(words.cost, words.costText(dollars(details.usage.cost_usd), duration(details.usage.compute_s)))),
    h("ul", { class: "stages" }, details.stages.map((s) => h("li", { class: s.done >= s.of ? "done" : "" }, `${words.stage[s.section]} ${s.done}/${s.of} ${list([...s.models, ...s.sources])}`))),
    h("a", { class: "button", href: videoPath(video.video_id, "/metadata.txt"), target: "_blank" }, icon("text"), words.metadata),
  ];
}
