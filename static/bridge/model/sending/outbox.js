// What was written here and is not acknowledged yet. It survives a reload, and is sent one by one in the order of writing.
//
// An entry keeps its client_id until the server has answered, so sending it again, from this tab or another, stores nothing twice.

import { CommandFailed } from "../../wire/errors.js";
import { Observable } from "../observable.js";
import { uuid } from "./uuid.js";

const RETRIED = new Set(["throttled", "unavailable", "proof_required"]); // error codes
const RETRY_AFTER = 2; // seconds, where the server names none

export class Outbox extends Observable {
  entries = [];
  #flushing = false;

  /** `send(entry)` resolves when the server has it; `store` keeps the entries. */
  constructor(store, send) {
    super();
    this.store = store;
    this.send = send;
    this.reload();
    store.watch(() => this.reload());
  }

  /** `entry` is what `send` is called with. Without a `client_id` it gets a new one. */
  add(entry) {
    const last = this.entries.at(-1)?.at ?? 0;
    this.#put({ client_id: uuid(), ...entry, at: Math.max(Date.now(), last + 1) });
    this.flush();
  }

  /** Under the same client_id: if the first try arrived after all, the server finds it. */
  retry(clientId, changes = {}) {
    const { error, ...entry } = this.entries.find(({ client_id }) => client_id === clientId);
    this.#put({ ...entry, ...changes });
    this.flush();
  }

  remove(clientId) {
    this.store.remove(clientId);
    this.reload();
  }

  reload() {
    this.entries = this.store.all().sort((a, b) => a.at - b.at);
    this.changed();
  }

  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let entry; (entry = this.entries.find(({ error }) => !error)); ) await this.#deliver(entry);
    } catch (lost) {
      // The next session flushes again.
      console.debug("outbox waits:", lost.name);
    } finally {
      this.#flushing = false;
    }
  }

  async #deliver(entry) {
    try {
      await this.send(entry);
      if (this.#isPending(entry)) this.remove(entry.client_id);
    } catch (failure) {
      if (!(failure instanceof CommandFailed)) throw failure;
      if (RETRIED.has(failure.code)) await pause(failure.details.retry_after ?? RETRY_AFTER);
      else if (this.#isPending(entry)) this.#put({ ...entry, error: failure.reason });
    }
  }

  /** Whether it is still this entry: another under its id may have taken its place while it was being sent. */
  #isPending({ client_id, at }) {
    return this.entries.some((entry) => entry.client_id === client_id && entry.at === at);
  }

  #put(entry) {
    this.store.put(entry.client_id, entry);
    this.reload();
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
