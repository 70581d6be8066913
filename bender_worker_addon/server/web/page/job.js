// SPDX-License-Identifier: GPL-3.0-or-later
// A job's page: all its frames as a strip and as pictures, one of them large, what became of it, and why some failed.

import { film, jobButtons, retry } from "./actions.js";
import { go } from "./address.js";
import { about, ask, framePath, jobPath, sentence } from "./api.js";
import { detailsOf } from "./details.js";
import { each, h, icon, setAttribute, setText } from "./dom.js";
import { OVER, done, failed, farm, hasPictures, total } from "./farm.js";
import { Frames } from "./frames.js";
import "./grid.js";
import { ends, stateOf, timeLeft } from "./outlook.js";
import "./strip.js";
import { attempt } from "./ui.js";
import "./viewer.js";
import { STATUSES, ago, asFrames, clock, count, duration, many, runs, shortened, withoutFrame } from "./words.js";

const FILTERS = { All: [], Finished: ["Finished"], Rendering: ["Running"], Waiting: ["Waiting", "Queued", "Paused"], Failed: ["Errored"], Canceled: ["Aborted"] };
const FILTER_OF = { Errored: "Failed", Running: "Rendering", Aborted: "Canceled" };
const TOLD = 20; // tasks of which the farm tells at once why they failed
const SPENT = { queue: "waiting for its turn there" }; // what needs other words than the worker's own
const SHORT = 0.05; // seconds that are not worth a word
const SOON = 120; // ms a frame is looked at before the farm is asked about it

