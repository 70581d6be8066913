// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses: `#/`, `#/job/ID`, `#/job/ID/FRAME`, `#/worker/ID`, each with filters behind a `?`.

const SOON = 250; // ms: browsers take a hundred changes without a step for Back in half a minute, and refuse more

let noted = null; // what becomes the address soon
let timer = 0;

/** {path: ["job", "ID"], parameters} of this window. */
export function here() {
  const [path, search = ""] = (noted ?? location.hash).replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), parameters: new URLSearchParams(search) };
}

/** Changes filters, and the path if one is given; null takes a filter away. `replace`: no step of its own for Back. */
export function go(changes, { path, replace = false } = {}) {
  const now = here();
  for (const [name, value] of Object.entries(changes)) {
    if (value == null) now.parameters.delete(name);
    else now.parameters.set(name, value);
  }
  const search = now.parameters.toString();
  const address = `#/${(path ?? now.path).map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
  if (address === (noted ?? location.hash)) return;
  if (replace) {
    noted = address;
    timer ||= setTimeout(write, SOON);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    write();
    location.hash = address;
  }
}

function write() {
  if (noted !== null) history.replaceState(null, "", noted);
  forget();
}

function forget() {
  clearTimeout(timer);
  [noted, timer] = [null, 0];
}

addEventListener("hashchange", (event) => event.isTrusted && forget()); // somebody has gone elsewhere meanwhile

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
