// An emoji as an element: characters are text, a Discord server's own is a picture, or its name where there is none.

import { customEmoji } from "../../text/emoji.js";
import { create, root } from "../page/elements.js";

export function emojiElement(emoji) {
  const custom = customEmoji(emoji);
  return custom ? emojiPicture(custom) : create("span", "face", emoji);
}

export function emojiPicture({ name, id, animated }) {
  const picture = create("img", "emoji");
  picture.alt = picture.title = `:${name}:`;
  picture.draggable = false;
  picture.addEventListener("error", () => picture.replaceWith(picture.alt), { once: true });
  picture.src = `${root.dataset.emojiPictures}${id}.${animated ? "gif" : "webp"}`;
  return picture;
}
