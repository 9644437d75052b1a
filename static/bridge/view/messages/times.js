// Times in <time> elements: when a message was written, a day, a moment that somebody named in a message.

import { clock } from "../../model/clock.js";
import { dayName, fullDate, timeOfDay } from "../../text/dates.js";
import { formatTimestamp, relativeTime } from "../../text/timestamps.js";
import { create, setText } from "../page/elements.js";

const UPDATE_INTERVAL = 10_000; // milliseconds, of relative times

export function showTime(element, date) {
  element.textContent = timeOfDay(date);
  element.title = fullDate(date);
  element.dateTime = date.toISOString();
}

export function showDay(element, date) {
  element.textContent = dayName(date, new Date(clock.now()));
  element.dateTime = date.toISOString().slice(0, 10);
}

/** Of Discord's timestamp `<t:seconds:format>`; null for what no calendar has. A relative one (`R`) is kept up to date. */
export function timestampElement(seconds, format = "f") {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return null;
  const element = create("time", "instant");
  element.dateTime = date.toISOString();
  element.title = formatTimestamp(date, "F");
  const isRelative = format === "R";
  if (isRelative) element.dataset.relative = "";
  element.textContent = isRelative ? relativeTime(date, clock.now()) : formatTimestamp(date, format);
  return element;
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-relative]"))
    setText(element, relativeTime(new Date(element.dateTime), clock.now()));
}, UPDATE_INTERVAL);
