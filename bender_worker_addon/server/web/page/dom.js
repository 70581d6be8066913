// SPDX-License-Identifier: GPL-3.0-or-later
// What the page is built from. Text goes in as text, never as HTML: names, errors and logs come from anywhere.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `props` are attributes, `on…` listeners; false and null are left out. Children: nodes or text. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/page/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon alone; `label` is its name, also for those who hover. */
export function iconButton(name, label, onclick, props = {}) {
  return h("button", { type: "button", class: "quiet", title: label, "aria-label": label, onclick, ...props }, icon(name));
}

/** Gives an icon button another meaning. */
export function relabel(button, name, label) {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.replaceChildren(icon(name));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Lets `parent` have one child for each item, in this order. What stays is only updated. */
export function each(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let child = old.get(id);
    if (child === undefined) {
      child = make(item);
      child.key = id;
    }
    old.delete(id);
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const gone of old.values()) gone.remove();
}
