// SPDX-License-Identifier: GPL-3.0-or-later
// The first screen: one sentence, what somebody has to see to, jobs, machines, and how to get more of both.

import { jobButtons, menuForAll, retry } from "./actions.js";
import { about, ask } from "./api.js";
import { each, h, icon, iconButton, setAttribute, setText } from "./dom.js";
import { OVER, done, farm, hasPictures, told, total } from "./farm.js";
import { Frames } from "./frames.js";
import { detailsOf } from "./details.js";
import { doing, headline, isBusy, machines, nameOf, needs, speedOf, stateOf, timeLeft } from "./outlook.js";
import { go } from "./address.js";
import { draw, pictureOf, pictures } from "./pictures.js";
import { ago, count, many, tally } from "./words.js";
import { attempt, copy } from "./ui.js";
import "./send.js";
import "./strip.js";

const SHOWN = 12; // jobs that are over and shown without being asked for
const AT_ONCE = 40; // jobs that are made before somebody has scrolled that far
const NEEDED = 4; // of what needs somebody: more would push the jobs off the screen
const STATES = ["Rendering", "Waiting", "Stopped", "Paused", "Failed", "Finished", "Canceled"]; // in the order of their chips
const MANY = 8; // jobs from which on somebody looks for some of them
const GONE = 24 * 3600; // seconds of silence after which a machine is folded away
const FOR_THEM = "blender --command bender_worker join ";

