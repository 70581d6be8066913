// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers, times and frames as people say them.

const COUNT = new Intl.NumberFormat();
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const A_DAY = 24 * 3600 * 1000;

/** The statuses of frames: the order in which they are drawn and told, and what people call them. */
export const STATUSES = {
  Finished: "finished",
  Running: "rendering",
  Errored: "failed",
  Paused: "held",
  Queued: "waiting",
  Waiting: "waiting",
  Aborted: "canceled",
};

export const count = (number) => COUNT.format(number);
export const many = (number, one, more = `${one}s`) => `${COUNT.format(number)} ${number === 1 ? one : more}`;

/** `under a second`, `42 s`, `3 min 20 s`, `2 h 5 min`, `4 days`. */
export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** `about 3 min`: as exact as such a thing can be. */
export function about(seconds) {
  if (seconds < 60) return "under a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  const hours = minutes / 60;
  if (hours < 10) return `about ${(Math.round(hours * 2) / 2).toLocaleString()} h`;
  return hours < 48 ? `about ${Math.round(hours)} h` : `about ${Math.round(hours / 24)} days`;
}

/** `18:40`, `tomorrow 9:10`, `Friday 9:10`, a date. `when`, `now`: milliseconds. */
export function clock(when, now) {
  const days = Math.round((midnight(when) - midnight(now)) / A_DAY);
  if (days === 0) return TIME.format(when);
  if (days === 1) return `tomorrow ${TIME.format(when)}`;
  if (days === -1) return `yesterday ${TIME.format(when)}`;
  return days > 1 && days < 7 ? `${DAY.format(when)} ${TIME.format(when)}` : DATE.format(when);
}

export function ago(seconds) {
  if (seconds < 10) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 2 * 86400 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let place = 0;
  for (; number >= 1000 && place < units.length - 1; place++) number /= 1000;
  return `${number < 10 && place ? number.toFixed(1) : Math.round(number)} ${units[place]}`;
}

/** How many frames have which status, in words: `50 finished, 2 failed`. */
export function tally(frames) {
  const told = new Map();
  for (const [status, word] of Object.entries(STATUSES)) {
    if (frames[status]) told.set(word, (told.get(word) ?? 0) + frames[status]);
  }
  return [...told].map(([word, number]) => `${count(number)} ${word}`).join(", ") || "no frames";
}

/** First and last of each run in `1-4,9`. */
export function* runs(text) {
  for (const part of text ? text.split(",") : []) {
    const [first, last = first] = part.split("-").map(Number);
    yield [first, last];
  }
}

/** How many frames `1-100,120-200x5` or `1..100` has; 0 where it is not written so. */
export function framesIn(text) {
  const found = new Set();
  for (const part of text.split(",")) {
    const [whole, first, last = first, step = 1] = part.trim().match(/^(\d{1,6})(?:\s*(?:-|\.\.)\s*(\d{1,6}))?(?:\s*x\s*(\d{1,6}))?$/) ?? [];
    if (!whole || Number(last) < Number(first) || !Number(step)) return 0;
    for (let number = Number(first); number <= Number(last); number += Number(step)) found.add(number);
  }
  return found.size;
}

/** Ascending numbers as people write them: `1-4,9`. */
export function asFrames(numbers) {
  const parts = [];
  for (let place = 0; place < numbers.length; ) {
    let end = place;
    while (numbers[end + 1] === numbers[end] + 1) end++;
    parts.push(end === place ? `${numbers[place]}` : `${numbers[place]}-${numbers[end]}`);
    place = end + 1;
  }
  return parts.join(",");
}

/** Why a frame failed, as it may be said of others too. */
export const withoutFrame = (reason) => reason.replace(/^frame \d+: (?=.)/, "");

/** A list of frames that is no longer than a line. */
export const shortened = (frames, most = 60) => {
  const text = frames.replaceAll(",", ", ");
  return text.length > most ? `${text.slice(0, text.lastIndexOf(",", most))} …` : text;
};

const midnight = (when) => new Date(when).setHours(0, 0, 0, 0);
