// SPDX-License-Identifier: GPL-3.0-or-later
// Notices of the browser, for those who want them: a job is done, or something needs somebody. Told while the page is
// open somewhere and not looked at.

import { icon, setText } from "./dom.js";
import { OVER, farm } from "./farm.js";
import { needs } from "./outlook.js";

const KEPT = "notices"; // in this browser: whether they are wanted

const button = document.getElementById("notify");
const words = document.createElement("span");
const wanted = () => Notification.permission === "granted" && localStorage.getItem(KEPT) === "yes";

let over = null; // ids of jobs that are over
let needed = null; // keys of what needs somebody

function show() {
  button.hidden = farm.connection !== "live";
  button.setAttribute("aria-pressed", wanted());
  setText(words, Notification.permission === "denied" ? "Your browser blocks notices" : "Tell me when something happens");
  button.disabled = Notification.permission === "denied";
}

async function toggle() {
  if (Notification.permission !== "granted") await Notification.requestPermission();
  localStorage.setItem(KEPT, wanted() ? "no" : "yes");
  show();
}

/** What is new since the last look; at first nothing is. */
function look() {
  if (farm.connection !== "live") return;
  const nowOver = new Set([...farm.jobs.values()].filter((job) => OVER.has(job.status)).map((job) => job.id));
  const found = needs();
  if (over && wanted() && !document.hasFocus()) {
    for (const id of nowOver) if (!over.has(id)) tell(farm.jobs.get(id));
    for (const need of found) if (!needed.has(need.key)) notice(need.words, need.why, need.key);
  }
  over = nowOver;
  needed = new Set(found.map((need) => need.key));
}

function tell(job) {
  if (job.status === "Finished") notice(`“${job.name}” is done`, "", `over ${job.id}`, `#/job/${job.id}`);
}

function notice(title, body, tag, address = "#/") {
  const made = new Notification(title, { body, tag, icon: "/page/icon.svg" });
  made.onclick = () => {
    focus();
    location.hash = address;
    made.close();
  };
}

// Without TLS browsers have notices for this machine's own pages alone.
if (globalThis.Notification && isSecureContext) {
  button.append(icon("bell"), words);
  words.className = "away";
  button.addEventListener("click", toggle);
  farm.staysAwake = wanted;
  farm.addEventListener("change", look);
  farm.addEventListener("connection", show);
  show();
}
