// The messages of a conversation as far as they were loaded: all of them from the first one here to the end.

import { excerpt } from "../../text/quotes.js";
import { indexOfSeq } from "../order.js";

export class Timeline {
  hasOlder = false; // whether the server has messages before the first one here
  messages = []; // sorted by `seq`
  #byUid = new Map();
  #clientIds = new Set(); // `${author} ${client_id}`

  get firstSeq() {
    return this.messages[0]?.seq ?? null;
  }

  get(uid) {
    return this.#byUid.get(uid);
  }

  /** Whether this author's message is here, by the id that their client gave it. */
  has(clientId, author) {
    return this.#clientIds.has(`${author} ${clientId}`);
  }

  /** New and changed messages. Those before the first loaded one are left out: their page will bring them. */
  apply(messages) {
    const first = this.hasOlder ? (this.firstSeq ?? 0) : 0;
    for (const message of messages) {
      if (message.seq >= first) this.#put(message);
      if (message.edited_at || message.deleted_at) this.#updateQuotes(message);
    }
  }

  /** A page of history; `hasOlder`: whether there are messages before it. */
  addPage(messages, hasOlder) {
    const first = this.firstSeq ?? Infinity;
    const older = messages.filter(({ seq }) => seq < first).sort((a, b) => a.seq - b.seq);
    for (const message of older) this.#index(message);
    this.messages.unshift(...older);
    for (const message of messages) if (message.seq >= first) this.#put(message);
    this.hasOlder = hasOlder;
  }

  /** Starts again from the newest page: too much happened meanwhile. */
  reset(messages) {
    this.messages = [];
    this.#byUid.clear();
    this.#clientIds.clear();
    this.addPage(messages, (messages[0]?.seq ?? 1) > 1);
  }

  /** The author has another name now, also on the messages before. */
  rename(author) {
    this.#update((message) => message.author?.id === author.id, () => ({ author }));
  }

  /** The quoted message may lie before the first one here; its quotes change all the same. */
  #updateQuotes({ uid, content, deleted_at }) {
    this.#update(
      ({ reply_to: quote }) => quote?.uid === uid,
      ({ reply_to: quote }) => ({ reply_to: { ...quote, content: excerpt(content), deleted: Boolean(deleted_at) } }),
    );
  }

  #update(applies, changes) {
    for (const [index, message] of this.messages.entries())
      if (applies(message)) this.#index((this.messages[index] = { ...message, ...changes(message) }));
  }

  #put(message) {
    const index = indexOfSeq(this.messages, message.seq);
    const known = this.messages[index]?.seq === message.seq ? this.messages[index] : null;
    if (known && known.revision > message.revision) return; // events may overtake each other
    this.messages.splice(index, known ? 1 : 0, message);
    this.#index(message);
  }

  #index(message) {
    this.#byUid.set(message.uid, message);
    if (message.client_id) this.#clientIds.add(`${message.author?.id} ${message.client_id}`);
  }
}
