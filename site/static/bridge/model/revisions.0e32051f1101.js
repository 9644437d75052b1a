// Which changes of a connection are known here: all up to `head`, and ranges that lie beyond a hole.

export class Revisions {
  #beyond = [];

  constructor(head = 0) {
    this.head = head;
  }

  /** An event brought the changes (since, revision]. */
  cover(since, revision) {
    this.#beyond.push({ since, revision });
    this.#absorb();
  }

  /** The server says that there are changes up to `revision`; they were not seen if `hole` is true afterwards. */
  expect(revision) {
    this.cover(revision, revision);
  }

  /** All that there is up to `revision` is known. Less than before is a restored database, which what came of the lost one says nothing about. */
  restart(revision) {
    if (revision < this.head) this.#beyond = [];
    this.head = revision;
    this.#absorb();
  }

  get hole() {
    return this.#beyond.length > 0;
  }

  #absorb() {
    this.#beyond.sort((a, b) => a.since - b.since);
    while (this.#beyond.length && this.#beyond[0].since <= this.head) {
      this.head = Math.max(this.head, this.#beyond.shift().revision);
    }
  }
}
