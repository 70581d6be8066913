// SPDX-License-Identifier: GPL-3.0-or-later
// <frame-grid>: frames as pictures with their numbers and statuses. Only those that can be seen exist, so that 100,000
// scroll as smoothly as ten.

import { h, setText } from "./dom.js";
import { findIn } from "./frames.js";
import { draw, forget, pictureOf, pictures } from "./pictures.js";
import { STATUSES } from "./words.js";

const GAP = 8; // pixels
const LABEL = 24;
const LEAST = [104, 148]; // pixels of a cell's width, on a phone and else
const BARE = [8, 96]; // pixels of a picture's height and of a cell's width where there are no pictures
const BEYOND = 4; // rows above and below what is seen
const STILL = 90; // ms without scrolling until pictures are fetched
const EDGE = [60, 10]; // pixels above and below that a frame keeps when it is scrolled to

class FrameGrid extends HTMLElement {
  #job = null;
  #frames = null;
  #places = [];
  #chosen = -1;
  #marked = new Set(); // places
  #pictures = false;
  #cells = new Map(); // by place
  #columns = 1;
  #row = 1;
  #pane = null; // what scrolls it beside the large picture; null where it goes with the page
  #timer = 0;
  #waiting = false;
  #scrolled = () => this.#showSoon();
  #resized = new ResizeObserver(() => this.#layOut());

