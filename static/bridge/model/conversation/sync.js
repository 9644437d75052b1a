// Notices that changes of a conversation were missed, waits a moment for them, and then asks for them.

import { Backoff } from "../../wire/backoff.js";
import { logFailure } from "../../wire/errors.js";
import { Revisions } from "./revisions.js";

const GRACE = { min: 200, max: 1000 }; // milliseconds; events overtake each other, so most gaps close by themselves

export class Sync {
  #revisions;
  #timer = null;
  #running = false;
  #ended = false;
  #backoff = new Backoff({ first: 1000 });

  /** `request(since)` resolves to a reply to connection.sync, `apply(reply)` applies it. */
  constructor(head, { request, apply }) {
    this.#revisions = new Revisions(head);
    this.request = request;
    this.apply = apply;
  }

  get head() {
    return this.#revisions.head;
  }

  cover(since, revision) {
    this.#revisions.cover(since, revision);
    this.#schedule(GRACE.min + Math.random() * (GRACE.max - GRACE.min));
  }

  /** The server is at least at `revision`. */
  expect(revision) {
    this.cover(revision, revision);
  }

  /**
   * The server is at `revision`, by a pong or a new session. If that is less than what is known here, the database was
   * restored, and the answer to a sync will say so.
   */
  compare(revision) {
    if (revision < this.head) this.run();
    else this.expect(revision);
  }

  async run() {
    if (this.#running || this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#running = true;
    try {
      while (await this.#page());
      this.#running = false;
      if (this.#revisions.hasGap) this.#schedule(this.#backoff.next());
      else this.#backoff.reset();
    } catch (failure) {
      this.#running = false;
      logFailure("sync", failure);
      this.#schedule(this.#backoff.next() + (failure.details?.retry_after ?? 0) * 1000);
    }
  }

  /** Another conversation took this one's place. */
  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #page() {
    const since = this.head;
    const reply = await this.request(since);
    if (this.#ended) return false;
    if (reply.reset) this.#revisions.restart(reply.revision);
    else this.#revisions.cover(since, reply.revision);
    this.apply(reply);
    return reply.has_more && !reply.reset;
  }

  #schedule(delay) {
    if (!this.#revisions.hasGap || this.#timer || this.#running || this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#revisions.hasGap) this.run();
    }, delay);
  }
}
