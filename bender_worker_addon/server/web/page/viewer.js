// SPDX-License-Identifier: GPL-3.0-or-later
// <frame-viewer>: one frame, large, with zoom; and all of them as a film, at the job's speed, while more are rendered.

import { framePath } from "./api.js";
import { h, iconButton, relabel, setText } from "./dom.js";
import { ALONE, MANY, draw, forget, pictureOf, pictures } from "./pictures.js";
import { Tiles } from "./tiles.js";
import { STATUSES } from "./words.js";

const AHEAD = 24; // pictures that are fetched before they are played
const MOST = 16; // times as large
const SHOWN_BY_BROWSERS = new Set(["PNG", "JPEG", "WEBP", "AVIF", "BMP"]);

const BECOMES = { Finished: "is rendered, but no preview was made of it", Running: "is being rendered", Errored: "failed", Aborted: "was canceled" };
for (const status of ["Waiting", "Queued", "Paused"]) BECOMES[status] = "waits to be rendered";

class FrameViewer extends HTMLElement {
  #job = null;
  #frames = null;
  #format = "";
  #fps = 24;
  #pictures = false;
  #place = -1;
  #whole = new Image(); // the frame itself, looked at closely
  #seen = () => this.#draw();
  #inTiles = []; // how far frames are that are rendered in tiles
  #tiles = new Tiles(() => {
    this.#shown = null;
    this.#draw();
  });
  #shown = null; // what is on the canvas
  #size = { zoom: 1, x: 0, y: 0 };
  #playing = null; // {since, from}
  #loop = true;
  #canvas = h("canvas", { role: "img" });
  #none = h("p", { class: "none" });
  #stage = h("div", { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture: + and − zoom, arrow keys go from frame to frame" }, this.#canvas, this.#none);
  #play = iconButton("play", "Play", () => this.toggle());
  #scrub = h("input", { type: "range", min: 0, step: 1, "aria-label": "Frame", oninput: () => this.#choose(Number(this.#scrub.value)) });
  #looping = iconButton("loop", "Again and again", () => this.#toggleLoop(), { "aria-pressed": "true" });
  #words = h("output", { class: "at" });

  connectedCallback() {
    const controls = h(
      "div",
      { class: "controls" },
      iconButton("prev", "One frame back", () => this.step(-1)),
      this.#play,
      iconButton("next", "One frame on", () => this.step(1)),
      this.#scrub,
      this.#words,
      this.#looping,
      iconButton("unzoom", "Smaller", () => this.#zoom(1 / 1.5)),
      iconButton("zoom", "Larger", () => this.#zoom(1.5)),
    );
    this.append(this.#stage, controls);
    this.#stage.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    this.#stage.addEventListener("dblclick", (event) => this.#zoom(this.#size.zoom > 1 ? 0 : 3, event));
    this.#stage.addEventListener("keydown", (event) => this.#pressed(event));
    this.#drag();
    this.#whole.onload = this.#seen;
    pictures.addEventListener("change", this.#seen);
  }

  disconnectedCallback() {
    pictures.removeEventListener("change", this.#seen);
    this.#playing = null; // told to nobody: who leaves would be brought back to the frame that was shown
  }

  /** `pictures`: whether there are any that can be shown; `inTiles`: how far frames are that are rendered in tiles. */
  show({ job, frames, format, fps, pictures, inTiles }) {
    const first = this.#frames === null;
    this.#job = job;
    this.#frames = frames;
    this.#format = format;
    this.#fps = fps > 0 ? Math.min(fps, 240) : 24;
    this.#pictures = pictures;
    this.#inTiles = inTiles;
    this.#scrub.max = Math.max(0, frames.length - 1);
    if (first || this.#place >= frames.length) this.#place = Math.min(Math.max(this.#place, 0), frames.length - 1);
    this.#draw();
  }

  get place() {
    return this.#place;
  }

  set place(place) {
    if (place === this.#place || place < 0) return;
    this.#place = place;
    this.#draw();
  }

  step(step) {
    this.#stop();
    this.#choose(Math.max(0, Math.min(this.#frames.length - 1, this.#place + step)));
  }

  toggle() {
    if (this.#playing) return this.#stop();
    const atEnd = this.#frames.nearest(this.#place + 1, 1, "Finished") < 0;
    if (atEnd) this.#choose(Math.max(0, this.#frames.nearest(0, 1, "Finished")));
    this.#playing = { since: performance.now(), from: this.#place };
    relabel(this.#play, "pause", "Stop");
    requestAnimationFrame(() => this.#next());
    return undefined;
  }

  #stop() {
    if (!this.#playing) return;
    this.#playing = null;
    relabel(this.#play, "play", "Play");
    this.#changed();
  }

  /** What is not rendered or not here yet is passed by, at the film's own speed; behind the last one it begins anew. */
  #next() {
    if (!this.#playing || !this.isConnected) return;
    const { since, from } = this.#playing;
    const to = from + Math.floor(((performance.now() - since) / 1000) * this.#fps);
    const last = this.#frames.nearest(this.#frames.length - 1, -1, "Finished");
    if (to > last) {
      if (!this.#loop || last < 0) {
        this.#place = Math.max(0, last);
        return this.#stop();
      }
      this.#place = this.#frames.nearest(0, 1, "Finished");
      this.#playing = { since: performance.now(), from: this.#place };
    } else this.#place = to;
    for (let place = Math.min(this.#place + AHEAD, this.#frames.length) - 1; place >= this.#place; place--) this.#picture(place);
    this.#draw();
    requestAnimationFrame(() => this.#next());
    return undefined;
  }

  #toggleLoop() {
    this.#loop = !this.#loop;
    this.#looping.setAttribute("aria-pressed", this.#loop);
  }

  #choose(place) {
    this.#place = place;
    if (this.#playing) this.#playing = { since: performance.now(), from: place };
    this.#draw();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("choose", { detail: this.#place }));
  }

  #draw() {
    if (!this.#frames?.length) return;
    const [number, status] = [this.#frames.numbers[this.#place], this.#frames.status(this.#place)];
    this.#scrub.value = this.#place;
    this.#scrub.setAttribute("aria-valuetext", `frame ${number}, ${STATUSES[status]}`);
    setText(this.#words, String(number));
    const picture = this.#picture(this.#place);
    if (this.#playing && !picture) return; // the last one stays until this one is here
    this.#none.hidden = Boolean(picture);
    setText(this.#none, picture === undefined ? "" : `Frame ${number} ${BECOMES[status]}.`);
    if (!picture) {
      this.#canvas.hidden = picture === null;
      this.#shown = null;
      return;
    }
    this.#canvas.hidden = false;
    this.#canvas.setAttribute("aria-label", `Frame ${number}`);
    if (this.#shown === picture) return;
    this.#shown = picture;
    draw(this.#canvas, picture);
  }

  /** The picture at a place; null where there is none, undefined while it is on its way. Looked at closely it is the
      frame itself, if browsers know its format. */
  #picture(place) {
    const number = this.#frames.numbers[place];
    if (this.#frames.status(place) !== "Finished") {
      forget(this.#job.id, number);
      const tiles = this.#playing ? undefined : this.#inTiles.find(({ frame }) => frame === number);
      return tiles ? this.#tiles.pictureOf(this.#job, number, tiles.done) : null;
    }
    if (!this.#pictures) return null;
    const isAlone = place === this.#place && !this.#playing;
    const picture = pictureOf(this.#job.id, number, isAlone ? ALONE : MANY);
    if (!isAlone || this.#size.zoom === 1 || !SHOWN_BY_BROWSERS.has(this.#format)) return picture;
    const address = new URL(framePath(this.#job.id, number), location.href).href;
    if (this.#whole.src !== address) this.#whole.src = address;
    return this.#whole.complete && this.#whole.naturalWidth ? this.#whole : picture;
  }

  #zoom(factor, event) {
    const before = this.#size.zoom;
    const zoom = factor ? Math.max(1, Math.min(MOST, before * factor)) : 1;
    const box = this.#stage.getBoundingClientRect();
    const [x, y] = event ? [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2] : [0, 0];
    const part = zoom / before;
    this.#size = zoom === 1 ? { zoom: 1, x: 0, y: 0 } : { zoom, x: x - (x - this.#size.x) * part, y: y - (y - this.#size.y) * part };
    this.#move();
    this.#draw();
  }

  #move() {
    const { zoom, x, y } = this.#size;
    this.#canvas.style.transform = zoom === 1 ? "" : `translate(${x}px, ${y}px) scale(${zoom})`;
    this.#canvas.style.imageRendering = zoom > 3 ? "pixelated" : "";
    this.#stage.classList.toggle("close", zoom > 1);
  }

  #wheeled(event) {
    if (this.#canvas.hidden || (!event.ctrlKey && this.#size.zoom === 1 && document.activeElement !== this.#stage)) return;
    event.preventDefault();
    this.#zoom(event.deltaY < 0 ? 1.25 : 0.8, event);
  }

  #drag() {
    let from = null;
    this.#stage.addEventListener("pointerdown", (event) => {
      if (this.#size.zoom === 1) return;
      from = { x: event.clientX - this.#size.x, y: event.clientY - this.#size.y };
      this.#stage.setPointerCapture(event.pointerId);
    });
    this.#stage.addEventListener("pointermove", (event) => {
      if (!from) return;
      Object.assign(this.#size, { x: event.clientX - from.x, y: event.clientY - from.y });
      this.#move();
    });
    for (const end of ["pointerup", "pointercancel"]) this.#stage.addEventListener(end, () => (from = null));
  }

  #pressed(event) {
    const acts = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      " ": () => this.toggle(),
      "+": () => this.#zoom(1.5),
      "=": () => this.#zoom(1.5),
      "-": () => this.#zoom(1 / 1.5),
      0: () => this.#zoom(0),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }
}

customElements.define("frame-viewer", FrameViewer);
