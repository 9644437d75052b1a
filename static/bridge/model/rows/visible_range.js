// Which of the loaded messages are on the page: a range around where the reader is.
//
// However many were loaded, showing one more message costs the same, and so does scrolling on. Rows come onto the page in
// small steps, each a task of its own: nobody waits for rows that are out of sight.

import { indexOfSeq } from "../order.js";

const MAX = 60; // messages on the page at once, or as many as fill the height
const INITIAL = 8; // how many come onto an empty page
const CONTEXT = 3; // how many of them before the one that is looked for
const STEP = 8; // how many come in at one end, and leave at the other
const MIN_HEIGHT = 30; // pixels of a message

export class VisibleRange {
  #first = null; // the `seq` of the first message on the page; null: not decided yet
  #last = null; // and of the last one; null: up to the end, with whatever comes there

  /** `height()`: the pixels to be filled, so that there is more on both sides of what is seen. */
  constructor({ height }) {
    this.height = height;
  }

  /** The messages on the page, and whether they reach the start and the end of all. */
  of(messages) {
    const [from, to] = this.#bounds(messages);
    return { messages: messages.slice(from, to), atStart: from === 0, atEnd: to === messages.length };
  }

  moveToEnd(messages) {
    const { length } = messages;
    const [from, to] = this.#bounds(messages);
    this.#set(messages, length - to <= STEP ? from : length - INITIAL, length);
  }

  moveTo(messages, seq) {
    const from = Math.max(0, Math.min(indexOfSeq(messages, seq) - CONTEXT, messages.length - INITIAL));
    this.#set(messages, from, from + INITIAL);
  }

  extendUp(messages) {
    const [from, to] = this.#bounds(messages);
    const first = Math.max(0, from - STEP);
    this.#set(messages, first, Math.min(to, first + this.#max));
  }

  extendDown(messages) {
    const [from, to] = this.#bounds(messages);
    this.#set(messages, from, to + STEP);
  }

  /** Another conversation. */
  reset() {
    this.#first = this.#last = null;
  }

  get #max() {
    return Math.max(MAX, Math.ceil(this.height() / MIN_HEIGHT));
  }

  #bounds(messages) {
    const { length } = messages;
    if (this.#first === null) return [Math.max(0, length - INITIAL), length];
    const from = indexOfSeq(messages, this.#first);
    const to = this.#last === null ? length : indexOfSeq(messages, this.#last + 1);
    return [from, Math.min(to, from + this.#max)];
  }

  /** If there are too many, the first ones leave the page. */
  #set(messages, from, to) {
    const end = Math.min(to, messages.length);
    this.#first = messages[Math.max(0, from, end - this.#max)]?.seq ?? null;
    this.#last = end < messages.length ? messages[end - 1].seq : null;
  }
}
