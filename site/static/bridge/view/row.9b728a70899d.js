// Fills one row's element from one row's data. Called again for the same element whenever the data changed.

import { plain } from "../model/markdown.2fd93c49e37f.js";
import { texts } from "../texts.c1b04b393278.js";
import { showAttachments } from "./attachments.05779a8c1c5f.js";
import { showAvatar } from "./avatar.dc0a1be0cff1.js";
import { showDay, showTime } from "./moments.7b89ae58ebf7.js";
import { showReactions } from "./reactions.ae49cd2f605e.js";
import { showWords } from "./words.430568974ca6.js";

const part = (element, name) => element.querySelector(`[data-${name}]`);

export const fill = {
  day: (element, { at }) => showDay(element.querySelector("time"), at),
  unread: (element, { count, further }) => (element.querySelector("span").textContent = texts.news(count, further)),
  gap: (element, { size }) => (element.querySelector("span").textContent = texts.gap(size)),
  event: (element, row) => (element.querySelector("span").textContent = happened(row)),
  message,
};

/** What the server keeps has a word for it, by whomever; what is told of a room is a sentence already. */
function happened({ uid, own, author, content }) {
  return uid ? texts.turned(content, own, author?.name ?? "") : content;
}

function message(element, row) {
  const name = row.own ? texts.you : (row.author?.name ?? "");
  element.classList.toggle("own", row.own);
  element.classList.toggle("first", row.first);
  element.classList.toggle("last", row.last);
  element.classList.toggle("deleted", Boolean(row.deleted));
  element.dataset.state = row.status ?? "";
  part(element, "name").textContent = name;
  showRole(part(element, "name"), row.author?.colour);
  // A word outside of the name: whatever somebody calls themselves, this they cannot say of themselves.
  part(element, "staff").hidden = row.author?.role !== "staff";
  // Once for all that one says in a row: the others' name stands above it, one's own only here.
  part(element, "speaker").textContent = row.own && row.first ? `${name}: ` : "";
  showTime(part(element, "time"), row.at);
  if (!row.own && row.author) showAvatar(element.querySelector(".avatar"), row.author);
  const words = part(element, "words");
  if (row.deleted) words.textContent = texts.deleted;
  // As in Discord: an address behind other words is for staff and bots to write.
  else showWords(words, row.content, { masked: Boolean(row.author && row.author.role !== "visitor") });
  words.hidden = !row.content && !row.deleted;
  showAttachments(part(element, "files"), row.deleted ? [] : row.attachments);
  part(element, "bubble").hidden = words.hidden && !row.quote;
  part(element, "edited").hidden = !row.edited || row.deleted;
  quote(element, row);
  tools(element, row);
  showReactions(part(element, "reactions"), row.reactions);
  if (row.change) change(element, row.change);
  else status(element, row);
}

/** The colour of his role over there, as a dot: as the colour of letters many could not be read. */
function showRole(name, colour) {
  const known = /^#[0-9a-f]{6}$/i.test(colour ?? "");
  name.classList.toggle("coloured", known);
  if (known) name.style.setProperty("--role", colour);
}

function quote(element, { quote: quoted, deleted }) {
  const box = part(element, "quote");
  box.hidden = !quoted || deleted;
  if (box.hidden) return;
  part(element, "quote-name").textContent = quoted.name;
  part(element, "quote-staff").hidden = quoted.role !== "staff";
  part(element, "quote-words").textContent = quoted.deleted
    ? texts.deleted
    : plain(quoted.content, { masked: true }) || texts.file;
  box.classList.toggle("gone", quoted.deleted);
}

function tools(element, { tools: names }) {
  part(element, "tools").hidden = !names.length;
  for (const button of element.querySelectorAll("[data-tool]"))
    button.hidden = !names.includes(button.dataset.tool);
}

/** An edit or a deletion that the server has not taken yet, or refused. */
function change(element, { kind, error, connected }) {
  element.dataset.state = error ? "unchanged" : connected ? "changing" : "kept";
  part(element, "status").hidden = false;
  part(element, "status-text").textContent = error
    ? texts.unchanged[kind]
    : connected
      ? texts.changing[kind]
      : texts.status.kept;
  part(element, "remedy").hidden = !error;
  part(element, "remedy-text").textContent = texts.refusedChange[error] ?? texts.refusalOther;
  part(element, "again").hidden = false;
  part(element, "again").textContent = texts.again;
  part(element, "discard").hidden = false;
  part(element, "discard").textContent = texts.leave;
  part(element, "rewrite").hidden = true;
}

function status(element, { status: name, latest, failure, error, attachments }) {
  const broken = name === "failed" || name === "refused";
  const stale = Boolean(name && !broken && failure); // the team has what it said before
  element.classList.toggle("stale", stale);
  const line = part(element, "status");
  line.hidden = !name || !(latest || broken || stale);
  part(element, "status-text").textContent = (stale ? texts.stale : texts.status[name]) ?? "";
  const remedy = part(element, "remedy");
  remedy.hidden = !(broken || stale);
  if (remedy.hidden) return;
  part(element, "again").hidden = stale;
  const refused = name === "refused";
  part(element, "remedy-text").textContent = refused
    ? ((attachments.length && texts.refusedFiles[error]) || (texts.refusal[error] ?? texts.refusalOther))
    : (texts.failure[failure] ?? texts.failureOther);
  part(element, "again").textContent = texts.again;
  part(element, "rewrite").hidden = refused || stale;
  part(element, "discard").hidden = !refused;
  part(element, "discard").textContent = texts.discard;
}
