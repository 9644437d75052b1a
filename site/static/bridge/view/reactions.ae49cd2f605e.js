// The reactions below a message: each a button that joins in or takes one's own back.

import { ownEmoji } from "../model/emoji.2144bea2a99c.js";
import { texts } from "../texts.c1b04b393278.js";
import { emojiNode } from "./emoji.a801a143bce7.js";

/** Buttons that are there already stay: the focus may be on one of them. */
export function showReactions(box, reactions) {
  const known = new Map([...box.children].map((button) => [button.dataset.emoji, button]));
  const buttons = reactions.map((reaction) => filled(known.get(reaction.emoji) ?? made(reaction), reaction));
  for (const [emoji, button] of known) if (!reactions.some((each) => each.emoji === emoji)) button.remove();
  buttons.forEach((button, at) => {
    if (box.children[at] !== button) box.insertBefore(button, box.children[at] ?? null);
  });
  box.hidden = !buttons.length;
}

function made({ emoji }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reaction";
  button.dataset.emoji = emoji;
  button.append(emojiNode(emoji), " ", document.createElement("span"));
  return button;
}

function filled(button, { emoji, count, own }) {
  const name = ownEmoji(emoji)?.name ?? emoji;
  button.lastElementChild.textContent = count;
  button.ariaPressed = String(own);
  button.ariaLabel = texts.reaction(name, count);
  return button;
}
