// Finds web addresses in plain text. Only http and https ever become links.

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const PAIRS = { ")": "(", "]": "[", "}": "{" };

/** The text in pieces: {text}, or {text, href} for an address. */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = hrefOf(address);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** The address that the text begins with, or null. */
export function addressAt(text) {
  const match = /^https?:\/\/[^\s<>"]+/i.exec(text);
  const address = match && trimmed(match[0]);
  return address && hrefOf(address) ? address : null;
}

/** Where a link may lead, or null. */
export function hrefOf(address) {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const { href, hostname } = new URL(address);
  // Some browsers take what no host can have, a space for one, and write it so.
  return /[ #<>^|%]/.test(decodeURIComponent(hostname)) ? null : href;
}

/** Without the sentence's own punctuation, and without a closing bracket that was opened outside. */
function trimmed(address) {
  const open = Object.fromEntries(Object.entries(PAIRS).map(([end, begin]) => [end, surplus(address, begin, end)]));
  let length = address.length;
  for (; length; length -= 1) {
    const last = address[length - 1];
    if (open[last] > 0) open[last] -= 1;
    else if (!".,;:!?'*_~’”»…".includes(last)) break;
  }
  return address.slice(0, length);
}

/** How many more of these brackets end than begin. */
function surplus(text, begin, end) {
  return text.split(end).length - text.split(begin).length;
}
