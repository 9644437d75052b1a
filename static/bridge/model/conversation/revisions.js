// Which changes of a conversation are known here: all up to `head`, and ranges beyond a gap.

export class Revisions {
  #beyond = []; // {since, revision}

  constructor(head = 0) {
    this.head = head;
  }

  /** An event brought the changes (since, revision]. Where `since` is `revision`, there are changes up to it. */
  cover(since, revision) {
    this.#beyond.push({ since, revision });
    this.#absorb();
  }

  /**
   * Everything up to `revision` is known. If that is less than before, the database was restored, and what the lost
   * one sent means nothing any more.
   */
  restart(revision) {
    if (revision < this.head) this.#beyond = [];
    this.head = revision;
    this.#absorb();
  }

  get hasGap() {
    return this.#beyond.length > 0;
  }

  #absorb() {
    this.#beyond.sort((a, b) => a.since - b.since);
    while (this.#beyond.length && this.#beyond[0].since <= this.head)
      this.head = Math.max(this.head, this.#beyond.shift().revision);
  }
}
