// The parts of the page by their names, and copies of its templates.

export const root = document.querySelector("[data-chat]");
const found = new Map(); // selector -> element; the page is long, and what is looked for stands at its end

export function part(name) {
  return sought(`[data-${name}]`);
}

export function template(name) {
  const { content } = sought(`template[data-template="${name}"]`);
  return content.firstElementChild.cloneNode(true);
}

function sought(selector) {
  if (!found.has(selector)) found.set(selector, root.querySelector(selector));
  return found.get(selector);
}
