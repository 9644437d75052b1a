// A sentence about what just failed, which goes by itself.

import { part, setText } from "./elements.js";

const DURATION = 6_000;

let timer;

export function showToast(text) {
  const element = part("note");
  clearTimeout(timer);
  setText(element, text);
  timer = setTimeout(() => setText(element, ""), DURATION);
}
