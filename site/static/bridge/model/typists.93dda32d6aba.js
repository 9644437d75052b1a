// Who is writing just now. Nobody says that he stopped: it fades, as in Discord, after ten seconds.

const LASTS = 10_000;

export class Typists extends EventTarget {
  #until = new Map(); // author id -> timer

  names = new Map();

  note({ id, name }) {
    this.names.set(id, name);
    clearTimeout(this.#until.get(id));
    this.#until.set(
      id,
      setTimeout(() => this.forget(id), LASTS),
    );
    this.dispatchEvent(new Event("change"));
  }

  /** His message is there, or he fell silent. */
  forget(id) {
    clearTimeout(this.#until.get(id));
    this.#until.delete(id);
    if (this.names.delete(id)) this.dispatchEvent(new Event("change"));
  }

  clear() {
    for (const id of [...this.names.keys()]) this.forget(id);
  }
}
