// SPDX-License-Identifier: GPL-3.0-or-later
// A picture in the making: its tiles, each in its place as soon as it is rendered.

import { ask, framePath, jobPath } from "./api.js";
import { h } from "./dom.js";

const WIDE = 480; // pixels

export class Tiles {
  #canvas = h("canvas");
  #changed;
  #of = ""; // the frame that is drawn, and how far it was when it was asked for
  #drawn = new Set(); // tasks of its tiles
  #frame = "";

  /** `changed` is called when there is more to be seen. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** What there is of a frame, of which so many tiles are done: a canvas, or null while there is nothing. */
  pictureOf(job, frame, done) {
    const of = `${job.id} ${frame} ${done}`;
    if (of !== this.#of) {
      this.#of = of;
      if (`${job.id} ${frame}` !== this.#frame) this.#begin(`${job.id} ${frame}`);
      if (done) this.#look(job.id, frame, this.#frame);
    }
    return this.#drawn.size ? this.#canvas : null;
  }

  #begin(frame) {
    this.#frame = frame;
    this.#drawn.clear();
    this.#canvas.width = 0;
  }

  async #look(job, frame, wanted) {
    const tiles = await ask("GET", `${framePath(job, frame)}/tiles`).catch(() => []);
    if (!tiles.length || wanted !== this.#frame) return;
    const [left, right, top] = [Math.min(...tiles.map((tile) => tile.left)), Math.max(...tiles.map((tile) => tile.right)), Math.max(...tiles.map((tile) => tile.top))];
    const scale = Math.min(1, WIDE / (right - left));
    if (!this.#canvas.width) {
      this.#canvas.width = Math.round((right - left) * scale);
      this.#canvas.height = Math.round((top - Math.min(...tiles.map((tile) => tile.bottom))) * scale);
    }
    for (const tile of tiles.filter(({ status, task }) => status === "Finished" && !this.#drawn.has(task))) {
      const picture = await fetched(jobPath(job, `/tiles/${tile.task}`));
      if (wanted !== this.#frame) return;
      if (!picture) continue;
      const [x, y, toX, toY] = [tile.left - left, top - tile.top, tile.right - left, top - tile.bottom].map((edge) => Math.round(edge * scale));
      this.#canvas.getContext("2d").drawImage(picture, x, y, toX - x, toY - y);
      picture.close();
      this.#drawn.add(tile.task);
      this.#changed();
    }
  }
}

async function fetched(address) {
  try {
    const answer = await fetch(address);
    return answer.status === 200 ? await createImageBitmap(await answer.blob()) : null;
  } catch {
    return null; // the farm is out of reach, which is told elsewhere
  }
}
