// A sentence about what just failed, which goes by itself.

import { say } from "./header.55388f40d2a1.js";

const LASTS = 6_000;

let timer;

export function note(element, text) {
  clearTimeout(timer);
  say(element, text);
  timer = setTimeout(() => say(element, ""), LASTS);
}
