// The line “30 new messages”: where it stands, and how many messages it counts. They came while nobody looked, perhaps
// before a reload.

export class UnreadLine {
  after = null; // the `seq` of the message above the line; null: there is no line
  #upTo = 0; // the last message that it counts

  /** `watching`: the reader sees the end of the conversation. Returns whether the line is at a new place. */
  update({ readState, messages, me, watching }) {
    const unread = readState.unread(messages, me);
    if (!unread.length) return false;
    const isRead = this.after === null || this.#upTo <= readState.own;
    if (isRead && watching) return false;
    if (isRead || unread[0].seq <= this.after) this.after = unread[0].seq - 1;
    this.#upTo = unread.at(-1).seq;
    return isRead;
  }

  count({ readState, messages, me }) {
    if (this.after === null) return 0;
    return readState.unread(messages, me, this.after).filter(({ seq }) => seq <= this.#upTo).length;
  }

  remove() {
    this.after = null;
  }
}
