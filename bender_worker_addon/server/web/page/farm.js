// SPDX-License-Identifier: GPL-3.0-or-later
// The farm as this browser knows it: told by the server as it changes; all that is shown is made from it.

import { ask } from "./api.js";

const SILENT = 40_000; // ms without a word after which the line is dead: the server says something every 15 s
const AGAIN = [500, 1000, 2000, 4000, 8000]; // ms until a lost connection is tried again
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g; // letters that turn round the text behind them
const UNSEEN = 600_000; // ms
const MISSED = 3; // heartbeats after which a worker is silent

export const OVER = new Set(["Finished", "Canceled", "Errored"]);

export const total = (job) => Object.values(job.frames).reduce((sum, number) => sum + number, 0);
export const done = (job) => job.frames.Finished ?? 0;
export const failed = (job) => job.frames.Errored ?? 0;
export const running = (job) => job.frames.Running ?? 0;

/** Whether there are pictures of a job's frames that can be shown. */
export const hasPictures = (job) => job.picture != null;

/** What a machine tells of itself, if it is what it should be: anybody may have written it. */
export function told(worker, what, type = "string") {
  const found = worker.hello?.[what];
  if (typeof found !== type) return undefined;
  return type === "string" ? found.replace(TURNS, "") : found;
}

/** Events: `change` when anything is new, at most once a frame of the screen; `connection`. */
class Farm extends EventTarget {
  jobs = new Map();
  workers = new Map();
  /** `connecting`, `live`, `lost`, or `locked`: the key doesn't count (any more). */
  connection = "connecting";
  /** Whether it is to follow although nobody looks. */
  staysAwake = () => false;

  #source = null;
  #skew = 0;
  #tries = 0;
  #timer = 0;
  #watch = 0;
  #sleep = 0;
  #told = false;
  #whole = new Set(); // of what all is told next, and not only what is new

  constructor() {
    super();
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => this.#seen(document.visibilityState === "visible"));
  }

  /** The server's clock in milliseconds. */
  now() {
    return Date.now() + this.#skew;
  }

  open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    const source = (this.#source = new EventSource("/api/events"));
    const hear = (name, what) =>
      source.addEventListener(name, (event) => {
        this.#heard();
        what(JSON.parse(event.data));
        this.#tell();
      });
    source.onopen = () => {
      this.#whole = new Set([this.jobs, this.workers]);
      this.#heard();
    };
    source.onerror = () => this.#lost(source);
    hear("clock", (seconds) => (this.#skew = seconds * 1000 - Date.now()));
    hear("jobs", (jobs) => {
      this.#take(this.jobs, jobs);
      this.#become("live");
    });
    hear("gone", (ids) => ids.forEach((id) => this.jobs.delete(id)));
    hear("workers", (workers) => this.#take(this.workers, workers));
    hear("workers_gone", (ids) => ids.forEach((id) => this.workers.delete(id)));
  }

  /** Whether it has not been heard for too long. */
  isSilent(worker) {
    return this.now() / 1000 - worker.seen > MISSED * (told(worker, "beat", "number") ?? 60) + 5;
  }

  #take(known, entries) {
    if (this.#whole.delete(known)) known.clear();
    for (const entry of entries) known.set(entry.id, entry);
  }

  #heard() {
    this.#tries = 0;
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#lost(this.#source), SILENT);
  }

  async #lost(source) {
    if (source !== this.#source) return;
    source.close();
    this.#source = null;
    clearTimeout(this.#watch);
    const wait = AGAIN[Math.min(this.#tries++, AGAIN.length - 1)];
    try {
      await ask("GET", "/api/session");
    } catch (refusal) {
      if (refusal.status === 401) return this.#become("locked");
    }
    if (this.#source) return;
    this.#become("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #hurry() {
    if (this.connection === "lost" && !this.#source) this.open();
  }

  /** A browser has six connections to a server: of many tabs those that nobody looks at must not hold them all. */
  #seen(isSeen) {
    clearTimeout(this.#sleep);
    if (isSeen && !this.#source && this.connection !== "locked") this.open();
    else if (!isSeen && !this.staysAwake()) this.#sleep = setTimeout(() => this.#fallAsleep(), UNSEEN);
  }

  #fallAsleep() {
    clearTimeout(this.#watch);
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    document.title = "Render farm";
  }

  #become(connection) {
    if (connection === this.connection) return;
    this.connection = connection;
    this.dispatchEvent(new Event("connection"));
  }

  #tell() {
    if (this.#told) return;
    this.#told = true;
    const tell = () => {
      this.#told = false;
      this.dispatchEvent(new Event("change"));
    };
    if (document.hidden) setTimeout(tell, 200); // nothing is drawn meanwhile, but the title and notices go on
    else requestAnimationFrame(tell);
  }
}

export const farm = new Farm();
