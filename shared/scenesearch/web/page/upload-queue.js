// Uploads that go on: in pieces, through lost networks and restarted servers, and after a reload once the same file is chosen again.

import { Problem, send } from "./api.js";
import { h, icon } from "./dom.js";
import { duration, percent, words } from "./words.js";

const PIECE = 8 * 1024 * 1024; // a multiple of 256 KiB, as Cloud Storage asks
const KEPT = "unfinished-uploads";
const AT_ONCE = 2;

const unfinished = () => { try { return JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { return {}; } };
const keep = (all) => localStorage.setItem(KEPT, JSON.stringify(all));
const printOf = (file, collection) => [collection, file.name, file.size, file.lastModified].join("/");

class UploadQueue extends EventTarget {
  element = h("ul", { class: "uploads", "aria-live": "polite" });
  #waiting = [];
  #running = 0;

  constructor() {
    super();
    for (const [print, upload] of Object.entries(unfinished())) this.element.append(this.#interrupted(print, upload));
    addEventListener("beforeunload", (event) => { if (this.busy) event.preventDefault(); });
  }

  get busy() { return this.#running > 0 || this.#waiting.length > 0; }

  /** Whether videos are still expected in the library. */
  get expecting() { return this.busy || this.element.querySelector("[data-video]") !== null; }

  add(files, collection) {
    for (const file of files) {
      const job = new Upload(file, collection);
      this.element.querySelector(`[data-print="${CSS.escape(job.print)}"]`)?.remove();
      this.element.append(job.element);
      this.#waiting.push(job);
    }
    this.#next();
  }

  /** These videos are in the library now: their uploads need not be shown any more. */
  arrived(ids) {
    for (const id of ids) this.element.querySelector(`[data-video="${CSS.escape(id)}"]`)?.remove();
  }

  async #next() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      this.#running += 1;
      this.#waiting.shift().run().then((done) => done && this.dispatchEvent(new Event("uploaded"))).finally(() => { this.#running -= 1; this.#next(); });
    }
  }

  #interrupted(print, upload) {
    const item = h("li", { class: "upload", "data-print": print }, h("span", { class: "name" }, upload.name), h("span", { class: "quiet" }, words.uploadAgain),
      h("button", { type: "button", class: "plain", "aria-label": `${words.cancel}: ${upload.name}`, onclick: () => { forget(print); item.remove(); fetch(upload.url, { method: "DELETE" }).catch(() => {}); } }, icon("close")));
    return item;
  }
}

function forget(print) {
  const all = unfinished();
  delete all[print];
  keep(all);
}

class Upload {
  #cancelled = new AbortController();

  constructor(file, collection) {
    this.file = file;
    this.collection = collection;
    this.print = printOf(file, collection);
    this.bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
    this.status = h("span", { class: "quiet" });
    this.element = h("li", { class: "upload", "data-print": this.print }, h("span", { class: "name" }, file.name), this.bar, this.status,
      h("button", { type: "button", class: "plain", "aria-label": `${words.cancel}: ${file.name}`, onclick: () => this.cancel() }, icon("close")));
  }

  cancel() {
    this.#cancelled.abort();
    const url = unfinished()[this.print]?.url;
    if (url) fetch(url, { method: "DELETE" }).catch(() => {});
    forget(this.print);
    this.element.remove();
  }

  /** True when the whole file is there. */
  async run() {
    this.began = performance.now();
    for (let tries = 0; !this.#cancelled.signal.aborted;) {
      try {
        const { url, video } = unfinished()[this.print] ?? (await this.#start());
        this.video = video;
        let at = await this.#have(url);
        this.firstAt ??= at;
        while (at < this.file.size) {
          this.#draw(at);
          at = await this.#put(url, at);
          tries = 0;
        }
        forget(this.print);
        this.bar.value = 1;
        this.status.textContent = words.uploaded;
        this.element.dataset.video = this.video;
        return true;
      } catch (error) {
        if (this.#cancelled.signal.aborted) return false;
        if (error instanceof Problem && (error.status === 404 || error.status === 410)) { forget(this.print); continue; }
        if (error instanceof Problem && error.status < 500 && error.status !== 429) {
          forget(this.print);
          this.status.textContent = words.refused(error.message);
          this.element.classList.add("bad");
          return false;
        }
        this.status.textContent = error instanceof Problem ? error.message : words.waitingNet;
        tries += 1;
        await new Promise((resolve) => setTimeout(resolve, Math.min(10_000, 300 * 2 ** tries)));
      }
    }
    return false;
  }

  async #start() {
    const response = await send("POST", "/v1/uploads", { file_name: this.file.name, size_bytes: this.file.size, content_type: this.file.type, collection: this.collection });
    const { url, video_id: video } = await response.json();
    keep({ ...unfinished(), [this.print]: { url, video, name: this.file.name } });
    return { url, video };
  }

  /** How many bytes are there already. */
  async #have(url) {
    return this.#arrived(await fetch(url, { method: "PUT", headers: { "Content-Range": `bytes */${this.file.size}` }, signal: this.#cancelled.signal }));
  }

  async #put(url, at) {
    const to = Math.min(this.file.size, at + PIECE);
    return this.#arrived(await fetch(url, { method: "PUT", headers: { "Content-Range": `bytes ${at}-${to - 1}/${this.file.size}` }, body: this.file.slice(at, to), signal: this.#cancelled.signal }));
  }

  async #arrived(response) {
    if (response.ok) return this.file.size;
    if (response.status === 308) return Number(/-(\d+)$/.exec(response.headers.get("Range") ?? "")?.[1] ?? -1) + 1;
    let detail = response.statusText;
    try { detail = (await response.json()).detail; } catch { /* no problem document */ }
    throw new Problem(response.status, detail);
  }

  #draw(at) {
    this.bar.value = at / this.file.size;
    const rate = (at - this.firstAt) / (performance.now() - this.began);
    this.status.textContent = words.uploading(percent(at / this.file.size), rate > 0 ? words.left(duration((this.file.size - at) / rate / 1000)) : "");
  }
}

export const queue = new UploadQueue();
