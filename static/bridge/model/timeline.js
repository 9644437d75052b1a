// The messages of a connection as far as they were loaded: without a hole from the oldest one to the end.

const QUOTED = 200; // characters, as in the server's own quotes

export function excerpt(content) {
  return [...content].slice(0, QUOTED).join("");
}

export class Timeline {
  older = false; // whether the server has messages before the first one here
  #byUid = new Map();
  #sorted = null;

  get messages() {
    this.#sorted ??= [...this.#byUid.values()].sort((a, b) => a.seq - b.seq);
    return this.#sorted;
  }

  get first() {
    return this.messages[0]?.seq ?? null;
  }

  /** News: what is older than the first loaded message is left out, since its page will bring it. */
  apply(messages) {
    const floor = this.older ? (this.first ?? 0) : 0;
    for (const message of messages) {
      if (message.seq >= floor) this.#put(message);
      if (message.edited_at || message.deleted_at) this.#requote(message);
    }
  }

  get(uid) {
    return this.#byUid.get(uid);
  }

  /** A page of history, `older` telling whether there is more before it. */
  page(messages, older) {
    for (const message of messages) this.#put(message);
    this.older = older;
  }

  /** Starts again from the newest page: too much happened meanwhile. */
  reset(messages) {
    this.#byUid.clear();
    this.#sorted = null;
    this.page(messages, (messages[0]?.seq ?? 1) > 1);
  }

  has(clientId, author) {
    return this.messages.some((message) => message.client_id === clientId && message.author?.id === author);
  }

  /** He is called something else: also where he spoke before. */
  rename(author) {
    for (const [key, message] of this.#byUid)
      if (message.author?.id === author.id) this.#byUid.set(key, { ...message, author });
    this.#sorted = null;
  }

  /** What is quoted may lie before the first message here: its quotes follow it all the same. */
  #requote({ uid, content, deleted_at }) {
    for (const [key, message] of this.#byUid) {
      const quote = message.reply_to;
      if (quote?.uid === uid)
        this.#byUid.set(key, { ...message, reply_to: { ...quote, content: excerpt(content), deleted: Boolean(deleted_at) } });
    }
    this.#sorted = null;
  }

  #put(message) {
    const known = this.#byUid.get(message.uid);
    if (known && known.revision > message.revision) return; // events may overtake each other
    this.#byUid.set(message.uid, message);
    this.#sorted = null;
  }
}
