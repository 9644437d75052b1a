// Finds web addresses in plain text. Only http and https ever become links.

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const PAIRS = { ")": "(", "]": "[", "}": "{" };

/** The text in pieces: {text}, or {text, href} for an address. */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href: new URL(address).href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Without the sentence's own punctuation, and without a closing bracket that was opened outside. */
function trimmed(address) {
  for (;;) {
    const last = address.at(-1);
    const stray = PAIRS[last] && count(address, last) > count(address, PAIRS[last]);
    if (!stray && !".,;:!?'*_~’”»…".includes(last)) return address;
    address = address.slice(0, -1);
  }
}

function count(text, char) {
  return text.split(char).length - 1;
}
