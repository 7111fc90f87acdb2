// <scene-player>: a video with a timeline of scenes, captions and keys. Plays one file, or clips one after the other on the same clock.

import { answer, videoPath } from "./api.js";
import { h, icon } from "./dom.js";
import { clock, language as interfaceLanguage, words } from "./words.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

class ScenePlayer extends HTMLElement {
  #pieces = [];
  #piece = 0;
  #wanted = 0;
  #playing = false;
  #played = false;
  #video;
  #sprites = [];
  #named = [];
  #dragging = false;
  span = null;
  looping = false;

  /** Show `details` (of /v1/videos/ID) at `start` seconds. */
  load(details, start) {
    this.details = details;
    this.duration = details.duration;
    this.#pieces = details.playback.pieces;
    this.#build();
    this.#open(start);
    this.#loadSprites();
  }

  get video() { return this.#video; }

  /** Seconds on the video's clock. */
  get time() {
    if (this.#video.readyState < 1) return this.#wanted;
    return this.#video.currentTime + (this.#pieces[this.#piece]?.start ?? 0);
  }

  set time(seconds) {
    const wanted = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.05));
    const piece = this.#pieceAt(wanted);
    this.#wanted = wanted;
    if (piece !== this.#piece) this.#open(wanted, !this.#video.paused);
    else this.#video.currentTime = Math.max(0, wanted - (this.#pieces[piece]?.start ?? 0));
    this.#draw(wanted);
  }

  /** Play `[start, end)` and stop there, offering to go on. */
  playSpan(span, { play = true } = {}) {
    this.span = span;
    this.#ended.hidden = true;
    this.time = span.start;
    if (play) this.#video.play().catch(() => {});
  }

  /** [{start, end, kind, label}]: `important` scenes and `hit`s, shown on the timeline and named under the pointer. */
  set marks(marks) {
    this.#named = [...marks].sort((a, b) => (b.kind === "hit") - (a.kind === "hit") || (a.end - a.start) - (b.end - b.start));
    this.#marks.replaceChildren(...marks.map((mark) => {
      const element = h("span", { class: `mark ${mark.kind}` });
      element.style.left = `${(100 * mark.start) / this.duration}%`;
      element.style.width = `max(4px, ${(100 * (mark.end - mark.start)) / this.duration}%)`;
      return element;
    }));
  }

  /** {start, end} of what will be taken away, between brackets on the timeline. */
  set clip({ start, end }) {
    this.#clip.hidden = !(start < end);
    this.#clip.style.left = `${(100 * start) / this.duration}%`;
    this.#clip.style.width = `${(100 * (end - start)) / this.duration}%`;
  }

  key(event) {
    const jump = (seconds) => () => {
      this.time = this.time + seconds;
      if (this.span && this.#wanted >= this.span.end) this.span = null; // whoever leaves the scene is not held at its end
    };
    const step = (frames) => () => { this.#video.pause(); jump(frames / (this.details.frame_rate || 25))(); };
    const keys = {
      j: jump(-10), l: jump(10), k: () => this.toggle(), " ": () => this.toggle(),
      ArrowLeft: jump(-5), ArrowRight: jump(5), Home: jump(-Infinity), End: jump(Infinity), ",": step(-1), ".": step(1),
      m: () => this.#mute(), c: () => this.#captions(), f: () => this.#full(), r: () => this.#loop(),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
    return Boolean(act);
  }

  toggle() {
    if (this.#video.paused) { this.#ended.hidden = true; this.#video.play().catch(() => {}); } else this.#video.pause();
  }

  #marks = h("div", { class: "marks", "aria-hidden": "true" });
  #clip = h("div", { class: "clip", hidden: true });
  #ended = h("div", { class: "ended", hidden: true });

  #build() {
    const button = (name, label, act) => h("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(name));
    this.#video = h("video", { playsInline: true, preload: "auto", tabIndex: -1, "aria-label": this.details.title });
    this.playButton = button("play", words.play, () => this.toggle());
    this.muteButton = button("sound", words.mute, () => this.#mute());
    this.captionsButton = button("captions", words.captions, () => this.#captions());
    this.loopButton = button("loop", words.loop, () => this.#loop());
    this.captionsButton.setAttribute("aria-pressed", "false");
    this.loopButton.setAttribute("aria-pressed", "false");
    this.speed = h("select", { class: "tool", "aria-label": words.speed, onchange: () => { this.#video.defaultPlaybackRate = this.#video.playbackRate = Number(this.speed.value); } }, SPEEDS.map((s) => h("option", { value: s, selected: s === 1 }, `${s}×`)));
    this.clockText = h("span", { class: "clock" });
    this.played = h("div", { class: "played" });
    this.preview = h("div", { class: "preview", hidden: true, "aria-hidden": "true" }, h("span", { class: "sprite" }), h("span", { class: "time" }), h("span", { class: "label", lang: this.details.language }));
    this.line = h("div", { class: "line", role: "slider", tabIndex: 0, "aria-label": words.position, "aria-valuemin": 0, "aria-valuemax": Math.round(this.duration) },
      h("div", { class: "rail" }, this.played), this.#marks, this.#clip, this.preview);
    this.line.addEventListener("pointerdown", (e) => { this.#dragging = true; this.line.setPointerCapture(e.pointerId); this.#seekTo(e); });
    this.line.addEventListener("pointermove", (e) => { this.#hover(e); if (this.#dragging) this.#seekTo(e); });
    this.line.addEventListener("pointerup", () => { this.#dragging = false; });
    this.line.addEventListener("pointerleave", () => { this.preview.hidden = true; });
    const note = h("p", { class: "cannot", role: "alert", hidden: true }, words.cannotPlay);
    const video = this.#video;
    video.addEventListener("click", () => this.toggle());
    for (const name of ["play", "pause"]) video.addEventListener(name, () => this.#drawPlaying());
    video.addEventListener("timeupdate", () => this.#moved());
    video.addEventListener("seeked", () => this.#draw(this.time));
    video.addEventListener("loadedmetadata", () => {
      const within = this.#wanted - (this.#pieces[this.#piece]?.start ?? 0);
      if (Math.abs(video.currentTime - within) > 0.02) video.currentTime = within;
      if (Number.isFinite(video.duration) && !this.#pieces.length) this.duration = Math.max(this.duration, video.duration);
    });
    const eachPicture = () => { this.#moved(); video.requestVideoFrameCallback(eachPicture); };
    video.requestVideoFrameCallback?.(eachPicture);
    video.addEventListener("ended", () => { if (this.#piece + 1 < this.#pieces.length) this.#open(this.#pieces[this.#piece + 1].start, true); });
    video.addEventListener("error", () => { if (!this.#again() && !this.#originalInstead()) note.hidden = false; });
    video.addEventListener("loadeddata", () => { note.hidden = true; this.#played = true; });
    this.#ended.replaceChildren(h("p", {}, words.sceneEnded),
      h("button", { type: "button", class: "primary", onclick: () => { this.span = null; this.toggle(); } }, icon("play"), words.playOn),
      h("button", { type: "button", onclick: () => this.playSpan(this.lastSpan) }, icon("again"), words.replay));
    this.replaceChildren(h("div", { class: "screen" }, video, this.#ended, note), h("div", { class: "controls" }, this.line,
      h("div", { class: "tools" }, this.playButton, this.clockText, h("span", { class: "spring" }), this.muteButton, this.captionsButton, this.loopButton, this.speed,
        button("full", words.fullscreen, () => this.#full()))));
    video.muted = localStorage.getItem("muted") === "1";
    this.#drawMuted();
    this.#drawPlaying();
  }

  #pieceAt(seconds) {
    let found = 0;
    this.#pieces.forEach((piece, number) => { if (piece.start <= seconds + 0.001) found = number; });
    return found;
  }

  #open(seconds, play = false) {
    [this.#wanted, this.#playing] = [seconds, play];
    this.#piece = this.#pieceAt(seconds);
    const piece = this.#pieces[this.#piece];
    const within = Math.max(0, seconds - (piece?.start ?? 0));
    const source = piece ? videoPath(this.details.video_id, `/clips/${piece.chunk}`) : videoPath(this.details.video_id, "/media");
    this.#listen(piece?.start ?? 0);
    this.#video.src = within ? `${source}#t=${within.toFixed(3)}` : source; // the browser asks for that place at once
    if (play) this.#video.play().catch(() => {});
    this.#draw(seconds);
  }

  /** What has played fails when the network does, or when the link to it has expired: it is opened anew where it was, once. */
  #again() {
    if (!this.#played) return false;
    this.#played = false;
    this.#open(this.#wanted, !this.#video.paused);
    return true;
  }

  /** Clips may be gone: then the original, where the browser can play it. */
  #originalInstead() {
    if (!this.#pieces.length) return false;
    const at = this.#wanted;
    this.#pieces = [];
    this.#open(at, this.#playing);
    return true;
  }

  /** Captions of what is open, on its own clock. */
  #listen(start) {
    const shown = localStorage.getItem("captions") === "1";
    const track = h("track", { kind: "captions", label: words.captions, srclang: this.details.language || interfaceLanguage, src: videoPath(this.details.video_id, `/captions.vtt${start ? `?start=${start}` : ""}`) });
    this.#video.replaceChildren(track);
    track.track.mode = shown ? "showing" : "disabled";
    this.captionsButton.setAttribute("aria-pressed", String(shown));
  }

  #moved() {
    if (this.#video.readyState < 2) return;
    const now = this.#wanted = this.time;
    if (this.span && now >= this.span.end - 0.03 && !this.#video.paused) {
      if (this.looping) this.time = this.span.start;
      else {
        this.#video.pause();
        this.lastSpan = this.span;
        this.#ended.hidden = false;
        this.span = null;
      }
    }
    this.#draw(now);
  }

  #draw(now) {
    this.clockText.textContent = `${clock(now)} / ${clock(this.duration)}`;
    this.played.style.width = `${Math.min(100, (100 * now) / (this.duration || 1))}%`;
    this.line.setAttribute("aria-valuenow", Math.round(now));
    this.line.setAttribute("aria-valuetext", clock(now));
    this.dispatchEvent(new CustomEvent("moved", { detail: now }));
  }

  #drawPlaying() {
    const paused = this.#video.paused;
    this.playButton.replaceChildren(icon(paused ? "play" : "pause"));
    this.playButton.setAttribute("aria-label", paused ? words.play : words.pause);
    this.playButton.title = paused ? words.play : words.pause;
  }

  #drawMuted() {
    const muted = this.#video.muted;
    this.muteButton.replaceChildren(icon(muted ? "mute" : "sound"));
    this.muteButton.setAttribute("aria-label", muted ? words.unmute : words.mute);
  }

  #mute() {
    this.#video.muted = !this.#video.muted;
    localStorage.setItem("muted", this.#video.muted ? "1" : "0");
    this.#drawMuted();
  }

  #captions() {
    const track = this.#video.textTracks[0];
    if (!track) return;
    track.mode = track.mode === "showing" ? "disabled" : "showing";
    localStorage.setItem("captions", track.mode === "showing" ? "1" : "0");
    this.captionsButton.setAttribute("aria-pressed", String(track.mode === "showing"));
  }

  #loop() {
    this.looping = !this.looping;
    this.loopButton.setAttribute("aria-pressed", String(this.looping));
    if (this.looping && !this.span && this.lastSpan) this.playSpan(this.lastSpan);
  }

  #full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.requestFullscreen?.().catch(() => {});
  }

  #share(event) {
    const box = this.line.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  #seekTo(event) {
    this.span = null;
    this.#ended.hidden = true;
    this.time = this.#share(event) * this.duration;
  }

  #hover(event) {
    const share = this.#share(event);
    const at = share * this.duration;
    const [picture, time, label] = this.preview.children;
    time.textContent = clock(at);
    label.textContent = this.#named.find((mark) => mark.start <= at && at < mark.end)?.label ?? "";
    const sprite = this.#sprites.find((s) => s.start <= at && at < s.end);
    picture.hidden = !sprite;
    if (sprite) {
      picture.style.width = `${sprite.w}px`;
      picture.style.height = `${sprite.h}px`;
      picture.style.backgroundImage = `url("${sprite.url}")`;
      picture.style.backgroundPosition = `-${sprite.x}px -${sprite.y}px`;
    }
    this.preview.style.left = `clamp(85px, ${100 * share}%, calc(100% - 85px))`;
    this.preview.hidden = false;
  }

  async #loadSprites() {
    this.#sprites = await sprites(this.details.video_id).catch(() => []);
  }
}

const seconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** The small pictures of a video: [{start, end, url, x, y, w, h}]; none while it is being read. Throws a Problem. */
export async function sprites(id) {
  const response = await answer(videoPath(id, "/thumbnails.vtt")).catch((error) => { if (error.status !== 404) throw error; });
  if (!response) return [];
  const found = [...(await response.text()).matchAll(/([\d:.]+) --> ([\d:.]+)[^\n]*\n([\w.-]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g)];
  return found.map(([, start, end, file, x, y, w, h]) => ({ start: seconds(start), end: seconds(end), url: videoPath(id, `/${file}`), x: +x, y: +y, w: +w, h: +h }));
}

customElements.define("scene-player", ScenePlayer);
