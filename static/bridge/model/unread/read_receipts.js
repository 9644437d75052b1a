// Tells the server how far the visitor has read, not for every message.

const ROOM_INTERVAL = 45_000; // a thousand readers of every message would be a thousand receipts each
const PRIVATE_INTERVAL = 2_000; // messages come into view one after the other

export class ReadReceipts {
  #timer = null;
  #lastSent = -Infinity;

  /** `send()` sends a receipt of what is read by then. */
  constructor({ isRoom, send }) {
    this.isRoom = isRoom;
    this.send = send;
  }

  /** Sends a receipt, at once or in a while. */
  schedule() {
    const elapsed = performance.now() - this.#lastSent;
    const wait = this.isRoom ? ROOM_INTERVAL * (0.5 + Math.random()) : PRIVATE_INTERVAL - elapsed;
    if (wait <= 0) this.#sendNow();
    else this.#timer ??= setTimeout(() => this.#sendNow(), wait);
  }

  /** The conversation leaves the screen. */
  end() {
    if (this.#timer && !this.isRoom) this.#sendNow();
    clearTimeout(this.#timer);
  }

  #sendNow() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#lastSent = performance.now();
    this.send();
  }
}
