// The messages as a live region of a screen reader: news is read aloud, the past is not.

import { part } from "../page/elements.js";

const DURATION = 150; // milliseconds

let timer;

/** What is added in the next moment is not read aloud. */
export function muteLog() {
  clearTimeout(timer);
  part("log").ariaBusy = "true";
  timer = setTimeout(() => (part("log").ariaBusy = "false"), DURATION);
}
