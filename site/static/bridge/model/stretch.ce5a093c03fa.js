// Which of the loaded messages are on the page: a stretch of them around where the reader is.
//
// However much was loaded, to show one message more costs the same, and so does to scroll on.

import { placeOf } from "./timeline.6aa66e3236f5.js";

export const MOST = 150; // messages on the page at once: some screens of them
const STEP = 30; // how many come in at one end, and go at the other

export class Stretch {
  #first = null; // the place of the first message on the page; null: not decided yet

  /** `messages` are those that are on the page, and whether that is up to the `start` and to the `end` of all. */
  of(messages) {
    const from = this.#from(messages);
    const shown = messages.slice(from, from + MOST);
    return { messages: shown, start: from === 0, end: from + MOST >= messages.length };
  }

  toEnd(messages) {
    this.#begin(messages, Math.max(this.#from(messages), messages.length - MOST));
  }

  /** Around the message at this place. */
  around(messages, seq) {
    this.#begin(messages, Math.min(placeOf(messages, seq) - STEP, messages.length - MOST));
  }

  up(messages) {
    this.#begin(messages, this.#from(messages) - STEP);
  }

  down(messages) {
    this.#begin(messages, Math.min(this.#from(messages) + STEP, messages.length - MOST));
  }

  /** Another conversation. */
  forget() {
    this.#first = null;
  }

  #from(messages) {
    return this.#first === null ? Math.max(0, messages.length - MOST) : placeOf(messages, this.#first);
  }

  #begin(messages, at) {
    this.#first = messages[Math.max(0, at)]?.seq ?? null;
  }
}
