// The parts of the page by their names, and copies of its templates.

export const root = document.querySelector("[data-chat]");
const cache = new Map(); // selector -> element; the page is long, and most of the parts stand at its end

/** The part of the page with `data-name`. */
export function part(name) {
  return cached(`[data-${name}]`);
}

/** The same inside one element, such as a copy of a template. */
export function partOf(element, name) {
  return element.querySelector(`[data-${name}]`);
}

export function template(name) {
  return cached(`template[data-template="${name}"]`).content.firstElementChild.cloneNode(true);
}

/** Writes only what changed, or a screen reader would read it again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function create(tag, className = "", ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function cached(selector) {
  if (!cache.has(selector)) cache.set(selector, root.querySelector(selector));
  return cache.get(selector);
}
