// The files of a message: pictures as pictures, sounds and films with their players, the rest by name and size.

import { texts } from "../texts.c1b04b393278.js";
import { sizeOf } from "./sizes.e7ceb1243748.js";

const WIDE = 320; // pixels, as in chat.css
const HIGH = 300;

const drawn = new WeakMap(); // element -> what it shows

export function showAttachments(element, attachments) {
  element.hidden = !attachments.length;
  // The message may change around it: a film that plays is not taken away.
  const signature = JSON.stringify(attachments);
  if (drawn.get(element) === signature) return;
  drawn.set(element, signature);
  element.replaceChildren(...attachments.map(shown));
}

function shown(file) {
  const here = file.state === "stored";
  if (here && isPicture(file)) return picture(file);
  if (here && file.content_type.startsWith("video/")) return player("video", file);
  if (here && file.content_type.startsWith("audio/")) return player("audio", file);
  return chip(file);
}

export function isPicture({ content_type, width, height }) {
  return content_type.startsWith("image/") && width > 0 && height > 0;
}

/** A link to the picture itself, which opens it large. */
function picture(file) {
  const link = made("a", "picture");
  link.href = file.url;
  link.target = "_blank";
  link.dataset.open = "";
  link.setAttribute("aria-label", texts.files.open(file.name));
  const image = made("img");
  const scale = Math.min(1, WIDE / file.width, HIGH / file.height);
  // Known before it is there, so that nothing jumps.
  image.width = Math.max(1, Math.round(file.width * scale));
  image.height = Math.max(1, Math.round(file.height * scale));
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = file.name;
  image.src = file.thumbnail || file.url;
  link.append(image);
  return link;
}

function player(kind, file) {
  const box = made("figure", kind);
  const media = made(kind);
  media.controls = true;
  media.preload = "metadata";
  media.src = file.url;
  media.setAttribute("aria-label", file.name);
  box.append(media, chip(file));
  return box;
}

function chip(file) {
  const pending = file.state === "pending" || !file.url;
  const element = made(pending ? "span" : "a", "file");
  if (!pending) {
    element.href = file.url;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
    if (file.state === "stored") element.download = file.name;
  }
  const name = made("bdi", "file-name");
  name.textContent = file.name;
  const facts = made("span", "file-facts");
  facts.textContent = [
    file.size ? sizeOf(file.size) : "",
    { pending: texts.files.pending, remote: texts.files.remote }[file.state] ?? "",
  ]
    .filter(Boolean)
    .join(" · ");
  element.append(icon(), name, facts);
  return element;
}

function icon() {
  return document.querySelector('template[data-template="file-icon"]').content.firstElementChild.cloneNode(true);
}

function made(name, className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  return element;
}
