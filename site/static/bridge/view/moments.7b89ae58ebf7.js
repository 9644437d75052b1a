// Times and days as the reader's language and clock have them.

import { clock } from "../model/clock.ffcf845a7f9e.js";
import { texts } from "../texts.c1b04b393278.js";

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export function showTime(element, at) {
  element.textContent = time.format(at);
  element.title = full.format(at);
  element.dateTime = at.toISOString();
}

export function timeOf(at) {
  return time.format(at);
}

/** Whether it is the reader's day. */
export function isToday(at) {
  return new Date(clock.now()).toDateString() === at.toDateString();
}

export function dateOf(at) {
  return year.format(at);
}

export function showDay(element, at, now = new Date(clock.now())) {
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  const named = { 0: texts.today, 1: texts.yesterday }[days];
  element.textContent = named ?? (days < 300 ? day : year).format(at);
  element.dateTime = at.toISOString().slice(0, 10);
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
