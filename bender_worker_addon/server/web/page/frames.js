// SPDX-License-Identifier: GPL-3.0-or-later
// The frames of a job, up to 100,000 of them: their numbers, ascending, and the status of each.

import { STATUSES, runs } from "./words.js";

export const NAMES = Object.keys(STATUSES);
const PLACE = Object.fromEntries(NAMES.map((name, place) => [name, place]));

/** Where a number stands in an ascending list, or -1. */
export function findIn(ascending, number) {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] === number) return middle;
    if (ascending[middle] < number) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

export class Frames {
  /** `lists`: frames as people write them, by status. */
  constructor(lists) {
    const known = [];
    for (const [status, text] of Object.entries(lists)) {
      for (const [first, last] of runs(text)) known.push([first, last, PLACE[status] ?? PLACE.Waiting]);
    }
    known.sort((one, other) => one[0] - other[0]);
    const length = known.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    this.numbers = new Int32Array(length);
    this.statuses = new Uint8Array(length);
    let place = 0;
    for (const [first, last, status] of known) {
      for (let number = first; number <= last; number++, place++) {
        this.numbers[place] = number;
        this.statuses[place] = status;
      }
    }
  }

  get length() {
    return this.numbers.length;
  }

  status(place) {
    return NAMES[this.statuses[place]];
  }

  /** The place of a frame, or -1. */
  placeOf(number) {
    return findIn(this.numbers, number);
  }

  /** The places of frames with one of these statuses; all without any. */
  places(statuses) {
    const isWanted = NAMES.map((name) => !statuses.length || statuses.includes(name));
    const found = new Int32Array(this.length);
    let length = 0;
    for (let place = 0; place < this.length; place++) if (isWanted[this.statuses[place]]) found[length++] = place;
    return found.subarray(0, length);
  }

  /** The nearest place from `place` on in steps of `step` that has this status; -1 if there is none. */
  nearest(place, step, status) {
    for (let at = place; at >= 0 && at < this.length; at += step) if (this.statuses[at] === PLACE[status]) return at;
    return -1;
  }
}
