// SPDX-License-Identifier: GPL-3.0-or-later
// What the farm is asked, and its refusals as sentences.

export class Refusal extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** What the farm answers, `{text}` where that is plain text. Throws Refusal with a sentence for people; its status is 0 if the farm is out of reach. */
export async function ask(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "The farm can't be reached; nothing was changed.");
  }
  let told = {};
  try {
    told = answer.headers.get("Content-Type")?.startsWith("text/plain") ? { text: await answer.text() } : await answer.json();
  } catch {
    // a proxy's own words, perhaps
  }
  if (!answer.ok) throw new Refusal(answer.status, sentence(told.error ?? `the farm answered ${answer.status}`));
  return told;
}

let asked = null;
/** What the server is: {version, extension, blender}, each of which may be missing. */
export const about = () => (asked ??= ask("GET", "/api/about").catch(() => ((asked = null), {})));

export const jobPath = (id, rest = "") => `/api/jobs/${encodeURIComponent(id)}${rest}`;
export const framePath = (id, frame) => jobPath(id, `/frames/${frame}`);
export const workerPath = (id, rest = "") => `/api/workers/${encodeURIComponent(id)}${rest}`;

export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
