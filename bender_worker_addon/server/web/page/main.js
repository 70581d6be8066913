// SPDX-License-Identifier: GPL-3.0-or-later
// Comes in by the key, follows the farm, shows what the address says.

import { here } from "./address.js";
import { ask } from "./api.js";
import { h, setText } from "./dom.js";
import { farm } from "./farm.js";
import "./home.js";
import "./job.js";
import "./notices.js";
import { refused } from "./ui.js";
import "./worker.js";

const main = document.getElementById("main");
const connection = document.getElementById("connection");

const VIEWS = { job: "job-page", worker: "worker-page" };

function show() {
  const { path, parameters } = here();
  const wanted = VIEWS[path[0]] ?? "farm-home";
  let view = main.firstElementChild;
  if (view?.localName !== wanted || view.subject !== path[1]) {
    view = document.createElement(wanted);
    view.subject = path[1];
    main.replaceChildren(view);
    scrollTo(0, 0);
  }
  view.parameters = parameters; // before the frame, which may be none of those that were shown
  view.frame = path[2] === undefined ? undefined : Number(path[2]);
}

function showConnection() {
  document.body.dataset.connection = farm.connection;
  if (farm.connection === "locked") return askForKey();
  setText(connection, { live: "live", lost: "The connection is lost; trying again …", connecting: "connecting …" }[farm.connection]);
  if (main.firstElementChild?.localName === "form") show();
  return undefined;
}

function askForKey(refusal) {
  setText(connection, "");
  const field = h("input", { name: "key", type: "password", autocomplete: "current-password", required: true });
  const form = h(
    "form",
    { class: "login" },
    h("h1", {}, "This farm wants its key"),
    h("p", {}, "Open the link that ", h("code", {}, "serve"), " printed, or put the key in. It is in the file ", h("code", {}, "key"), " in the farm’s folder."),
    refusal && refused(refusal),
    h("label", {}, "Key", field),
    h("button", { class: "primary" }, "Come in"),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await comeIn(field.value.trim());
  });
  main.replaceChildren(form);
  field.focus();
}

/** The key is changed for a cookie that no script can read; it stays nowhere in the browser. */
async function comeIn(key) {
  try {
    await ask("PUT", "/api/session", undefined, { Authorization: `Bearer ${key.replace(/^.*#key=/, "").replace(/[^\x21-\x7e]/g, "")}` });
  } catch (refusal) {
    return askForKey(refusal);
  }
  show();
  return farm.open();
}

function begin() {
  const [, key] = location.hash.match(/^#key=(.+)$/) ?? [];
  if (key) {
    history.replaceState(null, "", "#/");
    return comeIn(key);
  }
  show();
  return farm.open();
}

addEventListener("hashchange", () => (location.hash.startsWith("#key=") ? begin() : farm.connection !== "locked" && show()));
farm.addEventListener("connection", showConnection);
showConnection();
begin();
