// What somebody wrote, with the looks that he gave it. Elements and text only: nothing in it is ever read as HTML.

import { parse } from "../model/markdown.2fd93c49e37f.js";
import { texts } from "../texts.c1b04b393278.js";
import { emojiPicture } from "./emoji.a801a143bce7.js";
import { showInstant } from "./instants.66b0b16cdb10.js";

export function showWords(element, content, { masked = false } = {}) {
  element.replaceChildren(...nodes(parse(content, { masked })));
  element.normalize();
  outline(element);
}

/** With whatever heading a message begins, to screen readers it is the one below the page's own, and no step is left out. */
function outline(element) {
  const above = [];
  for (const heading of element.querySelectorAll("h3, h4, h5")) {
    while (above.at(-1) >= heading.tagName) above.pop();
    above.push(heading.tagName);
    heading.ariaLevel = String(above.length + 1);
  }
}

const nodes = (content) => (typeof content === "string" ? [content] : content.map(shown));
const shown = (node) => (SHOWN[node.type] ?? SHOWN.text)(node);
const inside = (name) => (node) => made(name, nodes(node.content));

const SHOWN = {
  text: ({ content }) => content,
  br: () => "\n",
  strong: inside("strong"),
  em: inside("em"),
  underline: inside("u"),
  strikethrough: inside("s"),
  subtext: inside("small"),
  inlineCode: inside("code"),
  blockQuote: inside("blockquote"),
  heading: (node) => made(`h${node.level + 2}`, nodes(node.content)),
  spoiler,
  codeBlock,
  list,
  url: ({ target, content }) => anchor(target, nodes(content)),
  link,
  timestamp: ({ timestamp, format }) => showInstant(timestamp, format) ?? `<t:${timestamp}>`,
  emoji: emojiPicture,
};

function made(name, content, looks) {
  const element = document.createElement(name);
  if (looks) element.className = looks;
  element.append(...content);
  return element;
}

function anchor(target, content) {
  const element = made("a", content);
  element.href = target;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
  return element;
}

/** Words may promise anything: where they really lead stands behind them. */
function link({ target, content }) {
  const element = anchor(target, nodes(content));
  element.title = target;
  element.append(made("bdi", [` (${new URL(target).host})`], "leads-to"));
  return element;
}

function codeBlock({ lang, content }) {
  const code = made("pre", [made("code", [content])]);
  const label = lang ? [made("figcaption", [lang])] : [];
  return made("figure", [...label, code], "code");
}

function list({ ordered, start, items }) {
  const element = made(
    ordered ? "ol" : "ul",
    items.map((item) => made("li", nodes(item))),
  );
  if (ordered) element.start = start;
  return element;
}

/** Covered until somebody wants to see it, from screen readers and the Tab key, too. */
function spoiler({ content }) {
  const hidden = made("span", nodes(content), "hidden-words");
  const button = made("button", [], "unseen");
  button.type = "button";
  button.ariaLabel = texts.spoiler;
  const element = made("span", [button, hidden], "spoiler");
  const reveal = () => {
    if (!button.isConnected) return;
    const focused = document.activeElement === button;
    button.remove();
    element.classList.add("open");
    hidden.tabIndex = -1;
    if (focused) hidden.focus({ preventScroll: true });
  };
  element.addEventListener("click", reveal);
  return element;
}
