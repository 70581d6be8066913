// SPDX-License-Identifier: GPL-3.0-or-later
// What the farm is about, in one sentence, and what somebody has to see to.

import { OVER, done, failed, farm, running, told, total } from "./farm.js";
import { about, ago, clock, count, many, withoutFrame } from "./words.js";

const MADE_UP = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/; // ids that no person has chosen
const LONG_SILENT = 24 * 3600; // seconds after which a machine is just not there

export const isBusy = (worker) => told(worker, "state") === "Rendering" || (told(worker, "job") !== undefined && told(worker, "state") !== "Stopped");
/** Its id where somebody has chosen one, else the name of the machine. */
export const nameOf = (worker) => (MADE_UP.test(worker.id) && told(worker, "name")) || worker.id;

export function machines() {
  const all = [...farm.workers.values()];
  return { all, live: all.filter((worker) => !farm.isSilent(worker)) };
}

/** Whether any of it is in hand: between two frames its end is known all the same. */
export const isRendered = (job) => !OVER.has(job.status) && (running(job) > 0 || ends(job) !== undefined);

/** When a job will be done, in milliseconds; undefined where nobody can know. */
export const ends = (job) => (OVER.has(job.status) || job.paused || !job.ends ? undefined : job.ends * 1000);

/** `about 12 min left`, or what there is to say instead. */
export function timeLeft(job) {
  if (job.status === "Finished") return "all done";
  if (job.status === "Canceled") return "canceled";
  if (job.status === "Errored") return "over, with failed frames";
  if (job.paused) return job.stopped ? "needs you" : "paused";
  const end = ends(job);
  if (end !== undefined) return `${about(Math.max(0, (end - farm.now()) / 1000))} left`;
  if (running(job)) return "just begun";
  return done(job) || failed(job) ? "waits for its turn" : "not begun";
}

/** A job's status as people say it. */
export function stateOf(job) {
  if (OVER.has(job.status)) return job.status === "Errored" ? "Failed" : job.status;
  if (job.paused) return job.stopped ? "Stopped" : "Paused";
  return isRendered(job) ? "Rendering" : "Waiting";
}

/** The whole farm: {words, mood}. */
export function headline() {
  const jobs = [...farm.jobs.values()];
  const active = jobs.filter((job) => !OVER.has(job.status));
  const going = active.filter((job) => !job.paused);
  const { live } = machines();
  const rendering = going.filter(isRendered);
  const busy = live.filter(isBusy).length;
  if (going.length && !live.length && !rendering.length) {
    return { words: `${many(going.length, "job waits", "jobs wait")}, and no machine is here to render.`, mood: "wrong" };
  }
  if (rendering.length) {
    const on = busy || live.length;
    const where = on ? ` on ${many(on, "machine")}` : "";
    return { words: `Rendering ${many(rendering.length, "job")}${where}${allDone(rendering, going)}.`, mood: "busy" };
  }
  if (going.length) return { words: `${many(going.length, "job waits", "jobs wait")} for ${live.length === 1 ? "the machine" : `${live.length} machines`} to begin.`, mood: "busy" };
  if (active.length) {
    const is = active.some((job) => job.stopped) ? "stopped" : "paused";
    return { words: active.length === 1 ? `The only job that is left is ${is}.` : `All ${active.length} jobs that are left are ${is}.`, mood: is === "stopped" ? "wrong" : "calm" };
  }
  const idle = live.length ? `${many(live.length, "machine is", "machines are")} ready` : "no machine is here";
  return { words: jobs.length ? `All is done; ${idle}.` : `Nothing to do; ${idle}.`, mood: "calm" };
}

/** When those that are rendered will be done, if that can be told of each, and how many more wait. */
function allDone(rendering, going) {
  const known = rendering.map(ends).filter((end) => end !== undefined);
  const waiting = going.length - rendering.length;
  const more = waiting ? `; ${many(waiting, "more waits", "more wait")}` : "";
  if (known.length < rendering.length) return more;
  return `, ${rendering.length > 1 ? "all " : ""}done about ${clock(Math.max(...known), farm.now())}${more}`;
}

/** What somebody has to see to: {key, words, why, job, worker}; the worst first. */
export function needs() {
  const found = [];
  for (const job of farm.jobs.values()) {
    if (job.status === "Canceled") continue;
    if (job.stopped && job.paused && !OVER.has(job.status)) {
      found.push({ key: `job ${job.id}`, words: `“${job.name}” was stopped`, why: job.stopped, job });
      continue;
    }
    if (!failed(job)) continue;
    const all = failed(job) === total(job);
    const words = all ? `${all && total(job) === 1 ? "The only frame" : "All frames"} of “${job.name}” failed` : `${many(failed(job), "frame")} of “${job.name}” failed`;
    found.push({ key: `job ${job.id}`, words, why: withoutFrame(job.why ?? ""), job });
  }
  const going = [...farm.jobs.values()].some((job) => !OVER.has(job.status) && !job.paused);
  for (const worker of farm.workers.values()) {
    const silence = farm.now() / 1000 - worker.seen;
    if (told(worker, "state") === "Problem" && !farm.isSilent(worker)) {
      found.push({ key: `worker ${worker.id}`, words: `${nameOf(worker)} can’t go on`, why: told(worker, "detail") ?? "", worker });
      continue;
    }
    if (["Stopped", "Finishing"].includes(told(worker, "state")) || !farm.isSilent(worker) || silence > LONG_SILENT || !(going || isBusy(worker))) continue;
    const why = "Is it on, and on the network? What it had in hand goes to another machine by itself.";
    found.push({ key: `worker ${worker.id}`, words: `${nameOf(worker)} was last heard ${ago(silence)}`, why, worker });
  }
  return found;
}

/** How many frames it renders: `4.0 a minute`; "" where nobody knows. */
export function speedOf(worker, minute = "minute") {
  const speed = told(worker, "an_hour", "number");
  if (!speed) return "";
  return speed >= 60 ? `${(speed / 60).toFixed(1)} a ${minute}` : `${count(Math.round(speed))} an hour`;
}

/** What a machine is doing, and on what, if it is to be said. */
export function doing(worker, { withDevice = true } = {}) {
  const [state, job, device] = ["state", "job", "device"].map((what) => told(worker, what));
  const on = device && withDevice ? ` · ${device}` : "";
  if (state === "Stopped") return "stopped";
  if (farm.isSilent(worker)) return "not heard";
  if (job !== undefined) return `frame ${told(worker, "frame", "number") ?? "?"} of ${farm.jobs.get(job)?.name ?? job}${on}`;
  return `${state ? state.slice(0, 80).toLowerCase() : "ready"}${on}`;
}
