// An emoji as a node: characters are text, a Discord server's own is a picture, or its name where there is none.

import { ownEmoji } from "../model/emoji.2144bea2a99c.js";
import { root } from "./page.5f80d0f75418.js";

export function emojiNode(spelled) {
  const own = ownEmoji(spelled);
  if (own) return emojiPicture(own);
  const face = document.createElement("span");
  face.className = "face";
  face.textContent = spelled;
  return face;
}

export function emojiPicture({ name, id, animated }) {
  const picture = document.createElement("img");
  picture.className = "emoji";
  picture.alt = picture.title = `:${name}:`;
  picture.draggable = false;
  picture.addEventListener("error", () => picture.replaceWith(picture.alt), { once: true });
  picture.src = `${root.dataset.emojiPictures}${id}.${animated ? "gif" : "webp"}`;
  return picture;
}
