// Keys that an input method uses while it composes: they choose and drop its suggestions, and mean nothing to the page.

/** 229 is what Safari says for the key that ends a composition. */
export function isComposing({ isComposing, keyCode }) {
  return isComposing || keyCode === 229;
}

/** Whether it is Escape, and meant for the page. */
export function isEscape(event) {
  return event.key === "Escape" && !isComposing(event);
}

/** Whether there is a keyboard. On a phone, a focused field brings up one that covers the page. */
export function hasKeyboard() {
  return matchMedia("(pointer: fine)").matches;
}
