// SPDX-License-Identifier: GPL-3.0-or-later
// <frame-strip>: all frames of a job in one line, by colour. What is rare and matters is never lost in it: of many
// frames in one pixel's column a failed one is seen, else one that is being rendered.

import { NAMES } from "./frames.js";
import { tally } from "./words.js";

const COLOURS = { Queued: "waiting", Waiting: "waiting", Paused: "waiting", Finished: "finished" };
Object.assign(COLOURS, { Running: "running", Errored: "failed", Aborted: "canceled" });
const [FINISHED, RUNNING, FAILED] = ["Finished", "Running", "Errored"].map((name) => NAMES.indexOf(name));
const GAP = 5; // pixels of a frame from which on frames stand apart

const SCHEME = matchMedia("(prefers-color-scheme: dark)");
let known = null; // {colours, text}: the same for all strips
SCHEME.addEventListener("change", () => (known = null));

function inks() {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(`--${name}`);
  known = { colours: NAMES.map((name) => ink(COLOURS[name])), text: ink("text") };
  return known;
}

class FrameStrip extends HTMLElement {
  #canvas = document.createElement("canvas");
  #frames = null;
  #counts = {};
  #chosen = -1;
  #size = [0, 0]; // told, never asked for: that would lay out the whole page for each strip
  #resized = new ResizeObserver(([{ contentRect }]) => {
    this.#size = [contentRect.width, contentRect.height];
    this.#drawSoon();
  });
  #soon = () => this.#drawSoon();
  #waiting = false;

  connectedCallback() {
    if (!this.hasAttribute("role")) this.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-hidden", "true");
    this.replaceChildren(this.#canvas);
    this.#resized.observe(this);
    SCHEME.addEventListener("change", this.#soon);
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    SCHEME.removeEventListener("change", this.#soon);
  }

  /** How many have which status, which is drawn as long as there is nothing better, and told to those who don't see. */
  set counts(counts) {
    this.#counts = counts;
    if (this.getAttribute("role") !== "slider") this.setAttribute("aria-label", tally(counts));
    this.#drawSoon();
  }

  /** A Frames. */
  set frames(frames) {
    this.#frames = frames;
    this.#drawSoon();
  }

  /** The place of the frame that is marked; -1: none. */
  set chosen(place) {
    if (place === this.#chosen) return;
    this.#chosen = place;
    this.#drawSoon();
  }

  /** The place of the frame under this x of the window. */
  placeAt(clientX) {
    const box = this.getBoundingClientRect();
    const part = (clientX - box.left) / box.width;
    const length = this.#frames?.length ?? 0;
    return Math.max(0, Math.min(length - 1, Math.floor(part * length)));
  }

  #drawSoon() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  #draw() {
    const [width, height] = this.#size.map((side) => Math.round(side * devicePixelRatio));
    if (!width || !height) return;
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const brush = this.#canvas.getContext("2d");
    brush.clearRect(0, 0, width, height);
    const { colours, text } = inks();
    if (!this.#frames?.length) this.#drawCounts(brush, width, height, colours);
    else if (this.#frames.length < width) this.#drawEach(brush, width, height, colours);
    else this.#drawMany(brush, width, height, colours);
    if (this.#frames?.length && this.#chosen >= 0) this.#drawChosen(brush, width, height, text);
  }

  #drawCounts(brush, width, height, colours) {
    const all = NAMES.reduce((sum, name) => sum + (this.#counts[name] ?? 0), 0);
    let x = 0;
    NAMES.forEach((name, place) => {
      const part = all ? ((this.#counts[name] ?? 0) / all) * width : 0;
      brush.fillStyle = colours[place];
      brush.fillRect(x, 0, part, height);
      x += part;
    });
  }

  #drawEach(brush, width, height, colours) {
    const { length, statuses } = this.#frames;
    const gap = width / length >= GAP * devicePixelRatio ? devicePixelRatio : 0;
    for (let begin = 0; begin < length; ) {
      let end = begin + 1;
      while (!gap && end < length && statuses[end] === statuses[begin]) end++;
      const [left, right] = [(begin / length) * width, (end / length) * width];
      brush.fillStyle = colours[statuses[begin]];
      brush.fillRect(left, 0, right - left - gap, height);
      begin = end;
    }
  }

  #drawMany(brush, width, height, colours) {
    const { length, statuses } = this.#frames;
    const many = new Uint32Array(NAMES.length);
    for (let x = 0; x < width; x++) {
      const [begin, end] = [Math.floor((x / width) * length), Math.floor(((x + 1) / width) * length)];
      many.fill(0);
      for (let place = begin; place < end; place++) many[statuses[place]]++;
      const loud = many[FAILED] ? FAILED : many[RUNNING] ? RUNNING : -1;
      if (loud >= 0) {
        brush.fillStyle = colours[loud];
        brush.fillRect(x, 0, 1, height);
        continue;
      }
      let y = height;
      for (const place of [FINISHED, ...many.keys()].filter((at, nth) => nth === 0 || at !== FINISHED)) {
        if (!many[place]) continue;
        const part = (many[place] / (end - begin)) * height;
        brush.fillStyle = colours[place];
        brush.fillRect(x, y - part, 1, part);
        y -= part;
      }
    }
  }

  #drawChosen(brush, width, height, colour) {
    const part = width / this.#frames.length;
    const least = 3 * devicePixelRatio;
    const middle = (this.#chosen + 0.5) * part;
    const wide = Math.max(part, least);
    brush.strokeStyle = brush.fillStyle = colour;
    brush.lineWidth = 2 * devicePixelRatio;
    if (part >= 2 * least) brush.strokeRect(middle - wide / 2 + 1, 1, wide - 2, height - 2);
    else brush.fillRect(middle - wide / 2, 0, wide, height);
  }
}

customElements.define("frame-strip", FrameStrip);
