// The content of a message with its formatting. Elements and text only: nothing in it is ever read as HTML.

import { parse } from "../../text/markdown.js";
import { texts } from "../../text/texts.js";
import { emojiPicture } from "../emoji/emoji.js";
import { create } from "../page/elements.js";
import { timestampElement } from "./times.js";

/** `masked`: whether [text](address) is a link. */
export function showContent(element, content, { masked }) {
  element.replaceChildren(...rendered(parse(content, { masked })));
  element.normalize();
  setHeadingLevels(element);
}

/** Whatever heading a message begins with, to screen readers it is the one below the page's own, and no level is left out. */
function setHeadingLevels(element) {
  const above = [];
  for (const heading of element.querySelectorAll("h3, h4, h5")) {
    while (above.at(-1) >= heading.tagName) above.pop();
    above.push(heading.tagName);
    heading.ariaLevel = String(above.length + 1);
  }
}

const rendered = (content) => (typeof content === "string" ? [content] : content.map(renderNode));
const renderNode = (node) => (RENDERERS[node.type] ?? RENDERERS.text)(node);
const wrapIn = (tag) => (node) => create(tag, "", ...rendered(node.content));

const RENDERERS = {
  text: ({ content }) => content,
  br: () => "\n",
  strong: wrapIn("strong"),
  em: wrapIn("em"),
  underline: wrapIn("u"),
  strikethrough: wrapIn("s"),
  subtext: wrapIn("small"),
  inlineCode: wrapIn("code"),
  blockQuote: wrapIn("blockquote"),
  heading: (node) => wrapIn(`h${node.level + 2}`)(node),
  spoiler,
  codeBlock,
  list,
  url: anchor,
  link,
  timestamp: ({ timestamp, format }) => timestampElement(timestamp, format) ?? `<t:${timestamp}>`,
  emoji: emojiPicture,
};

function anchor({ target, content }) {
  const element = create("a", "", ...rendered(content));
  element.href = target;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
  return element;
}

/** The text may promise anything, so the host that it really leads to stands behind it. */
function link(node) {
  const element = anchor(node);
  element.title = node.target;
  element.append(create("bdi", "leads-to", ` (${new URL(node.target).host})`));
  return element;
}

function codeBlock({ lang, content }) {
  const code = create("pre", "", create("code", "", content));
  const label = lang ? [create("figcaption", "", lang)] : [];
  return create("figure", "code", ...label, code);
}

function list({ ordered, start, items }) {
  const element = create(ordered ? "ol" : "ul", "", ...items.map((item) => create("li", "", ...rendered(item))));
  if (ordered) element.start = start;
  return element;
}

/** Hidden until somebody asks to see it, from screen readers and the Tab key too. */
function spoiler({ content }) {
  const hidden = create("span", "hidden-words", ...rendered(content));
  const button = create("button", "unseen");
  button.type = "button";
  button.ariaLabel = texts.spoiler;
  const element = create("span", "spoiler", button, hidden);
  element.addEventListener("click", () => {
    if (!button.isConnected) return;
    const hadFocus = document.activeElement === button;
    button.remove();
    element.classList.add("open");
    hidden.tabIndex = -1;
    if (hadFocus) hidden.focus({ preventScroll: true });
  });
  return element;
}
