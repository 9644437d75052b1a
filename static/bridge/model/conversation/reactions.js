// Reactions as this visitor sees them: which are their own, and what they just pressed, before the server has it.
//
// One event is made for everybody and does not say which reactions are the visitor's own. So that is kept here for each
// message: from replies, which say it, and from events about the visitor.

import { Observable } from "../observable.js";

export class Reactions extends Observable {
  #own = new Map(); // message uid -> emoji -> {own, revision}
  #pending = new Map(); // message uid -> emoji -> {added}

  /** `send(command, payload)` resolves once the message in the reply has been applied. */
  constructor(send) {
    super();
    this.send = send;
  }

  /** A message from a reply, which says of each reaction whether it is the visitor's own. */
  learn({ uid, own, revision, reactions }) {
    if (own === undefined) return;
    const known = this.#ownOf(uid);
    for (const [emoji, entry] of known) if (entry.revision <= revision) known.delete(emoji);
    for (const reaction of reactions) this.#note(known, reaction.emoji, Boolean(reaction.own), revision);
  }

  /** The visitor added or removed a reaction, here or in another tab. */
  noteOwn({ messages, emoji, added }) {
    for (const { uid, revision } of messages) this.#note(this.#ownOf(uid), emoji, added, revision);
  }

  /** What is shown below a message: [{emoji, count, own}]. */
  of({ uid, reactions }) {
    const known = this.#own.get(uid);
    const pending = this.#pending.get(uid) ?? new Map();
    const shown = reactions.map(({ emoji, count }) =>
      withPending({ emoji, count, own: known?.get(emoji)?.own ?? false }, pending.get(emoji)),
    );
    for (const [emoji, change] of pending)
      if (!reactions.some((reaction) => reaction.emoji === emoji))
        shown.push(withPending({ emoji, count: 0, own: false }, change));
    return shown.filter(({ count }) => count > 0);
  }

  /** Shows at once, and is taken back if the server refuses: then it rejects. */
  async toggle(message, emoji) {
    const change = { added: !this.of(message).some((reaction) => reaction.emoji === emoji && reaction.own) };
    const pending = this.#pending.get(message.uid) ?? new Map();
    this.#pending.set(message.uid, pending.set(emoji, change));
    this.changed();
    try {
      await this.send(change.added ? "reaction.add" : "reaction.remove", { message: message.uid, emoji });
    } finally {
      // If it was pressed again meanwhile, the later change stays until its own answer.
      if (pending.get(emoji) === change) pending.delete(emoji);
      this.changed();
    }
  }

  #ownOf(uid) {
    if (!this.#own.has(uid)) this.#own.set(uid, new Map());
    return this.#own.get(uid);
  }

  #note(known, emoji, own, revision) {
    if (!(known.get(emoji)?.revision > revision)) known.set(emoji, { own, revision }); // events may overtake each other
  }
}

function withPending(reaction, change) {
  if (!change || change.added === reaction.own) return reaction;
  return { ...reaction, own: change.added, count: reaction.count + (change.added ? 1 : -1) };
}
