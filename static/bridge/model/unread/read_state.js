// How far this visitor has read, and how far the others have: both as the `seq` of a message.

import { indexOfSeq } from "../order.js";

export class ReadState {
  own = 0;
  #server = 0; // what the server knows of it
  #others = 0;

  /** What the server knows, at the start of a session. Returns whether this page knows more. */
  start(seq) {
    this.#server = seq;
    this.own = Math.max(this.own, seq);
    return this.own > this.#server;
  }

  /** The conversation was restored and ends at `seq` now: what comes after that is unread. */
  restart(seq) {
    this.own = Math.min(this.own, seq);
    this.#others = Math.min(this.#others, seq);
  }

  /** The visitor has seen everything up to `seq`. Returns whether that is a change. */
  advance(seq) {
    if (seq <= this.own) return false;
    this.own = seq;
    return true;
  }

  /** A receipt: the visitor's own from another tab, or somebody else's. */
  receive({ seq }, isOwn) {
    if (isOwn) this.own = Math.max(this.own, seq);
    else this.#others = Math.max(this.#others, seq);
  }

  /** Whoever answered has read what stood before, whether or not their service sends receipts. */
  readByOthers(messages) {
    const answer = messages.findLast(({ author }) => author?.role === "staff");
    return Math.max(this.#others, answer?.seq ?? 0);
  }

  /** The messages of others after the place `after`. */
  unread(messages, me, after = this.own) {
    return messages
      .slice(indexOfSeq(messages, after + 1))
      .filter(({ kind, author, deleted_at }) => kind === "message" && author?.id !== me && !deleted_at);
  }
}
