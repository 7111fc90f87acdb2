// The shell: which view an address shows, the search box, keys that work everywhere.

import { h } from "./dom.js";
import { language, nextLanguage, switchLanguage, words } from "./words.js";
import { homeView, searchView, recentQuestions } from "./search-view.js";
import { watchView } from "./watch-view.js";
import { libraryView } from "./library-view.js";

const VIEWS = { "/": homeView, "/search": searchView, "/watch": watchView, "/library": libraryView };
const main = document.getElementById("view");
const box = document.getElementById("q");
let leave = () => {};
history.scrollRestoration = "manual";

/** Go to an address of this page; `back` says that it is where one came from, to be found as it was left. */
export function go(address, { replace = false, back = false } = {}) {
  if (back && history.state?.back === address) return history.back();
  if (replace) history.replaceState(history.state, "", address);
  else {
    history.replaceState({ ...history.state, left: { top: scrollY, at: document.activeElement?.getAttribute("href") } }, "");
    history.pushState({ back: location.pathname + location.search }, "", address);
  }
  show();
}

/** As it was left: the same place, the same link in focus. */
function returned({ state }) {
  show();
  if (!state?.left) return;
  window.scrollTo(0, state.left.top);
  [...main.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === state.left.at && link.tabIndex === 0)?.focus({ preventScroll: true });
}

function show() {
  leave();
  const url = new URL(location.href);
  const view = VIEWS[url.pathname] ?? homeView;
  document.body.dataset.view = url.pathname.slice(1) || "home";
  document.querySelectorAll("nav a").forEach((link) => (new URL(link.href).pathname === url.pathname ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
  if (url.pathname !== "/library") box.value = url.searchParams.get("q") ?? "";
  window.scrollTo(0, 0);
  leave = view(main, url.searchParams, go) ?? (() => {});
}

document.documentElement.lang = language;
document.querySelectorAll("[data-word]").forEach((element) => { element.textContent = words[element.dataset.word]; });
box.placeholder = words.ask;
box.setAttribute("aria-label", words.ask);
document.getElementById("language-button").textContent = nextLanguage.name;
document.getElementById("language-button").lang = nextLanguage.code;
document.getElementById("language-button").addEventListener("click", switchLanguage);

document.querySelector("form.ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = box.value.trim();
  if (!asked) return box.focus();
  const kept = new URLSearchParams(location.pathname === "/search" ? location.search : "");
  kept.set("q", asked);
  box.blur();
  go(`/search?${kept}`);
});
box.addEventListener("focus", () => {
  document.getElementById("recent").replaceChildren(...recentQuestions().map((q) => h("option", { value: q })));
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-link]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
addEventListener("popstate", returned);

const keys = document.getElementById("keys");
keys.append(
  h("h2", { id: "keys-title" }, words.keysTitle),
  h("dl", {}, words.keysList.map(([key, what]) => h("div", {}, h("dt", {}, key.split(" ").map((k) => h("kbd", {}, k))), h("dd", {}, what)))),
  h("form", { method: "dialog" }, h("button", { class: "primary" }, words.close)),
);
document.getElementById("keys-button").addEventListener("click", () => keys.showModal());
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
    if (typing === box && event.key === "Escape") box.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); box.focus(); box.select(); }
  if (event.key === "?") keys.showModal();
});

show();
if (location.pathname === "/") box.focus();
