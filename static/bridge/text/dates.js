// Dates and times of day in the reader's language and time zone.

import { dateFormatter } from "./formatters.js";
import { texts } from "./texts.js";

const DAY = 86_400_000; // milliseconds
const THIS_YEAR = 300; // days after which a date names its year

export const timeOfDay = dateFormatter({ hour: "numeric", minute: "2-digit" });
export const fullDate = dateFormatter({ dateStyle: "full", timeStyle: "short" });
export const dateWithYear = dateFormatter({ day: "numeric", month: "long", year: "numeric" });
const dateWithWeekday = dateFormatter({ weekday: "long", day: "numeric", month: "long" });

export function isSameDay(date, other) {
  return date.toDateString() === other.toDateString();
}

/** “Today”, “Yesterday”, or the date. */
export function dayName(date, now) {
  const days = Math.round((midnight(now) - midnight(date)) / DAY);
  const name = { 0: texts.today, 1: texts.yesterday }[days];
  return name ?? (days < THIS_YEAR ? dateWithWeekday : dateWithYear)(date);
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