class JobPage extends HTMLElement {
  #job = null;
  #details = null;
  #frames = null;
  #wantedFrame = undefined;
  #filter = "All";
  #timer = 0;
  #asking = 0;
  #told = "";
  #change = () => this.#refresh();
  #title = h("h1");
  #state = h("span", { class: "state" });
  #buttons = jobButtons();
  #retry = h("button", { type: "button", onclick: () => retry(this.#job, undefined, this.#retry) }, icon("retry"), h("span"));
  #download = h("a", { class: "button", download: true }, icon("download"), h("span", {}, "Download"));
  #film = h("button", { type: "button", hidden: true, onclick: () => film(this.#job, this.#film) }, icon("film"), h("span", {}, "Film"));
  #hasBlender = false;
  #progress = h("p", { class: "progress" });
  #facts = h("p", { class: "dim" });
  #stopped = h("p", { class: "wrong", role: "note" });
  #strip = h("frame-strip", { role: "slider", tabindex: 0, "aria-label": "Frame" });
  #viewer = document.createElement("frame-viewer");
  #about = h("section", { class: "about", "aria-label": "This frame" });
  #failures = h("section", { class: "failures", "aria-labelledby": "failures-title" }, h("h2", { id: "failures-title" }, "Why frames failed"), h("ul"));
  #warnings = h("section", { class: "warnings", "aria-labelledby": "warnings-title" }, h("h2", { id: "warnings-title" }, "What may be wrong with frames"), h("ul", { class: "concerns" }));
  #preflight = h("section", { class: "warnings", "aria-labelledby": "preflight-title" }, h("h2", { id: "preflight-title" }, "What its sender was warned of"), h("ul", { class: "concerns" }));
  #chips = h("div", { class: "chips", role: "group", "aria-label": "Show only" });
  #chosen = h("div", { class: "chosen" });
  #grid = document.createElement("frame-grid");
  #gone = h("p", { class: "dim" });
  #whole = h(
    "div",
    { class: "job" },
    h("div", { class: "top" }, this.#title, this.#state, h("div", { class: "actions" }, this.#retry, this.#film, this.#download, this.#buttons)),
    this.#progress,
    this.#facts,
    this.#stopped,
    this.#strip,
    h("div", { class: "parts" }, h("div", { class: "look" }, this.#viewer, this.#about), h("div", { class: "all" }, this.#failures, this.#warnings, this.#preflight, h("div", { class: "bar" }, this.#chips, this.#chosen), this.#grid)),
  );

  connectedCallback() {
    this.append(h("nav", { "aria-label": "Where this is" }, h("a", { class: "back", href: "#/" }, icon("back"), "All jobs")), this.#gone, this.#whole);
    farm.addEventListener("change", this.#change);
    this.#timer = setInterval(() => this.#showHead(), 5000);
    this.#viewer.addEventListener("choose", (event) => this.#seek(event.detail));
    this.#grid.addEventListener("choose", (event) => this.#choose(event.detail));
    this.#grid.addEventListener("mark", () => this.#showMarked());
    this.#strip.addEventListener("keydown", (event) => this.#stripPressed(event));
    this.#strip.addEventListener("pointerdown", (event) => this.#stripScrubbed(event));
    this.#strip.addEventListener("pointermove", (event) => event.buttons === 1 && this.#stripScrubbed(event));
    about().then(({ blender }) => {
      this.#hasBlender = Boolean(blender);
      this.#showHead();
    });
    this.#refresh();
  }

  disconnectedCallback() {
    farm.removeEventListener("change", this.#change);
    clearInterval(this.#timer);
    clearTimeout(this.#asking);
  }

  set frame(number) {
    this.#wantedFrame = Number.isInteger(number) ? number : undefined;
    if (this.#frames) this.#lookAtWanted();
  }

  set parameters(parameters) {
    const wanted = parameters.get("show");
    const filter = FILTER_OF[wanted] ?? wanted;
    const before = this.#filter;
    this.#filter = filter in FILTERS ? filter : "All";
    if (this.#frames && this.#filter !== before) this.#showFrames(); // not for each step from frame to frame
  }

  async #refresh() {
    const job = farm.jobs.get(this.subject);
    this.#whole.hidden = !job;
    setText(this.#gone, job || farm.connection === "connecting" ? "" : "There is no such job (any more).");
    if (!job || job === this.#job) return;
    this.#job = job;
    this.#showHead();
    const details = await detailsOf(job);
    if (!details || details === this.#details || !this.isConnected) return;
    const first = !this.#details;
    this.#details = details;
    this.#frames = new Frames(details.frame_lists);
    this.#showFrames();
    this.#showFailures();
    this.#showWarnings();
    if (first) this.#lookAtFirst();
    this.#showHead();
  }

  /** The frame of the address, else the newest picture, or a failed frame if the address asks for those. */
  #lookAtFirst() {
    if (this.#wantedFrame !== undefined) return this.#lookAtWanted();
    const newest = this.#job.newest == null ? 0 : this.#frames.placeOf(this.#job.newest);
    this.#viewer.place = Math.max(0, this.#filter === "Failed" ? this.#frames.nearest(0, 1, "Errored") : newest);
    return this.#showPlace();
  }

  #showHead() {
    const job = this.#job;
    if (!job) return;
    document.title = `${job.name} · ${Math.floor((done(job) / Math.max(1, total(job))) * 100)} %`;
    setText(this.#title, job.name);
    const state = stateOf(job);
    setText(this.#state, state);
    this.#state.dataset.state = state;
    this.#buttons.update(job);
    this.#retry.hidden = !failed(job);
    setText(this.#retry.lastChild, `Retry ${many(failed(job), "failed frame")}`);
    this.#download.hidden = !done(job);
    this.#film.hidden = !this.#hasBlender || done(job) < 2;
    setAttribute(this.#download, "href", jobPath(job.id, "/frames.zip"));
    setText(this.#stopped, job.paused && job.stopped ? job.stopped : "");
    const end = ends(job);
    const over = OVER.has(job.status) && job.newest_at ? `, the last frame ${clock(job.newest_at * 1000, farm.now())}` : "";
    const when = end === undefined ? over : `, done about ${clock(end, farm.now())}`;
    const by = job.blender ? ` by Blender ${job.blender}` : "";
    const tiles = job.tiles && !OVER.has(job.status) ? ` · ${count(job.tiles_done)} of ${many(job.tiles, "tile")}${by}` : "";
    setText(this.#progress, `${count(done(job))} of ${many(total(job), "frame")}${tiles} · ${timeLeft(job)}${when}`);
    const fps = this.#details?.fps;
    const pace = this.#details?.pace?.seconds;
    const { image_format: format, engine, width, height } = this.#details?.scene ?? {};
    const facts = [
      `sent ${job.person ? `by ${job.person} ` : ""}${clock(Date.parse(job.created), farm.now())}`,
      engine,
      width && `${width} × ${height}`,
      format,
      fps && `${fps.toLocaleString()} frames a second`,
      pace && (pace < 1 ? `${(1 / pace).toFixed(1)} frames rendered a second` : `a frame rendered every ${duration(pace)}`),
      job.priority ? `priority ${job.priority}` : "",
    ];
    setText(this.#facts, facts.filter(Boolean).join(" · "));
  }

  #showFrames() {
    const frames = this.#frames;
    this.#strip.frames = frames;
    this.#strip.setAttribute("aria-valuemin", frames.numbers[0] ?? 0);
    this.#strip.setAttribute("aria-valuemax", frames.numbers[frames.length - 1] ?? 0);
    const format = this.#details.scene.image_format ?? "";
    this.#viewer.show({ job: this.#job, frames, format, fps: this.#details.fps, pictures: hasPictures(this.#job), inTiles: this.#details.in_tiles ?? [] });
    this.#grid.show({ job: this.#job, frames, places: frames.places(FILTERS[this.#filter]), pictures: hasPictures(this.#job) });
    this.#showChips();
    this.#showPlace();
    this.#showMarked();
  }

  #showChips() {
    const counts = this.#job.frames;
    const many = (filter) => (filter === "All" ? total(this.#job) : FILTERS[filter].reduce((sum, status) => sum + (counts[status] ?? 0), 0));
    const shown = Object.keys(FILTERS).filter((filter) => filter === "All" || filter === this.#filter || many(filter));
    const make = (filter) => h("button", { type: "button", onclick: () => go({ show: filter === "All" ? null : filter }) });
    each(this.#chips, shown, (filter) => filter, make, (chip, filter) => {
      chip.dataset.filter = filter;
      setAttribute(chip, "aria-pressed", String(filter === this.#filter));
      setText(chip, `${filter} ${count(many(filter))}`);
    });
  }

  #showFailures() {
    const found = this.#details.failures;
    this.#failures.hidden = !found.length;
    const byReason = new Map();
    for (const { frames, reason } of found) byReason.set(withoutFrame(reason), [...(byReason.get(withoutFrame(reason)) ?? []), frames]);
    const make = () => {
      const [words, reason] = [h("b"), h("p")];
      const look = h("button", { type: "button" }, icon("log"), "Its log");
      return Object.assign(h("li", {}, h("div", {}, words, reason), look), { words, reason, look });
    };
    each(this.#failures.lastElementChild, [...byReason], ([reason]) => reason, make, (row, [reason, lists]) => {
      const numbers = [...runs(lists.join(","))].flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => first + n));
      const frames = asFrames(numbers.sort((one, other) => one - other));
      const more = found.length === TOLD ? " and perhaps more" : "";
      setText(row.words, `Frame${numbers.length > 1 ? "s" : ""} ${shortened(frames)}${more}`);
      setText(row.reason, reason);
      row.look.onclick = () => {
        this.#choose(this.#frames.placeOf(parseInt(frames, 10)));
        this.#about.scrollIntoView({ block: "nearest" });
      };
    });
  }

  #showWarnings() {
    const { warnings, preflight } = this.#details;
    listWarnings(this.#warnings, warnings.map(({ frames, words }) => [h("b", {}, `Frame${/[-,]/.test(frames) ? "s" : ""} ${shortened(frames)}: `), words]));
    listWarnings(this.#preflight, preflight.map((words) => [sentence(words)]));
  }

  #showMarked() {
    const marked = this.#grid.marked;
    this.#chosen.hidden = !marked.length;
    if (!marked.length) return;
    const again = marked.filter((place) => ["Errored", "Aborted"].includes(this.#frames.status(place))).map((place) => this.#frames.numbers[place]);
    const button = h("button", { type: "button", onclick: () => retry(this.#job, asFrames(again), button).then(() => this.#grid.unmark()) }, icon("retry"), `Retry ${many(again.length, "frame")}`);
    button.hidden = !again.length;
    this.#chosen.replaceChildren(
      h("span", {}, `${many(marked.length, "frame")} marked`),
      button,
      h("button", { type: "button", class: "quiet", onclick: () => this.#grid.unmark() }, "Unmark"),
    );
  }

  #lookAtWanted() {
    const place = this.#wantedFrame === undefined ? -1 : this.#frames.placeOf(this.#wantedFrame);
    if (place >= 0 && place !== this.#viewer.place) {
      this.#viewer.place = place;
      this.#grid.reveal(place);
    }
    this.#showPlace();
  }

  #choose(place) {
    if (place < 0) return;
    this.#viewer.place = place;
    go({}, { path: ["job", this.#job.id, this.#frames.numbers[place]], replace: true });
    this.#showPlace();
  }

  /** Chooses one that was not looked for in the grid. */
  #seek(place) {
    this.#choose(place);
    this.#grid.reveal(place);
  }

  #showPlace() {
    const place = this.#viewer.place;
    if (place < 0 || !this.#frames.length) return;
    const [number, status] = [this.#frames.numbers[place], this.#frames.status(place)];
    this.#strip.chosen = place;
    this.#grid.chosen = place;
    setAttribute(this.#strip, "aria-valuenow", number);
    setAttribute(this.#strip, "aria-valuetext", `frame ${number}, ${STATUSES[status]}`);
    const told = `${number} ${status}`;
    if (told === this.#told) return;
    this.#told = told;
    if (this.#about.firstChild) this.#about.replaceChildren(h("h2", {}, `Frame ${number}`));
    clearTimeout(this.#asking);
    this.#asking = setTimeout(() => this.#tellAbout(number, status), SOON);
  }

  /** What became of a frame, and why it failed. */
  async #tellAbout(number, status) {
    const parts = [h("h2", {}, `Frame ${number}`), h("p", { class: "state", "data-state": { Errored: "Failed", Running: "Rendering" }[status] ?? status }, STATUSES[status])];
    let task = null;
    if (farm.jobs.has(this.#job.id) && !["Waiting", "Queued"].includes(status)) task = await ask("GET", framePath(this.#job.id, `${number}/task`)).catch(() => null);
    if (this.#told !== `${number} ${status}`) return;
    const again = h("button", { type: "button", onclick: () => retry(this.#job, String(number), again) }, icon("retry"), "Retry this frame");
    const file = h("a", { class: "button", href: framePath(this.#job.id, number), download: true }, icon("download"), "Download this frame");
    if (["Errored", "Aborted"].includes(status)) parts.push(again);
    if (status === "Finished") parts.push(file);
    const log = h("button", { type: "button", onclick: () => this.#showLog(task, log) }, icon("log"), "Its log");
    if (task?.worker && !task.output) parts.push(log);
    if (task) parts.push(...aboutTask(task));
    this.#about.replaceChildren(...parts);
  }

  /** What Blender has printed for it until now, which the machine that renders it keeps. */
  async #showLog(task, button) {
    const told = this.#told;
    const found = await attempt(() => ask("GET", jobPath(this.#job.id, `/tasks/${task.number}/log`)), button);
    if (!found || told !== this.#told) return;
    this.#about.querySelector("pre")?.remove();
    const log = h("pre", { tabindex: 0 }, found.text);
    this.#about.append(log);
    log.scrollTop = log.scrollHeight;
    log.scrollIntoView({ block: "nearest" });
  }

  #stripScrubbed(event) {
    if (event.type === "pointerdown") this.#strip.setPointerCapture(event.pointerId);
    this.#seek(this.#strip.placeAt(event.clientX));
  }

  #stripPressed(event) {
    const length = this.#frames?.length ?? 0;
    const page = Math.max(1, Math.round(length / 20));
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: page, PageDown: -page, Home: -length, End: length };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.#seek(Math.max(0, Math.min(length - 1, this.#viewer.place + steps[event.key])));
  }
}

function listWarnings(section, warnings) {
  section.hidden = !warnings.length;
  section.lastElementChild.replaceChildren(...warnings.map((words) => h("li", {}, icon("warn"), h("span", {}, words))));
}

function aboutTask(task) {
  const [start, finish] = [Date.parse(task.start), Date.parse(task.finish)];
  const facts = [];
  const fact = (name, ...words) => facts.push(h("dt", {}, name), h("dd", {}, ...words));
  if (task.worker) fact("Machine", h("a", { href: `#/worker/${encodeURIComponent(task.worker)}` }, task.worker), task.device ? ` · ${task.device}` : "");
  if (start && !finish) fact("Since", `${clock(start, farm.now())}, ${ago((farm.now() - start) / 1000)}`);
  if (finish) fact(task.error ? "Failed" : "Done", clock(finish, farm.now()));
  if (start && finish) fact("Took", `${duration((finish - start) / 1000)}${/[-,]/.test(task.frames) ? ` for frames ${shortened(task.frames, 30)}` : ""}`);
  const times = Object.entries(task.timings ?? {}).filter(([, seconds]) => seconds >= SHORT);
  if (times.length) fact("Spent on", times.map(([what, seconds]) => `${SPENT[what] ?? what} ${duration(seconds)}`).join(", "));
  const parts = [h("dl", {}, facts)];
  if (task.error) parts.push(h("p", { class: "wrong" }, task.error));
  if (task.output) parts.push(h("h3", {}, "What Blender printed last"), h("pre", { tabindex: 0 }, task.output));
  return parts;
}

customElements.define("job-page", JobPage);
