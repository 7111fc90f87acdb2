// Uploads that go on: in pieces, through lost networks and restarted servers, and after a reload once the same file is chosen again.

import { Problem, send } from "./api.js";
import { h, icon } from "./dom.js";
import { duration, percent, words } from "./words.js";

const PIECE = 8 * 1024 * 1024; // a multiple of 256 KiB, as Cloud Storage asks
const KEPT = "unfinished-uploads";
const AT_ONCE = 2;
const WEEK = 7 * 86_400_000; // an upload's address is good for so long

const unfinished = () => { try { return JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { return {}; } };
const keep = (all) => { try { localStorage.setItem(KEPT, JSON.stringify(all)); } catch { /* then a reload begins again */ } };
const printOf = (file) => [file.name, file.size, file.lastModified].join("/");

class UploadQueue extends EventTarget {
  element = h("ul", { class: "uploads" });
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

  /** `said`: the language and tags that the videos are given. */
  add(files, collection, said = {}) {
    for (const file of files) {
      const left = [...this.element.querySelectorAll(".interrupted")].find((item) => item.dataset.print.endsWith(`/${printOf(file)}`));
      const job = new Upload(file, left ? left.dataset.print.split("/", 1)[0] : collection, said); // what was begun goes on where it was going
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
    const item = h("li", { class: "upload interrupted", "data-print": print }, h("span", { class: "name" }, upload.name), h("span", { class: "quiet" }, words.uploadAgain),
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

  constructor(file, collection, said) {
    Object.assign(this, { file, collection, said });
    this.print = `${collection}/${printOf(file)}`;
    this.bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
    [this.far, this.status] = [h("span", {}, words.queued), h("span", { role: "status" })]; // every percent is to be seen, only what happens is read aloud
    this.element = h("li", { class: "upload", "data-print": this.print }, h("span", { class: "name" }, file.name), this.bar, h("span", { class: "quiet" }, this.far, this.status),
      h("button", { type: "button", class: "plain", "aria-label": `${words.cancel}: ${file.name}`, onclick: () => this.cancel() }, icon("close")));
  }

  cancel() {
    this.#cancelled.abort();
    const { url } = this.session ?? unfinished()[this.print] ?? {};
    if (url) fetch(url, { method: "DELETE" }).catch(() => {});
    forget(this.print);
    this.element.remove();
  }

  /** True when the whole file is there. */
  async run() {
    this.#say("", words.uploading(percent(0), ""));
    for (let tries = 0, reached = 0; !this.#cancelled.signal.aborted;) {
      try {
        this.session ??= unfinished()[this.print] ?? (await this.#start());
        let at = await this.#have(this.session.url);
        [this.began, this.firstAt] = [performance.now(), at];
        while (at < this.file.size) {
          this.#draw(at);
          if (at > reached) [tries, reached] = [0, at];
          at = await this.#put(this.session.url, at);
        }
        forget(this.print);
        this.bar.value = 1;
        this.#say(this.session.video ? words.uploaded : words.subtitlesWait);
        if (this.session.video) this.element.dataset.video = this.session.video;
        return true;
      } catch (error) {
        if (this.#cancelled.signal.aborted) return false;
        const status = error instanceof Problem ? error.status : 0;
        if (this.#ended(status)) this.#forget();
        else if (status && status < 500 && status !== 408 && status !== 429) {
          this.#forget();
          this.#say(words.refused(error.message));
          this.element.classList.add("bad");
          return false;
        } else this.#say(status ? error.message : words.waitingNet);
        tries += 1;
        await this.#pause(Math.min(10_000, 300 * 2 ** tries));
      }
    }
    return false;
  }

  /** Whether the session is no more, and the file has to begin again. Storage may say so without letting pages read it. */
  #ended(status) {
    return this.session && (status === 404 || status === 410 || (!status && Date.now() - this.session.began > WEEK));
  }

  #forget() {
    this.session = null;
    forget(this.print);
  }

  /** Not longer than until the network is back, or the upload is given up. */
  #pause(ms) {
    return new Promise((resolve) => {
      const over = new AbortController();
      const end = () => { over.abort(); resolve(); };
      setTimeout(end, ms);
      addEventListener("online", end, { signal: over.signal });
      this.#cancelled.signal.addEventListener("abort", end, { signal: over.signal });
    });
  }

  async #start() {
    const response = await send("POST", "/v1/uploads", { file_name: this.file.name, size_bytes: this.file.size, content_type: this.file.type, collection: this.collection, ...this.said });
    const { url, video_id: video } = await response.json();
    const session = { url, video, name: this.file.name, began: Date.now() };
    keep({ ...unfinished(), [this.print]: session });
    return session;
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
    let detail;
    try { ({ detail } = await response.json()); } catch { /* the bucket writes no problem documents */ }
    throw new Problem(response.status, detail ?? words.storageSays(response.status));
  }

  #say(what, far = "") {
    this.far.textContent = far;
    if (this.status.textContent !== what) this.status.textContent = what;
  }

  #draw(at) {
    this.bar.value = at / this.file.size;
    const seconds = (this.file.size - at) * (performance.now() - this.began) / (at - this.firstAt) / 1000;
    this.#say("", words.uploading(percent(at / this.file.size), seconds < 360_000 ? words.left(duration(seconds)) : ""));
  }
}

export const queue = new UploadQueue();
