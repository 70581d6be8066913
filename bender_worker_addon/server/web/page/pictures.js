// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of frames as this browser has them: fetched when they are to be seen, a few at a time, those wanted last
// first, and made small at once: a farm may have no preview of a frame, but the frame itself, however large that is.

import { jobPath } from "./api.js";
import { farm } from "./farm.js";

const WIDE = 480; // pixels
const KEPT = 400; // pictures
const AT_ONCE = 3; // of a browser's six connections
const QUEUED = 200; // those that are wanted; older ones nobody waits for any more
const AGAIN = [1000, 3000, 10_000, 30_000]; // ms until one that was not there is asked for again

/** Bytes of a picture of which many are looked at, and of one that is looked at alone. */
export const [MANY, ALONE] = [3_000_000, 40_000_000];

const known = new Map(); // by address, those used last at the end
const queue = []; // addresses, those wanted last at the end
let busy = 0;
let timer = 0;
let soonest = 0;

/** Event `change`: some are here now, or may be. */
export const pictures = new EventTarget();

const addressOf = (job, frame) => jobPath(job, `/pictures/${frame}`);

/** A frame's as an ImageBitmap; null if there is none yet; undefined while it is on its way. */
export function pictureOf(job, frame, most = MANY) {
  const address = addressOf(job, frame);
  const entry = known.get(address) ?? { bitmap: null, most: 0, tries: 0, again: 0, isFetched: false };
  known.delete(address);
  known.set(address, entry);
  if (known.size > KEPT) drop(known.keys().next().value);
  const isLarger = most > entry.most;
  if (entry.bitmap) return entry.bitmap;
  if (!isLarger && performance.now() < entry.again) {
    lookAgainAt(entry.again);
    return null;
  }
  if (isLarger) Object.assign(entry, { most, tries: 0 });
  if (!entry.isFetched) want(address);
  return undefined;
}

/** It may be rendered anew. */
export const forget = (job, frame) => drop(addressOf(job, frame));

function drop(address) {
  known.get(address)?.bitmap?.close();
  known.delete(address);
}

function want(address) {
  const at = queue.lastIndexOf(address);
  if (at >= 0) queue.splice(at, 1);
  queue.push(address);
  if (queue.length > QUEUED) queue.shift();
  fetchNext();
}

async function fetchNext() {
  if (busy >= AT_ONCE || !queue.length) return;
  const address = queue.pop();
  const entry = known.get(address);
  if (!entry) return fetchNext();
  busy++;
  entry.isFetched = true;
  const bitmap = await fetched(address, entry.most);
  busy--;
  entry.isFetched = false;
  if (known.get(address) !== entry) bitmap?.close();
  else if (bitmap) entry.bitmap = bitmap;
  else entry.again = performance.now() + (AGAIN[entry.tries++] ?? Infinity);
  pictures.dispatchEvent(new Event("change"));
  return fetchNext();
}

async function fetched(address, most) {
  try {
    const answer = await fetch(`${address}?most=${most}`);
    return answer.status === 200 ? await small(await answer.blob()) : null;
  } catch {
    return null; // the farm is out of reach, which is told elsewhere, or this is no picture
  }
}

async function small(blob) {
  const whole = await createImageBitmap(blob);
  if (whole.width <= WIDE) return whole;
  const made = await createImageBitmap(whole, { resizeWidth: WIDE, resizeHeight: Math.max(1, Math.round((whole.height * WIDE) / whole.width)), resizeQuality: "medium" });
  whole.close();
  return made;
}

/** Whoever still wants one then asks for it again. */
function lookAgainAt(moment) {
  if (moment === Infinity || (timer && soonest <= moment)) return;
  clearTimeout(timer);
  soonest = moment;
  timer = setTimeout(() => {
    timer = 0;
    pictures.dispatchEvent(new Event("change"));
  }, moment - performance.now());
}

farm.addEventListener("connection", () => {
  if (farm.connection !== "live") return;
  for (const [address, entry] of known) if (!entry.bitmap) drop(address);
  pictures.dispatchEvent(new Event("change"));
});

/** Draws one on a canvas, in its own size. */
export function draw(canvas, picture) {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, picture.width, picture.height);
  brush.drawImage(picture, 0, 0);
}
