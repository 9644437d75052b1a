// What was written here and is not acknowledged yet, kept over reloads, sent one by one in the order of writing.
//
// An entry keeps its client_id until the server has answered, so sending it again, from this tab or another, is free.
// Dispatches "change".

import { CommandFailed } from "../wire/failures.js";
import { uuid } from "./uuid.js";

const LATER = new Set(["throttled", "unavailable", "proof_required"]);

export class Outbox extends EventTarget {
  entries = [];
  #flushing = false;

  /** `send(entry)` resolves when the server has it; `kept` is where entries are kept. */
  constructor(kept, send) {
    super();
    this.kept = kept;
    this.send = send;
    this.reload();
    kept.watch(() => this.reload());
  }

  /** `entry` has what is to be sent, and its own client_id where that is not a new one. */
  add(entry) {
    const last = this.entries.at(-1)?.at ?? 0;
    this.#keep({ client_id: uuid(), ...entry, at: Math.max(Date.now(), last + 1) });
    this.flush();
  }

  /** The same client_id: had the first attempt arrived after all, this one finds it. */
  retry(clientId, changed = {}) {
    const { error, ...entry } = this.entries.find((each) => each.client_id === clientId);
    this.#keep({ ...entry, ...changed });
    this.flush();
  }

  remove(clientId) {
    this.kept.remove(clientId);
    this.reload();
  }

  reload() {
    this.entries = this.kept.all().sort((a, b) => a.at - b.at);
    this.dispatchEvent(new Event("change"));
  }

  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let entry; (entry = this.entries.find(({ error }) => !error));) await this.#deliver(entry);
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
      if (this.#waits(entry)) this.remove(entry.client_id);
    } catch (failure) {
      if (!(failure instanceof CommandFailed)) throw failure;
      if (LATER.has(failure.code)) await pause(failure.details.retry_after ?? 2);
      else if (this.#waits(entry)) this.#keep({ ...entry, error: failure.reason });
    }
  }

  /** Whether it is still this one: another of its name may have taken its place while it was being sent. */
  #waits({ client_id, at }) {
    return this.entries.some((each) => each.client_id === client_id && each.at === at);
  }

  #keep(entry) {
    this.kept.put(entry.client_id, entry);
    this.reload();
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
