// Talking to the server: JSON, problem documents, and answers that stream in.

import { words } from "./words.js";

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The good answer; throws a Problem in words for every other, status 0 where none came at all. */
export async function answer(path, options) {
  const response = await fetch(path, options).catch((error) => { throw error.name === "AbortError" ? error : new Problem(0, words.unreachable); });
  if (response.ok) return response;
  let detail;
  try { ({ detail } = await response.json()); } catch { /* not a problem document: the status has to do */ }
  throw new Problem(response.status, detail ?? words.answered(response.status));
}

export async function get(path, options) {
  return (await answer(path, options)).json();
}

export async function send(method, path, body) {
  const response = await answer(path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  return response.status === 204 ? null : response;
}

/** Ask; `on.file`, `on.scene`, `on.done` hear what comes. Ends when the answer does; throws a Problem when that is not whole. */
export async function ask(parameters, on, signal) {
  const response = await answer(`/v1/search?${parameters}`, { headers: { Accept: "text/event-stream" }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => { throw signal?.aborted ? error : new Problem(0, words.brokenOff); });
    if (done) throw new Problem(0, words.brokenOff);
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (!name || !data) continue;
      const event = JSON.parse(data);
      if (name === "error") throw new Problem(0, event.detail);
      on[name]?.(event);
      if (name === "done") return;
    }
  }
}

/**
 * Fetch an export and hand it to the browser's downloads: {name, saved}. A large one the browser fetches itself (`saved` is false).
 * `progress` is told how far one that takes long is, from 0 to 1.
 */
export async function download(wanted, progress = () => {}) {
  const response = await send("POST", "/v1/exports", wanted);
  if (response.status === 201 || response.status === 202) {
    const ready = response.status === 201 ? await response.json() : await made(await response.json(), progress);
    save(ready.url, ready.file_name);
    return { name: ready.file_name, saved: false };
  }
  const name = decodeURIComponent(/filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? `scene.${wanted.format}`);
  const url = URL.createObjectURL(await response.blob());
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return { name, saved: true };
}

/** A long export, once it is made: asked for until then. */
async function made(job, progress) {
  const path = `/v1/exports/${job.job_id}`;
  const leave = () => fetch(path, { method: "DELETE", keepalive: true });
  addEventListener("pagehide", leave);
  try {
    while (job.state === "running") {
      progress(job.progress);
      job = await get(`${path}?wait=2`);
    }
  } finally {
    removeEventListener("pagehide", leave);
  }
  if (job.state !== "ready") throw new Problem(0, job.error);
  return job.ready;
}

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

export const videoPath = (id, rest = "") => `/v1/videos/${encodeURIComponent(id)}${rest}`;
export const stillPath = (id, seconds, width) => videoPath(id, `/stills/${Math.max(0, Math.round(seconds * 1000))}.jpg?width=${width}`);

/** `MM:SS-MM:SS` in seconds: [start, end]. */
export const spanOf = (timestamp) => timestamp.split("-").map((time) => time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0));

/** What a scene looks like: the middle of its first evidence, never its very first frame, which may still be the cut before. */
export function pictureAt(scene) {
  const [start, end] = spanOf(scene.evidence[0]?.timestamp ?? "");
  const inside = Math.min((scene.end - scene.start) / 2, 1.5);
  return Math.min(scene.end - inside, Math.max(scene.start + inside, end >= start ? (start + end) / 2 : 0));
}
