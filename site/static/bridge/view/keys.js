// Keys that belong to an input method while it composes: they choose and drop what it offers, and mean nothing to the page.

/** 229 is what Safari says for the key that ends a composition. */
export function composing({ isComposing, keyCode }) {
  return isComposing || keyCode === 229;
}

/** Whether it is Escape for the page. */
export function escapes(event) {
  return event.key === "Escape" && !composing(event);
}
