// Who is writing just now. Nobody announces that they stopped: as in Discord, a name goes after ten seconds.

import { Observable } from "../observable.js";

const DURATION = 10_000;

export class TypingAuthors extends Observable {
  #timers = new Map(); // author id -> timer
  #names = new Map(); // author id -> name

  get names() {
    return [...this.#names.values()];
  }

  add({ id, name }) {
    this.#names.set(id, name);
    clearTimeout(this.#timers.get(id));
    this.#timers.set(
      id,
      setTimeout(() => this.remove(id), DURATION),
    );
    this.changed();
  }

  remove(id) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (this.#names.delete(id)) this.changed();
  }

  clear() {
    for (const id of [...this.#names.keys()]) this.remove(id);
  }
}
