// SPDX-License-Identifier: GPL-3.0-or-later
// What people do to jobs: the same everywhere on the page.

import { Refusal, ask, jobPath, sentence } from "./api.js";
import { h, iconButton, relabel } from "./dom.js";
import { OVER, done, failed } from "./farm.js";
import { attempt, menu, question, say } from "./ui.js";
import { many } from "./words.js";

const NAMED = 5; // jobs that are named of many

const named = (job) => `“${job.name}”`;

export const togglePause = (job, button) =>
  attempt(() => ask("POST", jobPath(job.id, job.paused ? "/resume" : "/pause"), {}), button);

/** Renders again what failed or was canceled: all of it, or these frames. */
export const retry = (job, frames, button) =>
  attempt(async () => {
    const { tasks } = await ask("POST", jobPath(job.id, "/retry"), frames ? { frames } : {});
    say(tasks ? `${many(tasks, "task")} of ${named(job)} ${tasks === 1 ? "is" : "are"} queued again.` : "There was nothing to queue again.");
  }, button);

/** A film of a job, made by the farm's Blender if there is none yet, and downloaded. */
export const film = (job, button) =>
  attempt(async () => {
    let made = await ask("POST", jobPath(job.id, "/film"), {});
    if (made.state === "making") say("The film is being made …");
    while (made.state === "making") {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      made = await ask("GET", jobPath(job.id, "/film"));
    }
    if (made.state === "failed") throw new Refusal(409, sentence(made.why));
    h("a", { href: jobPath(job.id, "/film.mp4"), download: "" }).click();
  }, button);

async function cancel(job) {
  const words = "Nothing more of it is rendered; what is done stays. It can be taken up again with Retry.";
  if (!(await question({ title: `Cancel ${named(job)}?`, words, ok: "Cancel the job", danger: true }))) return;
  await attempt(() => ask("POST", jobPath(job.id, "/cancel"), {}));
}

async function setPriority(job) {
  const field = h("input", { name: "priority", type: "number", min: -1000, max: 1000, step: 1, value: job.priority, required: true });
  const words = "Jobs with a higher one go first. It counts at once for all that is not begun.";
  const told = await question({ title: `Priority of ${named(job)}`, words, fields: [h("label", {}, "Priority", field)], ok: "Set it" });
  if (told) await attempt(() => ask("PUT", jobPath(job.id, "/priority"), { priority: Number(told.get("priority")) }));
}

async function rename(job) {
  const field = h("input", { name: "name", value: job.name, maxlength: 200, required: true });
  const told = await question({ title: `Rename ${named(job)}`, fields: [h("label", {}, "Name", field)], ok: "Rename" });
  if (told) await attempt(() => ask("PUT", jobPath(job.id, "/name"), { name: told.get("name") }));
}

async function remove(job) {
  const fields = [h("label", { class: "check" }, h("input", { type: "checkbox", name: "frames" }), `Delete its ${many(done(job), "frame")} too`)];
  const words = "The farm forgets the job and its blend. Its frames stay on the farm’s disk unless you say so.";
  const told = await question({ title: `Delete ${named(job)}?`, words, fields, ok: "Delete", danger: true });
  if (told && (await attempt(() => ask("DELETE", jobPath(job.id), { frames: told.has("frames") })))) say(`${named(job)} is deleted.`);
}

