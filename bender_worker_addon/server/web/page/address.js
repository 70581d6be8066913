// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses: `#/`, `#/job/ID`, `#/job/ID/FRAME`, `#/worker/ID`, each with filters behind a `?`.

/** {path: ["job", "ID"], parameters} of this window. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
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
  if (address === location.hash) return;
  if (replace) {
    history.replaceState(null, "", address);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = address;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
