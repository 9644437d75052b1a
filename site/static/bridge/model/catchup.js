// Notices that changes of a connection were missed, waits a moment for them, and then asks for them.

import { Backoff } from "../wire/backoff.js";
import { Revisions } from "./revisions.js";

const MOMENT = { least: 200, most: 1000 }; // events overtake each other; most holes close by themselves

export class Catchup {
  #revisions;
  #timer = null;
  #asking = false;
  #ended = false;
  #backoff = new Backoff({ first: 1000 });

  /** `ask(since)` resolves to a reply to connection.sync, `take(reply)` applies it. */
  constructor(head, { ask, take }) {
    this.#revisions = new Revisions(head);
    this.ask = ask;
    this.take = take;
  }

  get head() {
    return this.#revisions.head;
  }

  cover(since, revision) {
    this.#revisions.cover(since, revision);
    this.#wait(MOMENT.least + Math.random() * (MOMENT.most - MOMENT.least));
  }

  /** The server is at `revision`, as a pong or a new session tells. */
  expect(revision) {
    this.cover(revision, revision);
  }

  /** The server is at `revision`; where that is less than was known here its database is an older one: asked for, it says so. */
  stands(revision) {
    if (revision < this.head) this.now();
    else this.expect(revision);
  }

  async now() {
    if (this.#asking || this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#asking = true;
    try {
      while (await this.#page());
      this.#asking = false;
      if (this.#revisions.hole) this.#wait(this.#backoff.next());
      else this.#backoff.reset();
    } catch (failure) {
      this.#asking = false;
      console.debug("sync:", failure.message || failure.name);
      this.#wait(this.#backoff.next() + (failure.details?.retry_after ?? 0) * 1000);
    }
  }

  /** Another conversation took this one's place. */
  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #page() {
    const since = this.head;
    const reply = await this.ask(since);
    if (this.#ended) return false;
    if (reply.reset) this.#revisions.restart(reply.revision);
    else this.#revisions.cover(since, reply.revision);
    this.take(reply);
    return reply.has_more && !reply.reset;
  }

  #wait(delay) {
    if (!this.#revisions.hole || this.#timer || this.#asking || this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#revisions.hole) this.now();
    }, delay);
  }
}
