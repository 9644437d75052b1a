// The reactions below a message: each is a button that adds the visitor's own, or removes it.

import { customEmoji } from "../../text/emoji.js";
import { texts } from "../../text/texts.js";
import { emojiElement } from "../emoji/emoji.js";
import { create } from "../page/elements.js";
import { KeyedList } from "../page/keyed_list.js";

const lists = new WeakMap(); // box -> KeyedList

export function showReactions(box, reactions) {
  if (!lists.has(box)) lists.set(box, new KeyedList(box, { keyOf: ({ emoji }) => emoji, create: createButton, update }));
  lists.get(box).show(reactions);
  box.hidden = !reactions.length;
}

function createButton({ emoji }) {
  const button = create("button", "reaction", emojiElement(emoji), " ", create("span"));
  button.type = "button";
  button.dataset.emoji = emoji;
  return button;
}

function update(button, { emoji, count, own }) {
  button.lastElementChild.textContent = count;
  button.ariaPressed = String(own);
  button.ariaLabel = texts.reaction(customEmoji(emoji)?.name ?? emoji, count);
}
