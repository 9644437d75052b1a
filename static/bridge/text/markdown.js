// What Discord's markdown means, as a tree of plain objects: {type, content, …}, where content is text or further nodes.

import { splitLinks } from "./links.js";
import { rules, TooMuchWork } from "./markdown_rules.js";
import { parserFor } from "../../vendor/discord-markdown/discord-markdown.js";

const MAX_LENGTH = 20_000; // characters; Discord's own messages have 4,000 at most
const WORK = 400; // characters that may be looked at for each one of the text
const MIN_WORK = 200_000;

const parseMasked = parserFor(rules);
const { link: _, ...unmasked } = rules;
const parseUnmasked = parserFor(unmasked);

/**
 * The nodes of a text. `masked`: whether [text](address) is a link, as it is for staff and bots but not for visitors.
 * What would take too much work is shown as it was written.
 */
export function parse(text, { masked = false } = {}) {
  if (text.length > MAX_LENGTH) return unparsed(text);
  const budget = { left: Math.max(MIN_WORK, text.length * WORK) };
  try {
    return (masked ? parseMasked : parseUnmasked)(text, { inline: true, depth: 0, budget });
  } catch (error) {
    if (error instanceof TooMuchWork) return unparsed(text);
    throw error;
  }
}

/** What a text says, in one line without any formatting. */
export function plainText(text, options) {
  return textOf(parse(text, options)).replace(/\s+/g, " ").trim();
}

function unparsed(text) {
  return splitLinks(text).map(({ text, href }) =>
    href ? { type: "url", target: href, content: text } : { type: "text", content: text },
  );
}

const line = ({ content }) => `${textOf(content)}\n`;
const TEXT_OF = {
  heading: line,
  subtext: line,
  blockQuote: line,
  codeBlock: line,
  spoiler: () => "▒▒▒",
  emoji: ({ name }) => `:${name}:`,
  timestamp: ({ timestamp }) => new Date(timestamp * 1000).toLocaleString(),
  list: ({ items }) => items.map((item) => `• ${textOf(item)}\n`).join(""),
  br: () => "\n",
};

function textOf(nodes) {
  if (typeof nodes === "string") return nodes;
  return nodes.map((node) => TEXT_OF[node.type]?.(node) ?? textOf(node.content)).join("");
}
