// Somebody's picture, or their initials on a colour of their own.

import { hue, initials } from "../../text/initials.js";
import { partOf } from "../page/elements.js";

export function showAvatar(element, { id, name, avatar }) {
  const picture = partOf(element, "picture");
  partOf(element, "initials").textContent = initials(name);
  element.style.setProperty("--hue", hue(id));
  if (!avatar.startsWith("https://") || picture.src === avatar) return;
  picture.onload = () => (picture.hidden = false);
  picture.onerror = () => (picture.hidden = true);
  picture.src = avatar;
}
