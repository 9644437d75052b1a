// Reactions as this visitor sees them: which are his own, and what he just pressed, shown before the server has it.
//
// Events are made once for everybody and do not say what is one's own. So it is kept here for each message: from
// replies, which say it, and from the events of his own. Dispatches "change", and "refused" with why.

export class Reactions extends EventTarget {
  #own = new Map(); // message uid -> emoji -> { own, revision }
  #wishes = new Map(); // message uid -> emoji -> whether it shall be there

  /** `send(command, payload)` resolves with a reply whose message has been taken over. */
  constructor(send) {
    super();
    this.send = send;
  }

  /** A message out of a reply: it says of each reaction whether it is his own. */
  learn({ uid, own, revision, reactions }) {
    if (own === undefined) return;
    const known = this.#known(uid);
    for (const [emoji, entry] of known) if (entry.revision <= revision) known.delete(emoji);
    for (const reaction of reactions) this.#note(known, reaction.emoji, Boolean(reaction.own), revision);
  }

  /** He set one, or took it back, here or in another tab. */
  heard({ messages, emoji, added }) {
    for (const { uid, revision } of messages) this.#note(this.#known(uid), emoji, added, revision);
  }

  /** What is shown below a message: [{ emoji, count, own }]. */
  of({ uid, reactions }) {
    const known = this.#own.get(uid);
    const wishes = this.#wishes.get(uid) ?? new Map();
    const shown = reactions.map(({ emoji, count }) =>
      wished({ emoji, count, own: known?.get(emoji)?.own ?? false }, wishes.get(emoji)),
    );
    for (const [emoji, wish] of wishes)
      if (!reactions.some((each) => each.emoji === emoji)) shown.push(wished({ emoji, count: 0, own: false }, wish));
    return shown.filter(({ count }) => count > 0);
  }

  /** Shown at once, and taken back if the server does not take it. */
  async toggle(message, emoji) {
    const wish = { added: !this.of(message).some((each) => each.emoji === emoji && each.own) };
    const wishes = this.#wishes.get(message.uid) ?? new Map();
    this.#wishes.set(message.uid, wishes.set(emoji, wish));
    this.#changed();
    try {
      await this.send(wish.added ? "reaction.add" : "reaction.remove", { message: message.uid, emoji });
    } catch (failure) {
      this.dispatchEvent(new CustomEvent("refused", { detail: failure }));
    }
    // Pressed again meanwhile: the later wish stays until its own answer.
    if (wishes.get(emoji) === wish) wishes.delete(emoji);
    this.#changed();
  }

  #known(uid) {
    if (!this.#own.has(uid)) this.#own.set(uid, new Map());
    return this.#own.get(uid);
  }

  #note(known, emoji, own, revision) {
    if (!(known.get(emoji)?.revision > revision)) known.set(emoji, { own, revision }); // events may overtake each other
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function wished(reaction, wish) {
  if (!wish || wish.added === reaction.own) return reaction;
  return { ...reaction, own: wish.added, count: reaction.count + (wish.added ? 1 : -1) };
}
