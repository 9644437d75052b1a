// Discord's timestamps, `<t:1700000000:F>`, in the reader's language and time zone.

import { dateFormatter, lazyFormatter } from "./formatters.js";

const FORMATS = {
  t: dateFormatter({ timeStyle: "short" }),
  T: dateFormatter({ timeStyle: "medium" }),
  d: dateFormatter({ dateStyle: "short" }),
  D: dateFormatter({ dateStyle: "long" }),
  f: dateFormatter({ dateStyle: "long", timeStyle: "short" }),
  F: dateFormatter({ dateStyle: "full", timeStyle: "short" }),
};
const relative = lazyFormatter(() => new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }));
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** A date in one of Discord's formats but `R`. */
export function formatTimestamp(date, format) {
  return FORMATS[format](date);
}

/** `R`: “in 2 hours”. `now` in milliseconds since 1970. */
export function relativeTime(date, now) {
  const seconds = Math.round((date - now) / 1000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative(Math.trunc(seconds / size), unit);
}
