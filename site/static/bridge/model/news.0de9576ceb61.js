// Where the line “30 new messages” stands, and how many it counts: what came while nobody looked, a reload or a night ago too.

export class News {
  after = null; // the line stands behind this place; null: there is none
  #upTo = 0; // the last of those that it speaks of

  /** `reading` and `messages` of a conversation, `me` in it; `looks`: the reader sees the end of it. */
  mark({ reading, messages, me, looks }) {
    const unread = reading.unread(messages, me);
    if (!unread.length) return false;
    const passed = this.after === null || this.#upTo <= reading.mine;
    if (passed && looks) return false;
    if (passed || unread[0].seq <= this.after) this.after = unread[0].seq - 1;
    this.#upTo = unread.at(-1).seq;
    return passed;
  }

  count({ reading, messages, me }) {
    if (this.after === null) return 0;
    return reading.unread(messages, me, this.after).filter(({ seq }) => seq <= this.#upTo).length;
  }

  end() {
    this.after = null;
  }
}
