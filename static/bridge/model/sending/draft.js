// What the visitor began to write. It survives a reload.

const KEY = "text";
// What the server would refuse: control characters, and the two overrides that make text look like something else.
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202d\u202e]/g;

/** What is sent of a text. */
export function cleaned(text) {
  return text.replace(/\r\n?/g, "\n").replace(REFUSED, "").trim();
}

/** In characters as the server counts them. */
export function lengthOf(text) {
  return [...text].length;
}

export class Draft {
  constructor(store) {
    this.store = store;
  }

  get text() {
    return this.store.get(KEY) ?? "";
  }

  set text(text) {
    if (text) this.store.put(KEY, text);
    else this.store.remove(KEY);
  }
}
