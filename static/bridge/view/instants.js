// Moments that somebody named in a message, in the reader's language and time zone.

import { clock } from "../model/clock.js";
import { dates, formatter } from "./formatter.js";

const FORMATS = {
  t: dates({ timeStyle: "short" }),
  T: dates({ timeStyle: "medium" }),
  d: dates({ dateStyle: "short" }),
  D: dates({ dateStyle: "long" }),
  f: dates({ dateStyle: "long", timeStyle: "short" }),
  F: dates({ dateStyle: "full", timeStyle: "short" }),
};
const relative = formatter(() => new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }));
const STEPS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const EVERY = 10_000;

/** A <time> for so many seconds after 1970; null for what no calendar has. `R`: from now, and it stays true. */
export function showInstant(seconds, format = "f") {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return null;
  const element = document.createElement("time");
  element.className = "instant";
  element.dateTime = at.toISOString();
  element.title = FORMATS.F(at);
  if (format === "R") element.dataset.relative = "";
  element.textContent = format === "R" ? fromNow(at) : FORMATS[format](at);
  return element;
}

export function fromNow(at, now = clock.now()) {
  const seconds = Math.round((at - now) / 1000);
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? STEPS.at(-1);
  return relative(Math.trunc(seconds / size), unit);
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = fromNow(new Date(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}, EVERY);
