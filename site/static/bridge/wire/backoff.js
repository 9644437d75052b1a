// How long to wait before the next attempt: anything up to a ceiling that doubles (full jitter), so that
// visitors who were cut off together do not all come back in the same second.

export class Backoff {
  #tries = 0;

  constructor({ first = 500, most = 30_000, random = Math.random } = {}) {
    this.first = first;
    this.most = most;
    this.random = random;
  }

  next() {
    const ceiling = Math.min(this.most, this.first * 2 ** this.#tries);
    this.#tries += 1;
    return this.random() * ceiling;
  }

  reset() {
    this.#tries = 0;
  }
}
