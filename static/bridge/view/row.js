// Fills one row's element from one row's data. Called again for the same element whenever the data changed.

import { texts } from "../texts.js";
import { showAvatar } from "./avatar.js";
import { showDay, showTime } from "./moments.js";
import { showWords } from "./words.js";

const part = (element, name) => element.querySelector(`[data-${name}]`);

export const fill = {
  day: (element, { at }) => showDay(element.querySelector("time"), at),
  unread: () => {},
  gap: (element, { size }) => (element.querySelector("span").textContent = texts.gap(size)),
  event: (element, { content }) => (element.querySelector("span").textContent = content),
  message,
};

function message(element, row) {
  const name = row.own ? texts.you : (row.author?.name ?? "");
  element.classList.toggle("own", row.own);
  element.classList.toggle("first", row.first);
  element.classList.toggle("last", row.last);
  element.classList.toggle("deleted", Boolean(row.deleted));
  element.dataset.state = row.status ?? "";
  part(element, "name").textContent = name;
  part(element, "speaker").textContent = `${name}: `;
  showTime(part(element, "time"), row.at);
  if (!row.own && row.author) showAvatar(element.querySelector(".avatar"), row.author);
  showWords(part(element, "words"), row.deleted ? texts.deleted : row.content);
  part(element, "edited").hidden = !row.edited || row.deleted;
  status(element, row);
}

function status(element, { status: name, latest, failure, error }) {
  const broken = name === "failed" || name === "refused";
  const line = part(element, "status");
  line.hidden = !name || !(latest || broken);
  part(element, "status-text").textContent = texts.status[name] ?? "";
  const remedy = part(element, "remedy");
  remedy.hidden = !broken;
  if (!broken) return;
  const refused = name === "refused";
  part(element, "remedy-text").textContent = refused
    ? (texts.refusal[error] ?? texts.refusalOther)
    : (texts.failure[failure] ?? texts.failureOther);
  part(element, "again").textContent = refused ? texts.again : texts.rewrite;
  part(element, "discard").hidden = !refused;
}
