// Somebody's picture, or his initials on a colour of his own.

export function showAvatar(element, { id, name, avatar }) {
  const picture = element.querySelector("[data-picture]");
  element.querySelector("[data-initials]").textContent = initials(name);
  element.style.setProperty("--hue", hue(id));
  if (!avatar.startsWith("https://") || picture.src === avatar) return;
  picture.onload = () => (picture.hidden = false);
  picture.onerror = () => (picture.hidden = true);
  picture.src = avatar;
}

export function initials(name) {
  const words = name.trim().split(/\s+/u);
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : words).map((word) => [...word][0] ?? "");
  return letters.join("").toLocaleUpperCase();
}

function hue(id) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)) % 360;
  return hash;
}
