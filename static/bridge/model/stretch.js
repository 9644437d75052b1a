// Which of the loaded messages are on the page: a stretch of them around where the reader is.
//
// However much was loaded, to show one message more costs the same, and so does to scroll on. What comes onto the page
// comes in small steps, each a task of its own: nobody waits for rows that are out of sight.

import { placeOf } from "./timeline.js";

const MOST = 60; // messages on the page at once, or as many as fill the room that there is
const FIRST = 8; // how many come onto an empty page
const BEFORE = 3; // how many of them before the one that is looked for
const STEP = 8; // how many come in at one end, and go at the other
const LOWEST = 30; // pixels that a message is high, at least

export class Stretch {
  #first = null; // the place of the first message on the page; null: not decided yet
  #last = null; // and of the last one; null: up to the end, and what comes there comes onto the page

  /** `room()`: pixels that are to be filled, so that there is more on both sides of what is seen. */
  constructor({ room }) {
    this.room = room;
  }

  /** `messages` are those that are on the page, and whether that is up to the `start` and to the `end` of all. */
  of(messages) {
    const [from, to] = this.#bounds(messages);
    return { messages: messages.slice(from, to), start: from === 0, end: to === messages.length };
  }

  toEnd(messages) {
    const { length } = messages;
    const [from, to] = this.#bounds(messages);
    this.#put(messages, length - to <= STEP ? from : length - FIRST, length);
  }

  /** Around the message at this place. */
  around(messages, seq) {
    const from = Math.max(0, Math.min(placeOf(messages, seq) - BEFORE, messages.length - FIRST));
    this.#put(messages, from, from + FIRST);
  }

  up(messages) {
    const [from, to] = this.#bounds(messages);
    const first = Math.max(0, from - STEP);
    this.#put(messages, first, Math.min(to, first + this.#most));
  }

  down(messages) {
    const [from, to] = this.#bounds(messages);
    this.#put(messages, from, to + STEP);
  }

  /** Another conversation. */
  forget() {
    this.#first = this.#last = null;
  }

  get #most() {
    return Math.max(MOST, Math.ceil(this.room() / LOWEST));
  }

  #bounds(messages) {
    const { length } = messages;
    if (this.#first === null) return [Math.max(0, length - FIRST), length];
    const from = placeOf(messages, this.#first);
    const to = this.#last === null ? length : placeOf(messages, this.#last + 1);
    return [from, Math.min(to, from + this.#most)];
  }

  /** Where they are too many, those before the last ones go. */
  #put(messages, from, to) {
    const end = Math.min(to, messages.length);
    this.#first = messages[Math.max(0, from, end - this.#most)]?.seq ?? null;
    this.#last = end < messages.length ? messages[end - 1].seq : null;
  }
}
