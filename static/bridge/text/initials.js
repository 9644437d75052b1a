// What stands for somebody who has no picture: their initials, on a colour that stays the same.

export function initials(name) {
  const words = name.trim().split(/\s+/u);
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : words).map((word) => [...word][0] ?? "");
  return letters.join("").toLocaleUpperCase();
}

/** A hue between 0 and 359. */
export function hue(id) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)) % 360;
  return hash;
}
