// The messages of a connection as far as they were loaded: without a hole from the oldest one to the end.

const QUOTED = 200; // characters, as in the server's own quotes

export function excerpt(content) {
  return [...content].slice(0, QUOTED).join("");
}

/** Where in a sorted list the first message stands whose place is `seq` or later. */
export function placeOf(messages, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Timeline {
  older = false; // whether the server has messages before the first one here
  messages = []; // by their places
  #byUid = new Map();
  #written = new Set(); // who wrote what, by the ids that clients made

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
    const end = this.first ?? Infinity;
    const before = messages.filter(({ seq }) => seq < end).sort((a, b) => a.seq - b.seq);
    for (const message of before) this.#know(message);
    this.messages.unshift(...before);
    for (const message of messages) if (message.seq >= end) this.#put(message);
    this.older = older;
  }

  /** Starts again from the newest page: too much happened meanwhile. */
  reset(messages) {
    this.messages = [];
    this.#byUid.clear();
    this.#written.clear();
    this.page(messages, (messages[0]?.seq ?? 1) > 1);
  }

  has(clientId, author) {
    return this.#written.has(`${author} ${clientId}`);
  }

  /** He is called something else: also where he spoke before. */
  rename(author) {
    this.#change((message) => message.author?.id === author.id, () => ({ author }));
  }

  /** What is quoted may lie before the first message here: its quotes follow it all the same. */
  #requote({ uid, content, deleted_at }) {
    this.#change(
      ({ reply_to: quote }) => quote?.uid === uid,
      ({ reply_to: quote }) => ({ reply_to: { ...quote, content: excerpt(content), deleted: Boolean(deleted_at) } }),
    );
  }

  #change(applies, changed) {
    for (const [at, message] of this.messages.entries())
      if (applies(message)) this.#know((this.messages[at] = { ...message, ...changed(message) }));
  }

  #put(message) {
    const at = placeOf(this.messages, message.seq);
    const known = this.messages[at]?.seq === message.seq ? this.messages[at] : null;
    if (known && known.revision > message.revision) return; // events may overtake each other
    this.messages.splice(at, known ? 1 : 0, message);
    this.#know(message);
  }

  #know(message) {
    this.#byUid.set(message.uid, message);
    if (message.client_id) this.#written.add(`${message.author?.id} ${message.client_id}`);
  }
}
