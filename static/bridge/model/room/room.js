// A public room: who is in it, and what the visitor is called there.

import { logFailure } from "../../wire/errors.js";
import { Observable } from "../observable.js";
import { RoomNotices } from "./notices.js";

const MAX_LISTED = 200; // members that the server names at most
const REFRESH_AFTER = 1_500; // milliseconds

export class Room extends Observable {
  info = null; // name, topic, rules: null until it was joined
  me = null; // the visitor's own author
  onlineCount = 0;
  #members = new Map(); // id -> author
  #notices = new RoomNotices();
  #early = null; // events that overtook the answer to room.join
  #timer;

  constructor(socket, { slug, key }) {
    super();
    this.socket = socket;
    this.slug = slug;
    this.key = key;
  }

  /** By name. */
  get members() {
    return [...this.#members.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  get notices() {
    return this.#notices.all;
  }

  /** Resolves to the reply: the conversation and its latest page. */
  async join() {
    this.#early = [];
    try {
      const reply = await this.socket.command("room.join", { room: this.slug, key: this.key });
      this.info = reply.room;
      this.me = reply.you;
      this.#setMembers(reply.members, reply.room.online);
      for (const frame of this.#early) this.#apply(frame);
      return reply;
    } finally {
      this.#early = null;
    }
  }

  /** Rejects with CommandFailed where the name is somebody else's, or no name. */
  async rename(nick) {
    const { nick: name } = await this.socket.command("nick.set", { connection: this.info.uid, nick });
    this.#update({ ...this.me, name });
    this.changed();
  }

  /** `after`: the `seq` of the latest message on the page, below which a notice stands. */
  receive(frame, after) {
    if (this.info && frame.connection !== this.info.uid) return;
    if (this.#early) this.#early.push(frame);
    else if (this.info) this.#apply(frame, after);
  }

  #apply({ event, payload }, after = 0) {
    if (event === "participant.joined") this.#joined(payload, after);
    if (event === "participant.left") this.#left(payload, after);
    if (event === "participant.renamed") this.#renamed(payload, after);
    this.changed();
  }

  #joined({ participants, more, online }, after) {
    this.onlineCount = online;
    const others = participants.filter(({ id }) => !this.#members.has(id) && id !== this.me.id);
    for (const author of participants) this.#members.set(author.id, author);
    this.#notices.addJoined(others, more, after);
    if (more && online <= MAX_LISTED) this.#refreshSoon();
  }

  #left({ participants, clean, online }, after) {
    this.onlineCount = online;
    for (const id of participants) {
      const author = this.#members.get(id);
      this.#members.delete(id);
      if (author && id !== this.me.id) this.#notices.addLeft(author, clean, after);
    }
    if (this.#members.size < Math.min(online, MAX_LISTED)) this.#refreshSoon();
  }

  #renamed({ participant, previous }, after) {
    const isKnown = this.#members.has(participant.id);
    if (participant.id !== this.me.id) this.#notices.addRenamed(participant, { previous, isKnown }, after);
    this.#update(participant);
  }

  #update(author) {
    if (author.id === this.me.id) this.me = author;
    if (this.#members.has(author.id)) this.#members.set(author.id, author);
  }

  #setMembers(members, online) {
    this.#members = new Map(members.map((author) => [author.id, author]));
    if (members.length < MAX_LISTED) this.#members.set(this.me.id, this.me);
    this.onlineCount = Math.max(online, this.#members.size);
  }

  /** Some were not named: asks for the whole list, at a random moment so that not everybody asks at once. */
  #refreshSoon() {
    this.#timer ??= setTimeout(() => this.#refresh(), REFRESH_AFTER * (1 + Math.random()));
  }

  async #refresh() {
    this.#timer = null;
    try {
      const { members, online } = await this.socket.command("room.members", { room: this.info.uid });
      this.#setMembers(members, online);
      this.changed();
    } catch (failure) {
      // The next session brings it.
      logFailure("members", failure);
    }
  }
}
