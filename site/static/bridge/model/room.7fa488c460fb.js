// A public room: who is in it, what one is called there, and what is told of those who come and go.
//
// Dispatches "change".

import { clock } from "./clock.ffcf845a7f9e.js";

const FULL = 200; // members that the server names at most
const MOST_NOTICES = 100;
const SOON = 1_500;

export class Room extends EventTarget {
  info = null; // name, topic, rules: null until it was joined
  me = null; // our own author
  online = 0;
  #members = new Map(); // id -> author
  #notices = [];
  #early = null; // events that overtook the answer to room.join
  #timer;

  constructor(socket, { slug, key }) {
    super();
    this.socket = socket;
    this.slug = slug;
    this.key = key;
  }

  get members() {
    return [...this.#members.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** What happened between the messages, as rows. */
  get notices() {
    return this.#notices.filter(({ came, left, renamed }) => came.size || left.size || renamed.size);
  }

  /** Resolves to the reply: the conversation and its latest page. */
  async join() {
    this.#early = [];
    try {
      const reply = await this.socket.command("room.join", { room: this.slug, key: this.key });
      this.info = reply.room;
      this.me = reply.you;
      this.#list(reply.members, reply.room.online);
      for (const early of this.#early) this.#take(early);
      return reply;
    } finally {
      this.#early = null;
    }
  }

  /** Rejects with CommandFailed where the name is somebody else's, or no name. */
  async rename(nick) {
    const { nick: name } = await this.socket.command("nick.set", { connection: this.info.uid, nick });
    this.#call({ ...this.me, name });
    this.dispatchEvent(new Event("change"));
  }

  /** `after`: the place of the latest message on the page, behind which a notice stands. */
  event(frame, after) {
    if (this.info && frame.connection !== this.info.uid) return;
    if (this.#early) this.#early.push(frame);
    else if (this.info) this.#take(frame, after);
  }

  #take({ event, payload }, after = 0) {
    if (event === "participant.joined") this.#joined(payload, after);
    if (event === "participant.left") this.#left(payload, after);
    if (event === "participant.renamed") this.#renamed(payload, after);
    this.dispatchEvent(new Event("change"));
  }

  #joined({ participants, more, online }, after) {
    this.online = online;
    const fresh = participants.filter(({ id }) => !this.#members.has(id));
    for (const author of participants) this.#members.set(author.id, author);
    const notice = this.#notice(after);
    for (const { id, name } of fresh) {
      if (id === this.me.id) continue;
      if (!notice.left.delete(id)) notice.came.set(id, name);
    }
    notice.more += more;
    if (more && online <= FULL) this.#askSoon();
  }

  #left({ participants, clean, online }, after) {
    this.online = online;
    const notice = this.#notice(after);
    for (const id of participants) {
      const author = this.#members.get(id);
      this.#members.delete(id);
      // Somebody who came and went between two messages is nobody's news.
      if (author && id !== this.me.id && !notice.came.delete(id))
        notice.left.set(id, { name: author.name, clean });
    }
    if (this.#members.size < Math.min(online, FULL)) this.#askSoon();
  }

  #renamed({ participant, previous }, after) {
    const known = participant.id === this.me.id ? this.me : this.#members.get(participant.id);
    this.#call(participant);
    const { renamed, came } = this.#notice(after);
    if (came.has(participant.id)) came.set(participant.id, participant.name);
    else if (known && participant.id !== this.me.id)
      renamed.set(participant.id, {
        from: renamed.get(participant.id)?.from ?? previous,
        to: participant.name,
      });
  }

  #call(author) {
    if (author.id === this.me.id) this.me = author;
    if (this.#members.has(author.id)) this.#members.set(author.id, author);
  }

  #list(members, online) {
    this.#members = new Map(members.map((author) => [author.id, author]));
    if (members.length < FULL) this.#members.set(this.me.id, this.me);
    this.online = Math.max(online, this.#members.size);
  }

  /** All that happens between two messages is one notice. */
  #notice(after) {
    let notice = this.#notices.at(-1);
    if (notice?.after !== after) {
      notice = {
        kind: "event",
        key: `notice:${after}:${Date.now()}`,
        after,
        at: new Date(clock.now()),
        came: new Map(),
        left: new Map(),
        renamed: new Map(),
        more: 0,
      };
      this.#notices = [...this.#notices.slice(1 - MOST_NOTICES), notice];
    }
    return notice;
  }

  /** Some were not named: the whole list is asked for, not by everybody in the same moment. */
  #askSoon() {
    this.#timer ??= setTimeout(
      async () => {
        this.#timer = null;
        try {
          const { members, online } = await this.socket.command("room.members", { room: this.info.uid });
          this.#list(members, online);
          this.dispatchEvent(new Event("change"));
        } catch (failure) {
          // The next session brings it.
          console.debug("members:", failure.message || failure.name);
        }
      },
      SOON * (1 + Math.random()),
    );
  }
}
