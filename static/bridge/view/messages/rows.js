// Fills the element of one row. Called again for the same element whenever the row changed.

import { plainText } from "../../text/markdown.js";
import { texts } from "../../text/texts.js";
import { partOf } from "../page/elements.js";
import { showAttachments } from "./attachments.js";
import { showAvatar } from "./avatar.js";
import { showContent } from "./content.js";
import { showStatus } from "./message_status.js";
import { showReactions } from "./reactions.js";
import { showDay, showTime } from "./times.js";

/** By the kind of the row. */
export const fillRow = {
  day: (element, { at }) => showDay(element.querySelector("time"), at),
  unread: (element, { count, isMore }) => showLine(element, texts.unreadLine(count, isMore)),
  gap: (element, { size }) => showLine(element, texts.gap(size)),
  event: (element, row) => showLine(element, eventText(row)),
  message: fillMessage,
};

function showLine(element, text) {
  element.querySelector("span").textContent = text;
}

/** An event from the server is one word, by whoever caused it; a notice of a room is a sentence already. */
function eventText({ uid, own, author, content }) {
  return uid ? texts.stateChange(content, own, author?.name ?? "") : content;
}

function fillMessage(element, row) {
  element.classList.toggle("own", row.own);
  element.classList.toggle("first", row.first);
  element.classList.toggle("last", row.last);
  element.classList.toggle("deleted", Boolean(row.deleted));
  showAuthor(element, row);
  showTime(partOf(element, "time"), row.at);
  showText(element, row);
  showAttachments(partOf(element, "files"), row.deleted ? [] : row.attachments);
  showQuote(element, row);
  showTools(element, row.tools);
  showReactions(partOf(element, "reactions"), row.reactions);
  showStatus(element, row);
}

function showAuthor(element, { own, first, author }) {
  const name = own ? texts.you : (author?.name ?? "");
  partOf(element, "name").textContent = name;
  showRoleColour(partOf(element, "name"), author?.colour);
  // A word outside of the name: whatever visitors call themselves, this they cannot claim.
  partOf(element, "staff").hidden = author?.role !== "staff";
  // For screen readers, once for a group: the names of others stand above it, the visitor's own only here.
  partOf(element, "speaker").textContent = own && first ? `${name}: ` : "";
  if (!own && author) showAvatar(element.querySelector(".avatar"), author);
}

/** The colour of the author's role in Discord, as a dot: letters in it could often not be read. */
function showRoleColour(name, colour) {
  const isColour = /^#[0-9a-f]{6}$/i.test(colour ?? "");
  name.classList.toggle("coloured", isColour);
  if (isColour) name.style.setProperty("--role", colour);
}

function showText(element, { content, deleted, edited, author, quote }) {
  const words = partOf(element, "words");
  if (deleted) words.textContent = texts.deleted;
  // As in Discord: only staff and bots can put a link behind other words.
  else showContent(words, content, { masked: Boolean(author && author.role !== "visitor") });
  words.hidden = !content && !deleted;
  partOf(element, "bubble").hidden = words.hidden && !quote;
  partOf(element, "edited").hidden = !edited || deleted;
}

function showQuote(element, { quote, deleted }) {
  const box = partOf(element, "quote");
  box.hidden = !quote || deleted;
  if (box.hidden) return;
  partOf(element, "quote-name").textContent = quote.name;
  partOf(element, "quote-staff").hidden = quote.role !== "staff";
  partOf(element, "quote-words").textContent = quote.deleted
    ? texts.deleted
    : plainText(quote.content, { masked: true }) || texts.file;
  box.classList.toggle("gone", quote.deleted);
}

function showTools(element, names) {
  partOf(element, "tools").hidden = !names.length;
  for (const button of element.querySelectorAll("[data-tool]")) button.hidden = !names.includes(button.dataset.tool);
}
