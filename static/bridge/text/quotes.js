// The beginning of a message, where another message quotes it.

import { plainText } from "./markdown.js";

const EXCERPT = 200; // characters, as in the server's own quotes
const QUOTE = 120; // characters of an answer above a reply that is sent to another conversation

export function excerpt(content) {
  return [...content].slice(0, EXCERPT).join("");
}

/**
 * The content with the beginning of what it answers above it, if both fit into the limit. Links are left out: the
 * visitor may not be allowed to send any.
 */
export function withQuote(answered, content, limit) {
  const text = plainText(answered).replace(/\S+:\/\/\S+|www\.\S+/gi, "…").trim();
  const quote = [...text].slice(0, QUOTE).join("");
  const whole = `> ${quote}${quote.length < text.length ? "…" : ""}\n${content}`;
  return text && [...whole].length <= limit ? whole : content;
}
