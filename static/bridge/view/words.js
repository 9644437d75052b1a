// What somebody wrote, as text. Addresses become links; nothing else becomes anything.

import { pieces } from "../model/links.js";

export function showWords(element, content) {
  element.replaceChildren(...pieces(content).map(({ text, href }) => (href ? link(text, href) : text)));
}

function link(text, href) {
  const anchor = document.createElement("a");
  anchor.textContent = text;
  anchor.href = href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer nofollow";
  return anchor;
}
