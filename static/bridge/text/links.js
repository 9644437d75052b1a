// Finds web addresses in plain text. Only http and https ever become links.

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const ADDRESS_AT_START = /^https?:\/\/[^\s<>"]+/i;
const OPENING = { ")": "(", "]": "[", "}": "{" }; // of each closing bracket

/** Splits a text into {text}, or {text, href} for an address. */
export function splitLinks(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = hrefOf(address);
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** The address that the text begins with, or null. */
export function addressAtStart(text) {
  const match = ADDRESS_AT_START.exec(text);
  const address = match && trimmed(match[0]);
  return address && hrefOf(address) ? address : null;
}

/** Where a link may lead, or null. */
export function hrefOf(address) {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const { href, hostname } = new URL(address);
  // Some browsers accept characters that no host can have, a space for one, and encode them.
  return /[ #<>^|%]/.test(decodeURIComponent(hostname)) ? null : href;
}

/** Without the sentence's own punctuation, and without a closing bracket that was opened before the address. */
function trimmed(address) {
  const unopened = Object.fromEntries(
    Object.entries(OPENING).map(([closing, opening]) => [closing, surplus(address, opening, closing)]),
  );
  let length = address.length;
  for (; length; length -= 1) {
    const last = address[length - 1];
    if (unopened[last] > 0) unopened[last] -= 1;
    else if (!".,;:!?'*_~’”»…".includes(last)) break;
  }
  return address.slice(0, length);
}

/** How many more of these brackets close than open. */
function surplus(text, opening, closing) {
  return text.split(closing).length - text.split(opening).length;
}
