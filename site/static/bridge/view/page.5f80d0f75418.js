// The parts of the page by their names, and copies of its templates.

export const root = document.querySelector("[data-chat]");

export function part(name) {
  return root.querySelector(`[data-${name}]`);
}

export function template(name) {
  const { content } = root.querySelector(`template[data-template="${name}"]`);
  return content.firstElementChild.cloneNode(true);
}
