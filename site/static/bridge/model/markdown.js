// What Discord's markdown means, as a tree of plain objects: {type, content, …}, where content is text or more of them.
//
// The rules are discord-markdown-parser's, as Discord's own. Where one of them takes a time that grows faster than the
// text, it is matched here by other means; what would still be too much work is shown as it was written.

import { parserFor, rules as theirs } from "../../vendor/discord-markdown/discord-markdown.js";
import { listAt } from "./lists.js";
import { addressAt, hrefOf, pieces } from "./links.js";

const LONGEST = 20_000; // characters; Discord's own messages have 4,000 at most
const DEEPEST = 12;
const WORK = 400; // characters looked at for each one that is there, at the most
const LEAST_WORK = 200_000;

const NESTING = ["blockQuote", "em", "strong", "underline", "strikethrough", "spoiler", "heading", "subtext", "link"];

/** `masked`: whether [text](address) is a link, as it is where staff or bots write, but not visitors. */
export function parse(text, { masked = false } = {}) {
  if (text.length > LONGEST) return plainly(text);
  const budget = { left: Math.max(LEAST_WORK, text.length * WORK) };
  try {
    return (masked ? staffs : visitors)(text, { inline: true, depth: 0, budget });
  } catch (error) {
    if (error instanceof TooMuch) return plainly(text);
    throw error;
  }
}

/** What it says in one line without any marks, for where there is no room for looks. */
export function plain(text, options) {
  return said(parse(text, options)).replace(/\s+/g, " ").trim();
}

class TooMuch extends Error {}

function plainly(text) {
  return pieces(text).map(({ text, href }) =>
    href ? { type: "url", target: href, content: text } : { type: "text", content: text },
  );
}

function said(nodes) {
  return nodes.map((node) => SAID[node.type]?.(node) ?? inside(node)).join("");
}

const inside = ({ content }) => (typeof content === "string" ? content : said(content));
const SAID = {
  spoiler: () => "▒▒▒",
  emoji: ({ name }) => `:${name}:`,
  timestamp: ({ timestamp }) => new Date(timestamp * 1000).toLocaleString(),
  list: ({ items }) => items.map((item) => `• ${said(item)}\n`).join(""),
  br: () => "\n",
};

const atLineStart = ({ prevCapture }) => prevCapture === null || prevCapture[0].endsWith("\n");

// What follows a block stands on a line of its own anyway: its line break is part of the block.
const codeBlock = {
  order: theirs.escape.order - 0.6,
  match(source) {
    if (!source.startsWith("```")) return null;
    const end = source.indexOf("```", 3);
    const inner = source.slice(3, end);
    if (end < 0 || !inner.trim()) return null;
    let all = end + 3;
    while (source[all] === "`") all += 1;
    return [source.slice(0, source[all] === "\n" ? all + 1 : all), inner + source.slice(end + 3, all)];
  },
  parse([, inner]) {
    const lang = /^([a-z0-9_+\-.#]{1,30})\n(?=[^]*\S)/i.exec(inner)?.[1] ?? "";
    return { type: "codeBlock", lang, content: inner.slice(lang.length).replace(/^\n+|\n+$/g, "") };
  },
};

const inlineCode = {
  ...theirs.inlineCode,
  match(source) {
    const marks = /^`{1,2}(?!`)/.exec(source)?.[0];
    if (!marks) return null;
    for (const end of source.slice(marks.length).matchAll(/`+/g)) {
      const content = source.slice(marks.length, marks.length + end.index);
      if (end[0] === marks && content.trim()) return [marks + content + marks, content];
    }
    return null;
  },
  parse: ([, content]) => ({ type: "inlineCode", content: content.replace(/^ (?=`)|(?<=`) $/g, "") }),
};

const list = {
  order: theirs.escape.order - 0.5,
  match: (source, state) => (atLineStart(state) && !state.inList ? listAt(source) : null),
  parse([, found], parse, state) {
    const inner = { ...state, inList: true };
    const build = ({ ordered, start, items }) => ({
      type: "list",
      ordered,
      start,
      items: items.map(({ text, lists }) => [...deeper(parse, text, inner), ...lists.map(build)]),
    });
    return build(found);
  },
};

const link = {
  ...theirs.link,
  match: (source) =>
    /^\[((?:\\[^]|[^\\[\]]){1,300})\]\(\s{0,9}(?:<(https?:\/\/[^\s<>]{1,2000})>|(https?:\/\/(?:[^\s()<>]|\([^\s()<>]*\)){1,2000}))(?:\s{1,9}(?:"[^"]{0,300}"|'[^']{0,300}'))?\s{0,9}\)/i.exec(
      source,
    ),
  parse: ([, text, bracketed, bare], parse, state) => ({
    content: parse(text, { ...state, inLink: true }),
    target: hrefOf(bracketed ?? bare),
  }),
};

const QUOTE = /^( *>>> ([^]*))|^( *> [^\n]*(\n *> [^\n]*)*\n?)/;

const address = (match) => ({
  match: (source, state) => (state.inLink ? null : match(source)),
  parse: ([, found]) => ({ type: "url", target: hrefOf(found), content: found }),
});

const block = (rule, pattern) => ({
  ...rule,
  match: (source, state) => (atLineStart(state) ? pattern.exec(source) : null),
});

/** Looked at first at each place, and never taken: counts the work. */
const guard = {
  order: -1,
  match(source, { budget }) {
    budget.left -= source.length;
    if (budget.left < 0) throw new TooMuch();
    return null;
  },
  parse() {},
};

function deeper(parse, source, state, start = ["."]) {
  if (state.depth >= DEEPEST) return [{ type: "text", content: source }];
  return parse(source, { ...state, depth: state.depth + 1, prevCapture: start });
}

function nested(rule, name) {
  const start = name === "blockQuote" ? null : undefined;
  return {
    ...rule,
    parse: (capture, parse, state) =>
      rule.parse(capture, (source, inner) => deeper(parse, source, inner ?? state, start), state),
  };
}

const rules = {
  ...theirs,
  guard,
  codeBlock,
  inlineCode,
  list,
  link,
  heading: block(theirs.heading, /^(#{1,3}) +([^\n]+?)(\n|$)/),
  subtext: block(theirs.subtext, /^-# +([^\n]+?)(\n|$)/),
  blockQuote: {
    ...theirs.blockQuote,
    match: (source, state) => (atLineStart(state) && !state.inQuote ? QUOTE.exec(source) : null),
  },
  url: {
    ...theirs.url,
    ...address((source) => {
      const found = addressAt(source);
      return found && [found, found];
    }),
  },
  autolink: { ...theirs.autolink, ...address((source) => /^<(https?:\/\/[^\s<>]+)>/i.exec(source)) },
  // As far as nothing else could begin.
  text: { ...theirs.text, match: (source) => /^(?:`+|[^])(?:(?!https?:\/\/)[^\\`*_~|<[\n¯])*/i.exec(source) },
};
for (const name of NESTING) rules[name] = nested(rules[name], name);

const staffs = parserFor(rules);
const { link: _, ...unmasked } = rules;
const visitors = parserFor(unmasked);
