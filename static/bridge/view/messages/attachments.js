// The files of a message: pictures, sounds and films with their players, everything else by name and size.

import { fileSize } from "../../text/file_size.js";
import { texts } from "../../text/texts.js";
import { create, template } from "../page/elements.js";

const MAX_WIDTH = 320; // pixels, as in chat.css
const MAX_HEIGHT = 300;

const signatures = new WeakMap(); // element -> what it shows

export function showAttachments(element, attachments) {
  element.hidden = !attachments.length;
  // Other parts of the message may change: a film that plays goes on.
  const signature = JSON.stringify(attachments);
  if (signatures.get(element) === signature) return;
  signatures.set(element, signature);
  element.replaceChildren(...attachments.map(attachmentElement));
}

function attachmentElement(file) {
  if (file.state !== "stored") return chip(file);
  if (isPicture(file)) return picture(file);
  if (file.content_type.startsWith("video/")) return player("video", file);
  if (file.content_type.startsWith("audio/")) return player("audio", file);
  return chip(file);
}

function isPicture({ content_type, width, height }) {
  return content_type.startsWith("image/") && width > 0 && height > 0;
}

/** A link to the picture, which opens it large. */
function picture(file) {
  const image = create("img");
  const scale = Math.min(1, MAX_WIDTH / file.width, MAX_HEIGHT / file.height);
  // Known before the picture is there, so that nothing jumps.
  image.width = Math.max(1, Math.round(file.width * scale));
  image.height = Math.max(1, Math.round(file.height * scale));
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = file.name;
  image.src = file.thumbnail || file.url;
  const link = create("a", "picture", image);
  link.href = file.url;
  link.target = "_blank";
  link.dataset.open = "";
  link.setAttribute("aria-label", texts.files.open(file.name));
  return link;
}

function player(kind, file) {
  const media = create(kind);
  media.controls = true;
  media.preload = "metadata";
  media.src = file.url;
  media.setAttribute("aria-label", file.name);
  return create("figure", kind, media, chip(file));
}

function chip(file) {
  const isPending = file.state === "pending" || !file.url;
  const size = file.size ? fileSize(file.size) : "";
  const state = { pending: texts.files.pending, remote: texts.files.remote }[file.state] ?? "";
  const element = create(
    isPending ? "span" : "a",
    "file",
    template("file-icon"),
    create("bdi", "file-name", file.name),
    create("span", "file-facts", [size, state].filter(Boolean).join(" · ")),
  );
  if (isPending) return element;
  element.href = file.url;
  element.target = "_blank";
  element.rel = "noopener noreferrer";
  if (file.state === "stored") element.download = file.name;
  return element;
}
