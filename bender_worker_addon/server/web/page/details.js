// SPDX-License-Identifier: GPL-3.0-or-later
// A job's frames, asked for when they are looked at: once for each change, and never faster than the farm can tell.

import { ask, jobPath } from "./api.js";
import { farm } from "./farm.js";

const PAUSE = 1000; // ms between two questions about one job
const KEPT = 50; // jobs

const known = new Map(); // by id: {job, details, asked, pending}

/** The details of the job as it stands in the list; older ones, if it changes too fast; undefined if they can't be had. */
export async function detailsOf(job) {
  const entry = known.get(job.id) ?? { job: null, details: undefined, asked: -PAUSE, pending: null };
  known.delete(job.id);
  known.set(job.id, entry);
  if (known.size > KEPT) known.delete(known.keys().next().value);
  if (entry.job === job && entry.details) return entry.details;
  entry.wanted = job;
  entry.pending ??= fetchSoon(job.id, entry);
  return entry.pending;
}

async function fetchSoon(id, entry) {
  const wait = entry.asked + PAUSE - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  const job = entry.wanted;
  const began = performance.now();
  try {
    if (farm.jobs.has(id)) entry.details = await ask("GET", jobPath(id));
    entry.job = job;
  } catch {
    // it is told elsewhere that the farm is out of reach, and a job that is gone is gone from the list too
  }
  entry.asked = performance.now() + (performance.now() - began); // a job of many frames is asked for less often
  entry.pending = null;
  return entry.details;
}
