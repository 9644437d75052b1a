// One conversation in the list: how it began, when it was last used, what is unread.

import { clock } from "../../model/clock.js";
import { dateWithYear, isSameDay, timeOfDay } from "../../text/dates.js";
import { plainText } from "../../text/markdown.js";
import { texts } from "../../text/texts.js";
import { partOf, setText, template } from "../page/elements.js";

export function conversationElement({ uid }) {
  const element = template("earlier");
  element.querySelector("button").dataset.uid = uid;
  return element;
}

/** `isShown`: it is the one on the screen. */
export function fillConversation(element, { title, state, unread, active_at, created_at }, isShown) {
  const button = element.querySelector("button");
  button.ariaCurrent = isShown ? "true" : null;
  button.classList.toggle("unread", unread > 0);
  const date = new Date(active_at);
  const isToday = isSameDay(date, new Date(clock.now()));
  const began = dateWithYear(new Date(created_at));
  setText(partOf(element, "earlier-words"), plainText(title) || texts.conversations.untitled(began));
  partOf(element, "earlier-time").dateTime = date.toISOString();
  setText(partOf(element, "earlier-time"), isToday ? timeOfDay(date) : dateWithYear(date));
  setText(partOf(element, "earlier-state"), state === "open" ? texts.conversations.open : texts.conversations.ended);
  partOf(element, "earlier-unread").hidden = !unread;
  setText(partOf(element, "earlier-unread"), unread ? texts.conversations.unread(unread) : "");
}
