// SPDX-License-Identifier: GPL-3.0-or-later
// A machine's page: what it does, what it is, what has happened to it, and orders for it.

import { about, ask, framePath, workerPath } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { farm, told } from "./farm.js";
import { doing, isBusy, nameOf, speedOf } from "./outlook.js";
import { attempt, question, say } from "./ui.js";
import { ago, bytes, clock, count, many, shortened } from "./words.js";

const EVENTS = { finish: "finished", error: "failed", abort: "gave up", requeue: "gave back", state: "" };

class WorkerPage extends HTMLElement {
  #worker = null;
  #shown = null;
  #since = 0; // when what it renders was begun, in milliseconds; 0: nobody knows
  #farms = ""; // version of the add-on
  #change = () => this.#refresh();
  #timer = 0;
  #title = h("h1");
  #dot = h("span", { class: "dot", "aria-hidden": "true" });
  #doing = h("p", { class: "progress" });
  #wrong = h("p", { class: "wrong" });
  #facts = h("dl");
  #events = h("ul", { class: "rows events" });
  #gone = h("p", { class: "dim" });
  #pause = this.#button("pause", "Pause", "pause", "It finishes what it has in hand and takes nothing more.");
  #resume = this.#button("play", "Resume", "resume", "It takes tasks again.");
  #stop = this.#button("stop", "Stop", "stop", "It finishes what it has in hand and ends.");
  #stopNow = this.#button("cancel", "Stop now", "stop-now", "It gives back what it has in hand and ends.");
  #revoke = h("button", { type: "button", class: "danger", onclick: () => this.#takeAccess() }, icon("delete"), "Take its access away …");
  #whole = h(
    "div",
    { class: "worker-page" },
    h("div", { class: "top" }, this.#dot, this.#title, h("div", { class: "actions" }, this.#pause, this.#resume, this.#stop, this.#stopNow, this.#revoke)),
    this.#doing,
    this.#wrong,
    h("div", { class: "parts" }, h("section", { "aria-label": "About it" }, h("h2", {}, "About it"), this.#facts), h("section", { "aria-label": "What has happened" }, h("h2", {}, "What has happened"), this.#events)),
  );

  connectedCallback() {
    this.append(h("nav", { "aria-label": "Where this is" }, h("a", { class: "back", href: "#/" }, icon("back"), "The farm")), this.#gone, this.#whole);
    farm.addEventListener("change", this.#change);
    this.#timer = setInterval(() => this.#show(), 5000);
    this.#refresh();
    about().then(({ version }) => (this.#farms = version ?? ""));
  }

  disconnectedCallback() {
    farm.removeEventListener("change", this.#change);
    clearInterval(this.#timer);
  }

  #button(name, label, order, says) {
    const button = h("button", { type: "button", title: says, onclick: () => this.#order(order, label, says, button) }, icon(name), label);
    return button;
  }

  async #order(order, label, says, button) {
    const name = nameOf(this.#worker);
    if (order.startsWith("stop") && !(await question({ title: `${label}: ${name}?`, words: `${says} To start it again somebody has to go there.`, ok: label, danger: true }))) return;
    await attempt(async () => {
      await ask("POST", workerPath(this.#worker.id, `/${order}`), {});
      say(`${name} is told: ${label.toLowerCase()}.`);
    }, button);
  }

  async #takeAccess() {
    const name = nameOf(this.#worker);
    const words = "Its token counts no more: it fetches no blend and hands in no frame. Unless the farm’s RabbitMQ is its own, change that one’s password too: with it this machine can still take tasks.";
    if (!(await question({ title: `Take ${name}’s access away?`, words, ok: "Take it away", danger: true }))) return;
    await attempt(async () => {
      await ask("DELETE", workerPath(this.#worker.id, "/token"));
      say(`${name} has no access any more.`);
    }, this.#revoke);
  }

  async #refresh() {
    const worker = farm.workers.get(this.subject);
    this.#whole.hidden = !worker;
    setText(this.#gone, worker || farm.connection === "connecting" ? "" : "There is no such machine (any more).");
    if (!worker || worker === this.#worker) return;
    this.#worker = worker;
    this.#show();
    const [{ events }, since] = await Promise.all([ask("GET", workerPath(worker.id)).catch(() => ({})), begun(worker)]);
    if (this.#worker !== worker) return;
    if (events) this.#showEvents(events);
    this.#since = since;
    this.#show();
  }

  #show() {
    const worker = this.#worker;
    if (!worker) return;
    const silent = farm.isSilent(worker);
    document.title = `${nameOf(worker)} · Render farm`;
    setText(this.#title, nameOf(worker));
    this.#dot.dataset.state = silent ? "silent" : isBusy(worker) ? "busy" : told(worker, "state") ?? "";
    const seen = `heard ${ago(farm.now() / 1000 - worker.seen)}`;
    setText(this.#doing, `${doing(worker)} · ${seen}`);
    const detail = told(worker, "state") === "Problem" ? told(worker, "detail") : "";
    setText(this.#wrong, detail ?? "");
    const paused = told(worker, "state") === "Paused";
    this.#pause.hidden = paused;
    this.#resume.hidden = !paused;
    for (const button of [this.#pause, this.#resume, this.#stop, this.#stopNow]) button.disabled = silent || told(worker, "state") === "Stopped";
    this.#showFacts(worker);
  }

  #showFacts(worker) {
    const [memory, disk] = ["memory", "free_disk"].map((what) => told(worker, what, "number"));
    const facts = {
      Renders: told(worker, "job") && h("a", { href: `#/job/${encodeURIComponent(told(worker, "job"))}/${told(worker, "frame", "number") ?? ""}` }, doing(worker, { withDevice: false })),
      Since: isBusy(worker) && this.#since && `${clock(this.#since, farm.now())}, ${ago((farm.now() - this.#since) / 1000)}`,
      "On": told(worker, "device"),
      Frames: speedOf(worker),
      "Since its start": told(worker, "frames", "number") !== undefined && `${many(told(worker, "frames", "number"), "frame")}, ${count(told(worker, "failures", "number") ?? 0)} failed`,
      "Free memory": memory && bytes(memory * 1e9),
      "Free disk": disk && bytes(disk * 1e9),
      Blender: told(worker, "blender"),
      "The add-on": this.#version(told(worker, "version")),
      System: told(worker, "system"),
      "Its id": worker.id,
    };
    const rows = Object.entries(facts).filter(([, value]) => value);
    const shown = JSON.stringify(rows.map(([name, value]) => [name, value.textContent ?? value]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#facts.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #version(version) {
    return version && this.#farms && version !== this.#farms ? `${version}; the farm has ${this.#farms}` : version;
  }

  #showEvents(events) {
    const row = ({ at, what, job, frames, words }) => {
      const where = job && h("a", { href: `#/job/${encodeURIComponent(job)}/${parseInt(frames, 10) || ""}` }, `${shortened(frames, 30)} of ${farm.jobs.get(job)?.name ?? job}`);
      const said = what === "state" ? words : `${EVENTS[what] ?? what} `;
      return h("li", { "data-what": what }, h("time", {}, clock(at * 1000, farm.now())), h("span", {}, said, where), what !== "state" && words ? h("p", { class: "wrong" }, words) : null);
    };
    this.#events.replaceChildren(...(events.length ? events.map(row) : [h("li", { class: "dim" }, "Nothing yet.")]));
  }
}

/** When a machine began with what it has in hand, in milliseconds; 0 where that can't be had. */
async function begun(worker) {
  const [job, frame] = [told(worker, "job"), told(worker, "frame", "number")];
  if (!farm.jobs.has(job) || frame === undefined) return 0;
  const task = await ask("GET", framePath(job, `${frame}/task`)).catch(() => null);
  return task?.worker === worker.id ? Date.parse(task.start) || 0 : 0;
}

customElements.define("worker-page", WorkerPage);