/** Opens a menu of what can be done to all of these jobs. */
export function menuForAll(button, jobs) {
  const [over, going] = [jobs.filter((job) => OVER.has(job.status)), jobs.filter((job) => !OVER.has(job.status))];
  const [paused, active] = [going.filter((job) => job.paused), going.filter((job) => !job.paused)];
  const again = jobs.filter((job) => failed(job) > 0 || job.status === "Canceled");
  menu(button, [
    active.length && { icon: "pause", label: `Pause ${many(active.length, "job")}`, act: () => toAll(active, "paused", (job) => ask("POST", jobPath(job.id, "/pause"), {})) },
    paused.length && { icon: "play", label: `Resume ${many(paused.length, "job")}`, act: () => toAll(paused, "resumed", (job) => ask("POST", jobPath(job.id, "/resume"), {})) },
    again.length && { icon: "retry", label: `Retry what failed of ${many(again.length, "job")}`, act: () => toAll(again, "queued again", (job) => ask("POST", jobPath(job.id, "/retry"), {})) },
    going.length && { icon: "cancel", label: `Cancel ${many(going.length, "job")} …`, act: () => cancelAll(going), danger: true },
    over.length && { icon: "delete", label: `Delete ${many(over.length, "job")} that ${over.length === 1 ? "is" : "are"} over …`, act: () => removeAll(over), danger: true },
  ]);
}

/** One after the other, until one can't be. */
async function toAll(jobs, done, what) {
  let number = 0;
  while (number < jobs.length && (await attempt(() => what(jobs[number])))) number++;
  if (number) say(`${many(number, "job")} ${number === 1 ? "is" : "are"} ${done}.`);
}

const namedShortly = (jobs) => jobs.slice(0, NAMED).map(named).join(", ") + (jobs.length > NAMED ? ` and ${jobs.length - NAMED} more` : "");

async function cancelAll(jobs) {
  const words = `${namedShortly(jobs)}: nothing more of ${jobs.length === 1 ? "it" : "them"} is rendered; what is done stays.`;
  if (!(await question({ title: `Cancel ${many(jobs.length, "job")}?`, words, ok: "Cancel them", danger: true }))) return;
  await toAll(jobs, "canceled", (job) => ask("POST", jobPath(job.id, "/cancel"), {}));
}

async function removeAll(jobs) {
  const frames = jobs.reduce((sum, job) => sum + done(job), 0);
  const fields = [h("label", { class: "check" }, h("input", { type: "checkbox", name: "frames" }), `Delete their ${many(frames, "frame")} too`)];
  const words = `${namedShortly(jobs)}: the farm forgets them and their blends. Their frames stay on the farm’s disk unless you say so.`;
  const told = await question({ title: `Delete ${many(jobs.length, "job")}?`, words, fields, ok: "Delete them", danger: true });
  if (told) await toAll(jobs, "deleted", (job) => ask("DELETE", jobPath(job.id), { frames: told.has("frames") }));
}

/** The buttons of a job; `update(job)` on it keeps them right. */
export function jobButtons() {
  let job = null;
  const pause = iconButton("pause", "Pause", () => togglePause(job, pause));
  const more = iconButton("more", "More", () => menu(more, entries(job)), { "aria-haspopup": "menu", "aria-expanded": "false" });
  const made = h("div", { class: "actions" }, pause, more);
  made.update = (newest) => {
    job = newest;
    pause.hidden = OVER.has(job.status);
    if (job.paused) relabel(pause, "play", `Resume ${named(job)}`);
    else relabel(pause, "pause", `Pause ${named(job)}`);
    relabel(more, "more", `More for ${named(job)}`);
  };
  return made;
}

function entries(job) {
  const canceled = job.status === "Canceled";
  return [
    (failed(job) > 0 || canceled) && { icon: "retry", label: canceled ? "Take it up again" : `Retry ${many(failed(job), "failed frame")}`, act: () => retry(job) },
    done(job) > 0 && { icon: "download", label: `Download ${many(done(job), "frame")}`, href: jobPath(job.id, "/frames.zip") },
    { icon: "edit", label: "Rename …", act: () => rename(job) },
    !OVER.has(job.status) && { icon: "up", label: `Priority (${job.priority}) …`, act: () => setPriority(job) },
    !OVER.has(job.status) && { icon: "cancel", label: "Cancel …", act: () => cancel(job), danger: true },
    { icon: "delete", label: "Delete …", act: () => remove(job), danger: true },
  ];
}
