// Building the page: elements from plain calls. Text is only ever text; nothing here takes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Props starting with `on` are listeners, `class`, `data-*` and `aria-*` are attributes, the rest are properties. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !["class", "list", "form", "width", "height", "role"].includes(name) && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  play: "M8 5.5v13a1 1 0 0 0 1.5.9l10.6-6.5a1 1 0 0 0 0-1.8L9.5 4.6A1 1 0 0 0 8 5.5Z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  sound: "M4 9v6h4l5 4V5L8 9H4Zm11.5 3a3.5 3.5 0 0 0-1.5-2.9v5.8a3.5 3.5 0 0 0 1.5-2.9ZM14 5.2v2a5 5 0 0 1 0 9.6v2a7 7 0 0 0 0-13.6Z",
  mute: "M4 9v6h4l5 4V5L8 9H4Zm16.6 0-1.4-1.4-2.1 2.1L15 7.6 13.6 9l2.1 2.1-2.1 2.2 1.4 1.4 2.1-2.2 2.1 2.2 1.4-1.4-2.1-2.2L20.600 9Z",
  captions: "M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Zm3 8v2h6v-2H7Zm8 0v2h2v-2h-2ZM7 9.500v2h3v-2H7Zm5 0v2h5v-2h-5Z",
  loop: "M7 7h9V4l5 4-5 4V9H8v3H6V8a1 1 0 0 1 1-1Zm10 10H8v3l-5-4 5-4v3h8v-3h2v4a1 1 0 0 1-1 1Z",
  full: "M4 4h6v2H6v4H4V4Zm10 0h6v6h-2V6h-4V4ZM4 14h2v4h4v2H4v-6Zm14 0h2v6h-6v-2h4v-4Z",
  next: "M6 5l9 7-9 7V5Zm10 0h2v14h-2V5Z",
  previous: "M18 5l-9 7 9 7V5ZM6 5h2v14H6V5Z",
  up: "M7 11l4-8c1.600 0 2.500 1 2.500 2.500V9H19a2 2 0 0 1 2 2.300l-1.100 7A2 2 0 0 1 18 20H7v-9Zm-5 0h3v9H2v-9Z",
  down: "M17 13l-4 8c-1.600 0-2.500-1-2.500-2.500V15H5a2 2 0 0 1-2-2.300l1.100-7A2 2 0 0 1 6 4h11v9Zm5 0h-3V4h3v9Z",
  filter: "M4 6h16v2H4V6Zm3 5h10v2H7v-2Zm3 5h4v2h-4v-2Z",
  close: "M6.400 5 5 6.400 10.600 12 5 17.600 6.400 19l5.600-5.600 5.600 5.600 1.400-1.400-5.600-5.600L19 6.400 17.600 5 12 10.600 6.400 5Z",
  upload: "M12 3l6 6h-4v6h-4V9H6l6-6ZM5 18h14v2H5v-2Z",
  grid: "M4 4h7v7H4V4Zm9 0h7v7h-7V4ZM4 13h7v7H4v-7Zm9 0h7v7h-7v-7Z",
  trash: "M9 3h6l1 2h4v2H4V5h4l1-2ZM6 9h12l-1 12H7L6 9Z",
  again: "M12 5a7 7 0 1 1-6.700 9h2.100A5 5 0 1 0 12 7v3L7 6l5-4v3Z",
  text: "M5 4h14v2H5V4Zm0 5h14v2H5V9Zm0 5h14v2H5v-2Zm0 5h9v2H5v-2Z",
  link: "M10.600 13.400a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1.200 1.200 1.400 1.400 1.200-1.200a2 2 0 0 1 2.900 2.900l-3 3a2 2 0 0 1-2.900 0l-1.400 1.400Zm2.800-2.800a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1.200-1.200-1.400-1.400-1.200 1.200a2 2 0 0 1-2.900-2.900l3-3a2 2 0 0 1 2.900 0l1.400-1.400Z",
  back: "M11 5 4 12l7 7v-4h9V9h-9V5Z",
};

/** One of the page's few pictograms; always beside or under a name that is read aloud. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  path.setAttribute("d", PATHS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** `text` with everything that `pattern` (of `wordsOf`) finds in a <mark>. */
export function marked(text, pattern) {
  if (!pattern) return [text];
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > at) parts.push(text.slice(at, found.index));
    parts.push(h("mark", {}, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

const ENDING = /(?:ies|ing|ed|es|s|ly|e|y)$/i;
const ENDINGS = "(?:ies|ied|ings?|ed|d|es?|ers?|s|ly|y|['’]s)?";
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

const QUOTED = /["＂]([^"＂]+)["＂]|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|[「｢]([^」｣]+)[」｣]|『([^』]+)』/g; // as the search reads them
const QUOTE_MARKS = /["＂“”„«»「」｢｣『』]/g;

/** A question without its quotation marks. */
export const unquoted = (query) => query.replace(QUOTE_MARKS, " ").trim();

/** What to highlight for a question, or null: whole words in every form of them, quoted phrases as they are; Japanese is cut by the browser. */
export function wordsOf(query) {
  const quoted = [...query.matchAll(QUOTED)].map((found) => found.slice(1).find((part) => part !== undefined).trim()).filter(Boolean);
  const sources = new Set(quoted.map(escaped));
  const segments = new Intl.Segmenter(undefined, { granularity: "word" }).segment(unquoted(query));
  for (const { segment, isWordLike } of segments) {
    if (!isWordLike || /^\p{Script=Hiragana}+$/u.test(segment)) continue;
    if (/[\p{Script=Han}\p{Script=Katakana}]/u.test(segment)) sources.add(escaped(segment));
    else if (segment.length > 2 && !STOP.has(segment.toLowerCase())) {
      const stem = segment.replace(ENDING, "");
      sources.add(`(?<![\\p{L}\\p{N}])(?:${escaped(segment)}|${escaped(stem.length > 2 ? stem : segment)}${ENDINGS})(?![\\p{L}\\p{N}])`);
    }
  }
  const longest = [...sources].sort((a, b) => b.length - a.length);
  return longest.length ? new RegExp(longest.join("|"), "giu") : null;
}

const STOP = new Set("the and for with that this from where when what which who how does did was were are has have had you your our his her its they them there then than into onto not".split(" "));

/** What a view has to say before its content, with what to do about it (`{name, run}`). */
export function notice(text, action, kind = "") {
  return h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : null }, h("span", {}, text), action && h("button", { type: "button", onclick: action.run }, action.name));
}

/** A short message at the bottom; with `action` also a button, in sight as long as it works. Other messages give way to the next. */
export function toast(message, action, { seconds = 6 } = {}) {
  const area = document.getElementById("toasts");
  const note = h("div", { class: `toast ${action ? "" : "passing"}` }, h("span", {}, message), action && h("button", { type: "button", class: "plain", onclick: () => { note.remove(); action.run(); } }, action.name));
  area.querySelector(".passing")?.remove();
  area.append(note);
  setTimeout(() => note.remove(), seconds * 1000);
}
