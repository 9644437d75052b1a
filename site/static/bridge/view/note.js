// A sentence about what just failed, which goes by itself.

import { say } from "./header.js";

const LASTS = 6_000;

let timer;

export function note(element, text) {
  clearTimeout(timer);
  say(element, text);
  timer = setTimeout(() => say(element, ""), LASTS);
}
