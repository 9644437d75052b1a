// Discord's text as nodes: mentions, links, also behind words, bold, italics, code. Never as HTML.

const TOKEN = /(```[\s\S]+?```|`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\n]+\*|<(?:@[!&]?|#)\d+>|<t:\d+(?::[tTdDfFR])?>|\[[^\]\n]+\]\(https?:\/\/[^\s<>)]+\)|<https?:\/\/[^\s<>]+>|https?:\/\/[^\s<>]*[^\s<>.,:;"'\]])/;

export function write(element, text, { users, channels }) {
  element.replaceChildren(...text.split(TOKEN).filter(Boolean).map((piece) => node(piece, users, channels)));
}

function node(piece, users, channels) {
  if (piece.startsWith("```") && piece.length > 6) return wrap("pre", piece.slice(3, -3).replace(/^\w*\n/, ""));
  if (/^`[^`]+`$/.test(piece)) return wrap("code", piece.slice(1, -1));
  if (/^\*\*[^*]+\*\*$/.test(piece)) return wrap("strong", piece.slice(2, -2));
  if (/^\*[^*]+\*$/.test(piece)) return wrap("em", piece.slice(1, -1));
  if (/^https?:\/\//.test(piece)) return link(piece);
  if (/^<https?:/.test(piece)) return link(piece.slice(1, -1));
  const masked = /^\[(.+)\]\((https?:.+)\)$/.exec(piece);
  if (masked) return link(masked[2], masked[1]);
  const time = /^<t:(\d+)/.exec(piece);
  if (time) return document.createTextNode(new Date(Number(time[1]) * 1000).toLocaleTimeString([], { timeStyle: "short" }));
  const mention = /^<(@[!&]?|#)(\d+)>$/.exec(piece);
  if (!mention) return document.createTextNode(piece);
  const found = (mention[1] === "#" ? channels : users).get(mention[2]);
  const element = wrap("span", `${mention[1][0]}${found?.name ?? mention[2]}`);
  element.className = "mention";
  return element;
}

export function wrap(tag, text, name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

// Icons are drawn, not written: not every machine has a font with emoji.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

export function link(address, text = address) {
  const element = wrap("a", text);
  if (!/^https?:\/\//.test(address)) return wrap("span", text);
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer";
  return element;
}

export function avatar(element, person) {
  const name = person?.name ?? "?";
  element.textContent = [...name][0].toUpperCase();
  let sum = 0;
  for (const letter of person?.id ?? name) sum += letter.charCodeAt(0);
  element.className = `avatar avatar-${person?.bot ? "app" : sum % 6}`;
}

export function clock(timestamp) {
  const date = new Date(timestamp);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = date.toDateString() === new Date().toDateString();
  return today ? time : `${date.toLocaleDateString()} ${time}`;
}