class FarmHome extends HTMLElement {
  #tick = 0;
  #change = () => this.#show();
  #seen = () => this.#showPictures();
  #sentence = h("h1", { class: "sentence" });
  #needs = h("section", { class: "needs", "aria-labelledby": "needs-title" }, h("h2", { id: "needs-title" }, "Needs you"), h("ul"), h("button", { type: "button", class: "quiet", onclick: () => this.#showAllNeeds() }));
  #needed = NEEDED;
  #find = h("input", { type: "search", placeholder: "Name or person", "aria-label": "Find jobs", oninput: () => this.#filter() });
  #wanted = []; // jobs that are looked for
  #all = iconButton("more", "More for all these jobs", () => menuForAll(this.#all, this.#wanted), { "aria-haspopup": "menu", "aria-expanded": "false" });
  #chips = h("div", { class: "chips", role: "group", "aria-label": "Show only" });
  #rows = h("ul", { class: "rows" });
  #older = h("button", { type: "button", class: "older", onclick: () => go({ all: "1" }) });
  #nothing = h("p", { class: "dim" });
  #end = h("div");
  #limit = AT_ONCE;
  #reached = new IntersectionObserver(([entry]) => entry.isIntersecting && this.#showMore(), { rootMargin: "600px" });
  #jobs = h(
    "section",
    { class: "jobs", "aria-labelledby": "jobs-title" },
    h("div", { class: "title" }, h("h2", { id: "jobs-title" }, "Jobs"), h("div", { class: "find" }, this.#find, this.#all)),
    this.#chips,
    this.#rows,
    this.#end,
    this.#nothing,
    this.#older,
  );
  #picture = document.createElement("newest-picture");
  #workers = document.createElement("worker-list");
  #steps = document.createElement("farm-steps");
  #parameters = new URLSearchParams();

  connectedCallback() {
    const aside = h("div", { class: "side" }, this.#picture, this.#workers, this.#steps);
    this.append(this.#sentence, this.#needs, h("div", { class: "columns" }, this.#jobs, aside));
    farm.addEventListener("change", this.#change);
    farm.addEventListener("connection", this.#change);
    pictures.addEventListener("change", this.#seen);
    this.#tick = setInterval(this.#change, 5000);
    this.#reached.observe(this.#end);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#tick);
    this.#reached.disconnect();
    farm.removeEventListener("change", this.#change);
    farm.removeEventListener("connection", this.#change);
    pictures.removeEventListener("change", this.#seen);
  }

  /** Some pictures are here now. */
  #showPictures() {
    this.#picture.show();
    for (const row of this.#rows.children) row.showPicture();
  }

  set parameters(parameters) {
    if (parameters.get("state") !== this.#parameters.get("state")) this.#limit = AT_ONCE;
    this.#parameters = parameters;
    const find = parameters.get("find") ?? "";
    if (this.#find.value !== find) this.#find.value = find;
    if (this.isConnected) this.#show();
  }

  #filter() {
    this.#limit = AT_ONCE;
    go({ find: this.#find.value || null }, { replace: true });
  }

  #show() {
    document.title = title();
    if (farm.connection === "connecting") return;
    const { words, mood } = headline();
    const empty = !farm.jobs.size && !farm.workers.size;
    setText(this.#sentence, empty ? "A farm in two steps." : words);
    this.#sentence.dataset.mood = mood;
    this.classList.toggle("empty", empty);
    this.#jobs.hidden = this.#workers.hidden = empty;
    this.#showNeeds();
    this.#showJobs();
    this.#workers.show();
    this.#picture.show();
    this.#steps.show(empty);
  }

  #showNeeds() {
    const found = needs();
    this.#needs.hidden = !found.length;
    const [, list, more] = this.#needs.children;
    more.hidden = found.length <= this.#needed;
    setText(more, `Show ${found.length - this.#needed} more`);
    each(list, found.slice(0, this.#needed), (need) => need.key, makeNeed, (row, need) => row.update(need));
  }

  #showAllNeeds() {
    this.#needed = Infinity;
    this.#showNeeds();
  }

  #showJobs() {
    const find = this.#find.value.trim().toLowerCase();
    const all = [...farm.jobs.values()];
    const state = this.#parameters.get("state");
    this.#find.hidden = all.length < MANY && !find;
    const found = find ? all.filter((job) => `${job.name} ${job.person} ${job.id}`.toLowerCase().includes(find)) : all;
    this.#showChips(found, state);
    const wanted = STATES.includes(state) ? found.filter((job) => stateOf(job) === state) : found;
    wanted.sort(inOrder);
    this.#wanted = wanted;
    this.#all.hidden = wanted.length < 2;
    const active = wanted.filter((job) => !OVER.has(job.status)).length;
    const shown = find || wanted !== found || this.#parameters.has("all") ? wanted : wanted.slice(0, active + SHOWN);
    each(this.#rows, shown.slice(0, this.#limit), (job) => job.id, () => document.createElement("job-row"), (row, job) => (row.job = job));
    this.#older.hidden = shown.length === wanted.length;
    setText(this.#older, `Show ${many(wanted.length - shown.length, "older job")}`);
    setText(this.#nothing, find && !found.length ? "No job is called so." : all.length ? "There is no such job." : "None yet. What somebody sends is shown here at once.");
    this.#nothing.hidden = Boolean(wanted.length);
  }

  #showChips(jobs, chosen) {
    const counts = new Map([["All", jobs.length]]);
    for (const state of STATES) counts.set(state, 0);
    for (const job of jobs) counts.set(stateOf(job), counts.get(stateOf(job)) + 1);
    const shown = [...counts.keys()].filter((state) => state === "All" || state === chosen || counts.get(state));
    this.#chips.hidden = !STATES.includes(chosen) && (jobs.length < MANY || shown.length < 3);
    const make = (state) => h("button", { type: "button", onclick: () => go({ state: state === "All" ? null : state }) });
    each(this.#chips, shown, (state) => state, make, (chip, state) => {
      setAttribute(chip, "aria-pressed", String(state === (STATES.includes(chosen) ? chosen : "All")));
      setText(chip, `${state} ${count(counts.get(state))}`);
    });
  }

  #showMore() {
    if (this.#rows.childElementCount < this.#limit) return;
    this.#limit += AT_ONCE;
    this.#reached.unobserve(this.#end); // it is told again if the end is still to be seen then
    this.#reached.observe(this.#end);
    this.#showJobs();
  }
}

/** What is rendered, then what waits by priority, then what is over: of each the newest first. */
function inOrder(one, other) {
  const rank = (job) => ["Rendering", "Waiting", "Stopped", "Paused"].indexOf(stateOf(job)) + 1 || 5;
  return rank(one) - rank(other) || (rank(one) < 5 ? other.priority - one.priority : 0) || (one.created < other.created ? 1 : -1);
}

function title() {
  const going = [...farm.jobs.values()].filter((job) => job.status === "Running" && !job.paused);
  if (!going.length) return "Render farm";
  const [all, there] = going.reduce(([a, d], job) => [a + total(job), d + done(job)], [0, 0]);
  return `${Math.floor((there / all) * 100)} % · Render farm`;
}

function makeNeed() {
  let need = null;
  const words = h("a", { class: "name" });
  const why = h("p");
  const button = h("button", { type: "button", onclick: () => (need.job ? retry(need.job, null, button) : null) }, icon("retry"), "Retry");
  const look = h("a", { class: "button" }, "Look at it");
  const row = h("li", { class: "need" }, icon("warn"), h("div", { class: "words" }, words, why), button, look);
  row.update = (newest) => {
    need = newest;
    setText(words, need.words);
    look.hidden = Boolean(need.job);
    for (const link of [words, look]) setAttribute(link, "href", need.job ? `#/job/${need.job.id}?show=Errored` : `#/worker/${encodeURIComponent(need.worker.id)}`);
    setText(why, need.why);
    button.hidden = !need.job;
  };
  return row;
}

class JobRow extends HTMLElement {
  #job = null;
  #seen = false;
  #shown = null;
  #thumb = h("a", { class: "thumb", tabindex: -1, "aria-hidden": "true" }, icon("picture"));
  #name = h("a", { class: "name" });
  #by = h("span", { class: "dim" });
  #state = h("span", { class: "state" });
  #strip = document.createElement("frame-strip");
  #done = h("span");
  #left = h("span", { class: "dim" });
  #buttons = jobButtons();
  #looking = new IntersectionObserver(([entry]) => this.#look(entry.isIntersecting), { rootMargin: "200px" });

  connectedCallback() {
    this.setAttribute("role", "listitem");
    if (!this.childElementCount) {
      const head = h("div", { class: "head" }, this.#name, this.#by, this.#state);
      const foot = h("div", { class: "foot" }, this.#done, this.#left);
      this.append(this.#thumb, h("div", { class: "body" }, head, this.#strip, foot), this.#buttons);
    }
    this.#looking.observe(this);
  }

  disconnectedCallback() {
    this.#looking.disconnect();
  }

  set job(job) {
    setText(this.#left, timeLeft(job));
    if (job === this.#job) return;
    this.#job = job;
    const address = `#/job/${job.id}`;
    setAttribute(this.#name, "href", address);
    setAttribute(this.#thumb, "href", address);
    setText(this.#name, job.name);
    setText(this.#by, [job.person, job.priority && !OVER.has(job.status) ? `priority ${job.priority}` : ""].filter(Boolean).join(" · "));
    const state = stateOf(job);
    setText(this.#state, state);
    this.#state.dataset.state = state;
    this.#strip.counts = job.frames;
    setText(this.#done, `${count(done(job))} of ${many(total(job), "frame")}`);
    this.#buttons.update(job);
    if (this.#seen) this.#refresh();
  }

  #look(seen) {
    this.#seen = seen;
    if (seen && this.#job) this.#refresh();
  }

  showPicture() {
    if (this.#seen && this.#job) showPicture(this.#thumb, this.#job);
  }

  /** Only what can be seen is asked for. */
  async #refresh() {
    const job = this.#job;
    if (this.#shown === job) return;
    this.#shown = job;
    this.showPicture();
    const details = await detailsOf(job);
    if (details && this.#job === job) this.#strip.frames = new Frames(details.frame_lists);
  }
}

/** The newest picture of a job, as soon as it is here; the one before it stays until then. Gives whether there is one. */
function showPicture(place, job, words) {
  const picture = hasPictures(job) ? pictureOf(job.id, job.picture) : null;
  const shown = `${job.id}/${job.picture}`;
  if (!picture) return place.dataset.shown?.startsWith(`${job.id}/`);
  if (place.dataset.shown === shown) return true;
  place.dataset.shown = shown;
  const canvas = h("canvas", words ? { role: "img", "aria-label": words } : {});
  draw(canvas, picture);
  place.replaceChildren(canvas);
  return true;
}

class NewestPicture extends HTMLElement {
  #link = h("a", { class: "hero" });
  #words = h("p", { class: "dim" });

  connectedCallback() {
    this.hidden = true;
    this.append(h("h2", { class: "away" }, "The newest picture"), this.#link, this.#words);
  }

  show() {
    const newest = [...farm.jobs.values()].filter(hasPictures).sort((one, other) => other.newest_at - one.newest_at)[0];
    if (!newest) {
      this.hidden = true;
      return;
    }
    const words = `Frame ${newest.picture} of “${newest.name}”, ${ago(farm.now() / 1000 - newest.newest_at)}`;
    setText(this.#words, words);
    setAttribute(this.#link, "href", `#/job/${newest.id}/${newest.picture}`);
    this.hidden = !showPicture(this.#link, newest, `Frame ${newest.picture} of “${newest.name}”`);
  }
}

class WorkerList extends HTMLElement {
  #rows = h("ul", { class: "rows" });
  #folded = h("details", { class: "folded" }, h("summary"), h("ul", { class: "rows" }));
  #title = h("h2", {}, "Machines");

  connectedCallback() {
    this.append(this.#title, this.#rows, this.#folded);
  }

  show() {
    const { all } = machines();
    const now = farm.now() / 1000;
    const here = all.filter((worker) => now - worker.seen < GONE);
    const gone = all.filter((worker) => now - worker.seen >= GONE);
    here.sort((one, other) => farm.isSilent(one) - farm.isSilent(other) || isBusy(other) - isBusy(one) || nameOf(one).localeCompare(nameOf(other)));
    setText(this.#title, here.length ? `Machines (${here.length})` : "Machines");
    each(this.#rows, here, (worker) => worker.id, makeWorker, (row, worker) => row.update(worker));
    this.#folded.hidden = !gone.length;
    setText(this.#folded.firstElementChild, `${many(gone.length, "machine")} not heard for a day`);
    each(this.#folded.lastElementChild, gone, (worker) => worker.id, makeWorker, (row, worker) => row.update(worker));
  }
}

function makeWorker() {
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const name = h("a", { class: "name" });
  const what = h("span", { class: "what" });
  const seen = h("span", { class: "dim seen" });
  const row = h("li", { class: "worker" }, dot, h("div", { class: "words" }, name, what), seen);
  row.update = (worker) => {
    const silent = farm.isSilent(worker);
    dot.dataset.state = silent ? "silent" : isBusy(worker) ? "busy" : told(worker, "state") ?? "";
    setText(name, nameOf(worker));
    setAttribute(name, "href", `#/worker/${encodeURIComponent(worker.id)}`);
    setText(what, doing(worker));
    setText(seen, silent ? ago(farm.now() / 1000 - worker.seen) : speedOf(worker, "min"));
  };
  return row;
}

class FarmSteps extends HTMLElement {
  #link = "";
  #drag = h("a", { class: "button drag", hidden: true }, icon("download"), "Drag this into Blender");
  #asked = false;
  #line = h("code", { class: "line" }, `${FOR_THEM}…`);
  #copy = h("button", { type: "button", class: "primary", onclick: () => this.#copyLine() }, icon("copy"), "Copy the line");
  #title = h("h2");
  #steps = h("ol", { class: "steps" });
  #send = h(
    "li",
    {},
    h("h3", {}, "Send a job"),
    h("drop-blend"),
    h("p", {}, "If it needs textures or libraries that are not packed, send it from Blender, on a machine that has joined: Output properties, ", h("b", {}, "Farm"), ", ", h("b", {}, "Send to Farm"), "."),
  );

  connectedCallback() {
    const first = h(
      "li",
      {},
      h("h3", {}, "Let a machine join"),
      h("p", {}, "It needs Blender 4.2 or newer with the extension. Then type this there: from then on it renders, and can send jobs too."),
      this.#drag,
      this.#line,
      this.#copy,
    );
    this.#steps.append(first, this.#send);
    this.append(this.#title, this.#steps);
  }

  show(empty) {
    const place = empty ? this.#steps.lastElementChild : this.#steps.firstElementChild;
    if (place !== this.#send) this.#steps.insertBefore(this.#send, empty ? null : place); // of a farm that runs it is what is done more often
    setText(this.#title, empty ? "" : "More for the farm");
    this.#title.hidden = empty;
    if (!this.#asked) this.#showExtension();
  }

  /** Blender takes it from there, with the farm's own repository, from which it is updated. */
  async #showExtension() {
    this.#asked = true;
    const { extension } = await about();
    if (!extension) return;
    this.#drag.href = `${location.origin}/extension/${extension}?repository=${location.origin}/extension/index.json&blender_version_min=4.2.0`;
    this.#drag.hidden = false;
  }

  /** A join code is made when it is wanted, and not for everybody who looks at the page. */
  async #copyLine() {
    if (!this.#link) this.#link = (await attempt(() => ask("POST", "/api/join-codes", { name: "from the page" }), this.#copy))?.join ?? "";
    if (!this.#link) return;
    setText(this.#line, FOR_THEM + this.#link);
    await copy(FOR_THEM + this.#link, this.#copy);
  }
}

customElements.define("farm-home", FarmHome);
customElements.define("job-row", JobRow);
customElements.define("newest-picture", NewestPicture);
customElements.define("worker-list", WorkerList);
customElements.define("farm-steps", FarmSteps);
