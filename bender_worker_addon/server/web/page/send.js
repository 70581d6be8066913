// SPDX-License-Identifier: GPL-3.0-or-later
// <drop-blend>: a .blend from here to the farm: sent up, looked into by the farm's Blender where it has one, and made a
// job of as its form says.

import { go } from "./address.js";
import { Refusal, about, ask, jobPath, sentence } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { refused, say } from "./ui.js";
import { bytes, framesIn, many } from "./words.js";

const FILE = "scene.blend"; // what it is called there
const PERSON = "person"; // in this browser: what she calls herself
const HOW = "Frames are written like 1-100,120-200x5.";

class DropBlend extends HTMLElement {
  #file = h("input", { type: "file", accept: ".blend", class: "away", tabindex: -1, "aria-hidden": "true", onchange: () => this.#chosen() });

  connectedCallback() {
    if (this.childElementCount) return;
    const choose = h("button", { type: "button", class: "primary", onclick: () => this.#file.click() }, icon("picture"), "Choose a .blend");
    this.append(h("p", {}, "Drop a .blend anywhere on this page, or"), choose, this.#file);
  }

  #chosen() {
    const [file] = this.#file.files;
    this.#file.value = "";
    if (file) send(file);
  }
}

/** Asks in a window of its own what is to become of a file, while that is sent up. */
async function send(file) {
  if (!/\.blend$/i.test(file.name)) return say(`${file.name} is no .blend.`, { wrong: true });
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const name = file.name.replace(/\.blend$/i, "");
  const stop = new AbortController();
  const words = h("p", { role: "status" }, `${bytes(file.size)} …`);
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Sent" });
  const body = h("div", { class: "sending" }, bar, words, h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Leave it")));
  const title = h("h2", {}, `Send “${name}”`);
  const dialog = h("dialog", { "aria-label": `Send ${name}` }, title, body);
  dialog.addEventListener("close", () => {
    stop.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  try {
    await upload(id, file, bar, words, stop.signal);
    bar.removeAttribute("value");
    const looked = (await about()).blender ? await look(id, words) : await unseen(file);
    if (dialog.open) body.replaceChildren(await form({ id, name, looked, dialog }));
    body.querySelector("input")?.focus();
  } catch (refusal) {
    if (!("status" in refusal)) throw refusal;
    bar.remove();
    words.replaceWith(refused(refusal));
  }
  return undefined;
}

/** Streams it from the disk. Throws Refusal. */
function upload(id, file, bar, words, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch can't tell how much has gone
    request.open("PUT", jobPath(id, `/files/${FILE}`));
    request.upload.onprogress = ({ loaded, total }) => {
      bar.value = loaded / total;
      setText(words, `${bytes(loaded)} of ${bytes(total)} sent`);
    };
    request.onload = () => (request.status === 201 ? resolve() : reject(new Refusal(request.status, whyNot(request))));
    request.onerror = () => reject(new Refusal(0, "The farm can’t be reached, or refuses the file; nothing was sent."));
    request.onabort = () => reject(new Refusal(0, "It was left."));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function whyNot(request) {
  try {
    return sentence(JSON.parse(request.responseText).error);
  } catch {
    return `The farm answered ${request.status}.`;
  }
}

function look(id, words, scene) {
  setText(words, "The farm’s Blender looks into it …");
  return ask("POST", jobPath(id, "/look"), { blend: FILE, ...(scene && { scene }) });
}

/** What can be said of a blend without a Blender. */
async function unseen(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 17).arrayBuffer());
  const [, old, major = old, minor] = head.match(/^BLENDER(?:[-_]v(\d)|17-01v0?(\d+?))(\d\d)/) ?? [];
  const facts = { version: major ? `${major}.${Number(minor)}` : "", engine: "", width: 0, height: 0, scale: 100, fps: 24, step: 1 };
  return { active: "", scenes: [{ name: "", frames: "", format: "PNG", facts, concerns: [] }], isUnseen: true };
}

const formats = async () => (await ask("GET", "/openapi.json")).paths["/api/jobs"].post.requestBody.content["application/json"].schema.properties.image_format.enum;

async function form({ id, name, looked, dialog }) {
  let scene = looked.scenes.find((one) => one.name === looked.active) ?? looked.scenes[0];
  const option = (value) => h("option", { value }, value);
  const fields = {
    name: h("input", { required: true, maxlength: 200, value: name }),
    scene: h("select", { onchange: () => choose(fields.scene.value) }, looked.scenes.map((one) => option(one.name))),
    frames: h("input", { required: true, autocomplete: "off", spellcheck: "false", placeholder: "1-100,120-200x5", oninput: () => tellCount(), onchange: () => tellTiles() }),
    format: h("select", {}, (await formats()).map(option)),
    fps: h("input", { type: "number", min: 1, max: 1000, required: true, value: 24 }),
    tiles: h("input", { type: "checkbox", onchange: () => tellTiles() }),
    kind: h("input", { type: "checkbox", onchange: () => tellTiles() }),
    person: h("input", { maxlength: 200, autocomplete: "name", value: localStorage.getItem(PERSON) ?? "" }),
  };
  const number = h("span", { class: "dim", "aria-live": "polite" });
  const concerns = h("ul", { class: "concerns" });
  const wrong = h("div", { role: "alert" });
  const button = h("button", { class: "primary" });
  const field = (label, input, ...more) => h("label", {}, label, input, ...more);
  const tiles = h("label", { class: "check", title: "All machines render each frame at once, and it is put together: for one picture, or a few that take long" }, fields.tiles, "Split into tiles");
  const kind = h("label", { class: "check", title: "All tiles are rendered by machines with the same processor or the same card, which round alike" }, fields.kind, "On one kind of device");
  const differ = h("p", { class: "dim", role: "status" });
  const made = h(
    "form",
    { method: "dialog" },
    looked.isUnseen && h("p", { class: "dim" }, "The farm’s server has no Blender to look into it: say yourself what is to be rendered. Its active scene is."),
    field("Name", fields.name),
    looked.scenes.length > 1 && field("Scene", fields.scene),
    field("Frames", fields.frames, number),
    field("Format", fields.format),
    looked.isUnseen && field("Frames a second", fields.fps),
    tiles,
    kind,
    differ,
    field("Your name", fields.person),
    concerns,
    wrong,
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Leave it"), button),
  );

  function choose(wanted) {
    scene = looked.scenes.find((one) => one.name === wanted);
    fields.scene.value = scene.name;
    fields.frames.value = scene.frames;
    fields.format.value = scene.format;
    tiles.hidden = !scene.picture;
    tellTiles();
    const found = scene.concerns;
    concerns.replaceChildren(...found.map(({ words, hopeless }) => h("li", { class: hopeless ? "wrong" : "" }, icon("warn"), h("span", {}, sentence(words)))));
    concerns.hidden = !found.length;
    setText(button, found.some(({ hopeless }) => hopeless) ? "Send it anyway" : "Send it");
    tellCount();
  }

  let turns = 0;
  async function tellTiles() {
    kind.hidden = differ.hidden = tiles.hidden || !fields.tiles.checked;
    if (kind.hidden) return;
    const asked = new URLSearchParams({ name: fields.name.value, frames: framesIn(fields.frames.value) || 1, one_kind: Number(fields.kind.checked) });
    const turn = ++turns;
    const { whole, differs } = await ask("GET", `/api/tiles?${asked}`).catch(() => ({ whole: "", differs: "" }));
    if (turn === turns) setText(differ, whole ? `Each frame is rendered as a whole: ${sentence(whole)}` : differs && sentence(differs));
  }

  function tellCount() {
    const count = framesIn(fields.frames.value);
    setText(number, count ? many(count, "frame") : "");
    fields.frames.setCustomValidity(count || !fields.frames.value ? "" : HOW);
  }

  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    localStorage.setItem(PERSON, fields.person.value);
    button.disabled = true;
    try {
      setText(number, scene.name === looked.active ? "" : "The farm’s Blender makes it the active scene …");
      if (scene.name !== looked.active) looked.active = (await look(id, number, scene.name)).active;
      const facts = looked.isUnseen ? { ...scene.facts, fps: Math.round(Number(fields.fps.value)) } : scene.facts;
      const preflight = scene.concerns.filter(({ harmless }) => !harmless).map(({ words }) => words);
      const told = { id, name: fields.name.value, blend: FILE, frames: fields.frames.value, image_format: fields.format.value, person: fields.person.value, scene: facts, preflight, ...(scene.picture && fields.tiles.checked && { split: scene.picture, one_kind: fields.kind.checked }) };
      await ask("POST", "/api/jobs", told);
      dialog.close();
      say(`“${fields.name.value}” is sent.`);
      go({}, { path: ["job", id] });
    } catch (refusal) {
      if (!("status" in refusal)) throw refusal;
      wrong.replaceChildren(refused(refusal));
      tellCount();
    } finally {
      button.disabled = false;
    }
  });
  choose(scene.name);
  return made;
}

const holdsFile = (event) => event.dataTransfer?.types.includes("Files") && document.body.dataset.connection === "live" && !document.querySelector("dialog[open]");

addEventListener("dragover", (event) => {
  if (!holdsFile(event)) return;
  event.preventDefault();
  document.body.dataset.drop = "yes";
});
addEventListener("dragleave", (event) => !event.relatedTarget && delete document.body.dataset.drop);
addEventListener("drop", (event) => {
  delete document.body.dataset.drop;
  if (!holdsFile(event)) return;
  event.preventDefault();
  send(event.dataTransfer.files[0]);
});

customElements.define("drop-blend", DropBlend);
