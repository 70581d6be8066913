// SPDX-License-Identifier: GPL-3.0-or-later
// What asks and tells: menus, questions, and short words about what was done.

import { h, icon } from "./dom.js";
import { sentence } from "./api.js";

const SHOWN = 6000; // ms that a word stays

/** A word about what happened; `wrong` ones stay until they are closed. */
export function say(words, { wrong = false } = {}) {
  const close = () => toast.remove();
  const toast = h(
    "div",
    { class: wrong ? "toast wrong" : "toast" },
    h("span", {}, words),
    wrong && h("button", { type: "button", class: "quiet", "aria-label": "Close this message", onclick: close }, icon("cancel")),
  );
  document.getElementById("toasts").append(toast);
  if (!wrong) setTimeout(close, SHOWN);
}

/** Does it, with the button out of action meanwhile, and says what went wrong. */
export async function attempt(what, button) {
  button?.setAttribute("disabled", "");
  try {
    return await what();
  } catch (refusal) {
    if (!("status" in refusal)) throw refusal;
    say(refusal.message, { wrong: true });
  } finally {
    button?.removeAttribute("disabled");
  }
  return undefined;
}

let menuOpen = null;

/** Opens a menu below a button. `entries`: {icon, label, act, href, download, danger}, or null. */
export function menu(button, entries) {
  if (menuOpen?.button === button) return closeMenu();
  closeMenu();
  const items = entries.filter(Boolean).map((entry) => {
    const content = [icon(entry.icon), entry.label];
    const props = { role: "menuitem", tabindex: -1, class: entry.danger ? "danger" : null };
    if (entry.href) return h("a", { ...props, href: entry.href, download: true, onclick: () => closeMenu() }, content);
    const act = () => {
      closeMenu();
      entry.act();
    };
    return h("button", { ...props, type: "button", onclick: act }, content);
  });
  const list = h("div", { role: "menu", class: "menu", popover: "auto", "aria-label": button.title || "More" }, items);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9 }[event.key];
    if (event.key === "Tab") closeMenu();
    if (step === undefined) return;
    event.preventDefault();
    const at = items.indexOf(document.activeElement) + step;
    items[Math.abs(step) > 1 ? (step < 0 ? 0 : items.length - 1) : (at + items.length) % items.length].focus();
  });
  list.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "closed") return;
    button.setAttribute("aria-expanded", "false");
    if (menuOpen?.list === list) menuOpen = null;
  });
  list.addEventListener("toggle", (event) => event.newState === "closed" && list.remove());
  button.focus(); // where it returns to
  document.getElementById("main").append(list);
  list.showPopover();
  const [at, size] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
  const below = at.bottom + size.height + 8 < innerHeight || at.top < size.height + 8;
  list.style.top = `${below ? at.bottom + 4 : at.top - size.height - 4}px`;
  list.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`;
  button.setAttribute("aria-expanded", "true");
  menuOpen = { button, list };
  items[0]?.focus();
  return undefined;
}

function closeMenu() {
  menuOpen?.list.hidePopover();
}

/** Asks in a window of its own; gives the form's values, or null. `fields`: elements with names. */
export function question({ title, words = "", fields = [], ok, danger = false }) {
  return new Promise((answer) => {
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", {}, title),
      words && h("p", {}, words),
      fields,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => dialog.close() }, "Leave it"),
        h("button", { class: danger ? "danger primary" : "primary", value: "ok" }, ok),
      ),
    );
    const dialog = h("dialog", { "aria-label": title }, form);
    dialog.addEventListener("close", () => {
      answer(dialog.returnValue === "ok" ? new FormData(form) : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    form.querySelector("input, button")?.focus();
  });
}

/** A text that is copied by a click. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // without TLS browsers have no clipboard for pages: the older way
    const field = h("textarea", { class: "away", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    button.focus();
    if (!copied) return say("Your browser allows no copying: mark the text and press Ctrl-C.", { wrong: true });
  }
  return say("Copied.");
}

export const refused = (refusal) => h("p", { class: "wrong" }, sentence(refusal.message));
