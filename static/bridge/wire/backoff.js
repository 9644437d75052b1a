// How long to wait before the next try: a random part of a ceiling that doubles (full jitter), so that visitors who were
// cut off together do not all come back in the same second.

export class Backoff {
  #tries = 0;

  /** Both in milliseconds. */
  constructor({ first = 500, max = 30_000 } = {}) {
    this.first = first;
    this.max = max;
  }

  next() {
    const ceiling = Math.min(this.max, this.first * 2 ** this.#tries);
    this.#tries += 1;
    return Math.random() * ceiling;
  }

  reset() {
    this.#tries = 0;
  }
}
