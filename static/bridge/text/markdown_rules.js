// The rules of Discord's markdown: discord-markdown-parser's, as Discord's own. A rule whose time grows faster than the
// text is matched here by other means.

import { rules as library } from "../../vendor/discord-markdown/discord-markdown.js";
import { addressAtStart, hrefOf } from "./links.js";
import { listAtStart } from "./lists.js";

const MAX_DEPTH = 12;
const QUOTE = /^( *>>> ([^]*))|^( *> [^\n]*(\n *> [^\n]*)*\n?)/;
const LINK =
  /^\[((?:\\[^]|[^\\[\]]){1,300})\]\(\s{0,9}(?:<(https?:\/\/[^\s<>]{1,2000})>|(https?:\/\/(?:[^\s()<>]|\([^\s()<>]*\)){1,2000}))(?:\s{1,9}(?:"[^"]{0,300}"|'[^']{0,300}'))?\s{0,9}\)/i;
const NESTING = ["blockQuote", "em", "strong", "underline", "strikethrough", "spoiler", "heading", "subtext", "link"];

export class TooMuchWork extends Error {}

/** Tried first at each position, and never matches: it counts the work. */
const budgetGuard = {
  order: -1,
  match(source, { budget }) {
    budget.left -= source.length;
    if (budget.left < 0) throw new TooMuchWork();
    return null;
  },
  parse() {},
};

const isAtLineStart = ({ prevCapture }) => prevCapture === null || prevCapture[0].endsWith("\n");

// What follows a block stands on a line of its own anyway, so the line break is part of the block.
const codeBlock = {
  order: library.escape.order - 0.6,
  match(source) {
    if (!source.startsWith("```")) return null;
    const closing = source.indexOf("```", 3);
    const inner = source.slice(3, closing);
    if (closing < 0 || !inner.trim()) return null;
    let end = closing + 3;
    while (source[end] === "`") end += 1;
    return [source.slice(0, source[end] === "\n" ? end + 1 : end), inner + source.slice(closing + 3, end)];
  },
  parse([, inner]) {
    const lang = /^([a-z0-9_+\-.#]{1,30})\n(?=[^]*\S)/i.exec(inner)?.[1] ?? "";
    return { type: "codeBlock", lang, content: inner.slice(lang.length).replace(/^\n+|\n+$/g, "") };
  },
};

const inlineCode = {
  ...library.inlineCode,
  match(source) {
    const ticks = /^`{1,2}(?!`)/.exec(source)?.[0];
    if (!ticks) return null;
    for (const closing of source.slice(ticks.length).matchAll(/`+/g)) {
      const content = source.slice(ticks.length, ticks.length + closing.index);
      if (closing[0] === ticks && content.trim()) return [ticks + content + ticks, content];
    }
    return null;
  },
  parse: ([, content]) => ({ type: "inlineCode", content: content.replace(/^ (?=`)|(?<=`) $/g, "") }),
};

const list = {
  order: library.escape.order - 0.5,
  match: (source, state) => (isAtLineStart(state) && !state.inList ? listAtStart(source) : null),
  parse([, outermost], parse, state) {
    const inner = { ...state, inList: true };
    const node = ({ ordered, start, items }) => ({
      type: "list",
      ordered,
      start,
      items: items.map(({ text, lists }) => [...parseNested(parse, text, inner), ...lists.map(node)]),
    });
    return node(outermost);
  },
};

const link = {
  ...library.link,
  match: (source) => LINK.exec(source),
  parse: ([, text, bracketed, bare], parse, state) => ({
    content: parse(text, { ...state, inLink: true }),
    target: hrefOf(bracketed ?? bare),
  }),
};

const blockQuote = {
  ...library.blockQuote,
  match: (source, state) => (isAtLineStart(state) && !state.inQuote ? QUOTE.exec(source) : null),
};

/** A rule for an address, which `match` gives as [source, address]. */
function addressRule(rule, match) {
  return {
    ...rule,
    match: (source, state) => (state.inLink ? null : match(source)),
    parse: ([, address]) => ({ type: "url", target: hrefOf(address), content: address }),
  };
}

const url = addressRule(library.url, (source) => {
  const address = addressAtStart(source);
  return address && [address, address];
});

const autolink = addressRule(library.autolink, (source) => /^<(https?:\/\/[^\s<>]+)>/i.exec(source));

/** A rule that applies at the start of a line only. */
function lineRule(rule, pattern) {
  return { ...rule, match: (source, state) => (isAtLineStart(state) ? pattern.exec(source) : null) };
}

// Up to where another rule could begin.
const text = { ...library.text, match: (source) => /^(?:`+|[^])(?:(?!https?:\/\/)[^\\`*_~|<[\n¯])*/i.exec(source) };

function parseNested(parse, source, state, prevCapture = ["."]) {
  if (state.depth >= MAX_DEPTH) return [{ type: "text", content: source }];
  return parse(source, { ...state, depth: state.depth + 1, prevCapture });
}

/** The rule with its content no deeper than MAX_DEPTH. */
function nestingRule(rule, name) {
  const prevCapture = name === "blockQuote" ? null : undefined;
  return {
    ...rule,
    parse: (capture, parse, state) =>
      rule.parse(capture, (source, inner) => parseNested(parse, source, inner ?? state, prevCapture), state),
  };
}

export const rules = {
  ...library,
  budgetGuard,
  codeBlock,
  inlineCode,
  list,
  link,
  heading: lineRule(library.heading, /^(#{1,3}) +([^\n]+?)(\n|$)/),
  subtext: lineRule(library.subtext, /^-# +([^\n]+?)(\n|$)/),
  blockQuote,
  url,
  autolink,
  text,
};
for (const name of NESTING) rules[name] = nestingRule(rules[name], name);
