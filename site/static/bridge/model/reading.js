// How far this visitor has read, and how far the others have.

import { placeOf } from "./timeline.js";

export class Reading {
  mine = 0;
  #told = 0; // what the server knows of it
  #others = 0;

  /** The server's word at the start of a session; tells whether it must be told more. */
  start(seq) {
    this.#told = seq;
    this.mine = Math.max(this.mine, seq);
    return this.mine > this.#told;
  }

  /** The conversation begins anew, and ends at `seq`: what is said after that is not read yet. */
  restart(seq) {
    this.mine = Math.min(this.mine, seq);
    this.#others = Math.min(this.#others, seq);
  }

  /** He sees everything up to `seq`; false if that is no news. */
  advance(seq) {
    if (seq <= this.mine) return false;
    this.mine = seq;
    return true;
  }

  /** A receipt came in: his own, from another tab, or somebody else's. */
  receipt({ seq }, own) {
    if (own) this.mine = Math.max(this.mine, seq);
    else this.#others = Math.max(this.#others, seq);
  }

  /** Whoever answered has read what stood before, whether or not his service says so. */
  othersUpTo(messages) {
    const answer = messages.findLast(({ author }) => author?.role === "staff");
    return Math.max(this.#others, answer?.seq ?? 0);
  }

  /** What others said after the place `after`. */
  unread(messages, me, after = this.mine) {
    return messages
      .slice(placeOf(messages, after + 1))
      .filter(({ kind, author, deleted_at }) => kind === "message" && author?.id !== me && !deleted_at);
  }
}