  connectedCallback() {
    this.setAttribute("role", "listbox");
    this.setAttribute("aria-multiselectable", "true");
    this.setAttribute("aria-label", "Frames");
    this.tabIndex = 0;
    this.addEventListener("click", (event) => this.#clicked(event));
    this.addEventListener("keydown", (event) => this.#pressed(event));
    addEventListener("scroll", this.#scrolled, { passive: true, capture: true }); // the window's or the pane's
    addEventListener("resize", this.#scrolled);
    pictures.addEventListener("change", this.#scrolled);
    this.#resized.observe(this);
  }

  disconnectedCallback() {
    removeEventListener("scroll", this.#scrolled, { capture: true });
    removeEventListener("resize", this.#scrolled);
    pictures.removeEventListener("change", this.#scrolled);
    this.#resized.disconnect();
    clearTimeout(this.#timer);
  }

  /** `places`: those of the frames that are shown. `pictures`: whether there are any. */
  show({ job, frames, places, pictures }) {
    this.#job = job;
    this.#frames = frames;
    this.#pictures = pictures;
    this.#places = places;
    this.#layOut();
  }

  set chosen(place) {
    this.#chosen = place;
    this.#showSoon();
  }

  /** Scrolls to a frame, but not away from the large picture. */
  reveal(place) {
    const at = this.#placeAt(place);
    if (at >= 0 && this.#pane) this.#scrollTo(at, (above, below) => (above + below) / 2);
  }

  /** The places of frames that somebody has marked. */
  get marked() {
    return [...this.#marked].sort((one, other) => one - other);
  }

  unmark() {
    this.#marked.clear();
    this.#changed("mark");
    this.#showSoon();
  }

  #layOut() {
    this.#pane = getComputedStyle(this.parentElement).overflowY === "auto" ? this.parentElement : null;
    const width = this.clientWidth;
    if (!width) return;
    const least = this.#pictures ? LEAST[width > 500 ? 1 : 0] : BARE[1];
    this.#columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const wide = (width - GAP * (this.#columns - 1)) / this.#columns;
    this.#row = Math.round((this.#pictures ? wide * 0.5625 : BARE[0]) + LABEL + GAP);
    this.style.height = `${Math.ceil(this.#places.length / this.#columns) * this.#row}px`;
    this.#showSoon();
  }

  #showSoon() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#show();
    });
  }

  #show() {
    if (!this.#frames) return;
    const above = this.getBoundingClientRect().top;
    const [top, bottom] = this.#seen().map((edge) => (edge - above) / this.#row);
    const first = Math.max(0, Math.floor(top) - BEYOND) * this.#columns;
    const last = Math.min(this.#places.length, (Math.ceil(bottom) + BEYOND) * this.#columns);
    const old = this.#cells;
    this.#cells = new Map();
    for (let at = first; at < last; at++) {
      const place = this.#places[at];
      this.#cells.set(place, old.get(place));
      old.delete(place);
    }
    const free = [...old.values()];
    let at = first;
    for (const [place, known] of this.#cells) {
      const cell = known ?? free.pop() ?? this.#newCell();
      this.#cells.set(place, cell);
      this.#update(cell, place, at++);
      if (!cell.isConnected) this.append(cell);
    }
    for (const gone of free) gone.remove();
    const active = this.#cells.get(this.#chosen);
    if (active) this.setAttribute("aria-activedescendant", active.id);
    else this.removeAttribute("aria-activedescendant");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetchPictures(), STILL);
  }

  #newCell() {
    const [picture, number, words] = [h("span", { class: "picture" }), h("b"), h("span")];
    const cell = h("div", { role: "option", class: "cell" }, picture, h("span", { class: "label" }, number, words));
    return Object.assign(cell, { picture, number, words });
  }

  #update(cell, place, at) {
    const [number, status] = [this.#frames.numbers[place], this.#frames.status(place)];
    const [row, column] = [Math.floor(at / this.#columns), at % this.#columns];
    const state = `${number} ${status} ${this.#chosen === place} ${this.#marked.has(place)}`;
    const where = `${row} ${column} ${this.#columns} ${this.#row} ${this.#places.length}`;
    if (cell.where !== where) {
      cell.where = where;
      cell.style.width = `calc((100% - ${GAP * (this.#columns - 1)}px) / ${this.#columns})`;
      cell.style.left = `calc((100% + ${GAP}px) / ${this.#columns} * ${column})`;
      cell.style.top = `${row * this.#row}px`;
      cell.style.height = `${this.#row - GAP}px`;
      cell.setAttribute("aria-posinset", at + 1);
      cell.setAttribute("aria-setsize", this.#places.length);
    }
    if (cell.state === state) return;
    cell.state = state;
    const isNew = cell.place !== place; // it showed another frame, or none
    cell.place = place;
    cell.id = `frame-${number}`;
    cell.dataset.status = status;
    cell.dataset.chosen = this.#chosen === place;
    cell.setAttribute("aria-selected", this.#marked.has(place));
    cell.setAttribute("aria-label", `Frame ${number}, ${STATUSES[status]}`);
    setText(cell.number, String(number));
    setText(cell.words, status === "Finished" ? "" : STATUSES[status]);
    if (cell.picture.firstChild && (isNew || status !== "Finished")) {
      cell.picture.replaceChildren();
      if (!isNew) forget(this.#job.id, number);
    }
  }

  #fetchPictures() {
    if (!this.#pictures) return;
    for (const [place, cell] of [...this.#cells].reverse()) {
      if (this.#frames.status(place) !== "Finished" || cell.picture.firstChild?.localName === "canvas") continue;
      const picture = pictureOf(this.#job.id, this.#frames.numbers[place]);
      if (picture) {
        const canvas = h("canvas", { "aria-hidden": "true" });
        draw(canvas, picture);
        cell.picture.replaceChildren(canvas);
      } else if (picture === null) cell.picture.replaceChildren(h("span", { class: "dim" }, "no preview"));
    }
  }

  #clicked(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    if (event.shiftKey) this.#mark(this.#between(this.#chosen, cell.place), true);
    else if (event.ctrlKey || event.metaKey) this.#mark([cell.place]);
    if (!event.shiftKey) this.#choose(cell.place);
  }

  #pressed(event) {
    const at = this.#placeAt(this.#chosen);
    const [top, bottom] = this.#seen();
    const page = Math.max(1, Math.floor((bottom - top) / this.#row)) * this.#columns;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns, PageDown: page, PageUp: -page };
    Object.assign(steps, { Home: -Infinity, End: Infinity });
    if (event.key === " ") this.#mark([this.#chosen]);
    else if (event.key in steps) this.#step(at, steps[event.key], event.shiftKey);
    else return;
    event.preventDefault();
  }

  #step(at, step, marking) {
    const last = this.#places.length - 1;
    const to = at < 0 ? 0 : Math.max(0, Math.min(last, at + step));
    const place = this.#places[to];
    if (marking) this.#mark(this.#between(this.#chosen, place), true);
    this.#choose(place);
    this.#scrollTo(to, (above, below) => (above < 0 ? above : below));
  }

  /** `wanted`: how far, if a frame can't be seen. */
  #scrollTo(at, wanted) {
    for (const scroller of [this.#pane, document.scrollingElement]) {
      const [above, below] = this.#beyond(at, this.#seen());
      if (scroller && (above < 0 || below > 0)) scroller.scrollTop += wanted(above, below);
    }
  }

  /** Top and bottom of what can be seen of it in the window. */
  #seen() {
    const pane = this.#pane?.getBoundingClientRect();
    return [Math.max(0, pane?.top ?? 0), Math.min(innerHeight, pane?.bottom ?? innerHeight)];
  }

  /** How far a frame's row is from its upper edge and from its lower one: beyond them if below and above 0. */
  #beyond(at, [top, bottom]) {
    const row = this.getBoundingClientRect().top + Math.floor(at / this.#columns) * this.#row;
    return [row - top - EDGE[0], row + this.#row - bottom + EDGE[1]];
  }

  #between(one, other) {
    const [from, to] = [this.#placeAt(one), this.#placeAt(other)].sort((a, b) => a - b);
    return this.#places.slice(Math.max(0, from), to + 1);
  }

  #placeAt(place) {
    return findIn(this.#places, place);
  }

  #mark(places, always = false) {
    for (const place of places) {
      if (this.#marked.has(place) && !always) this.#marked.delete(place);
      else this.#marked.add(place);
    }
    this.#changed("mark");
    this.#showSoon();
  }

  #choose(place) {
    this.#chosen = place;
    this.#changed("choose", place);
    this.#showSoon();
  }

  #changed(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("frame-grid", FrameGrid);
