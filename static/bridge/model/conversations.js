// The conversations of this page: which one is on the screen, which one is current, and what is heard of the others.

import { logFailure } from "../wire/errors.js";
import { Conversation } from "./conversation/conversation.js";
import { Observable } from "./observable.js";

const OPENED = new Set(["connection.opened", "connection.reopened"]);

export class Conversations extends Observable {
  shown = null; // the one on the screen
  #current = null; // {uid, isOpen}: the open one, or else the last
  #visitor = null;
  #revisions = new Map(); // connection uid -> the latest revision that an event or a pong named
  #fetching = new Map(); // connection uid -> promise

  /** `room`: shown instead of the visitor's own conversation. `list`: of all conversations, where there is no room. */
  constructor(socket, { room, list }) {
    super();
    Object.assign(this, { socket, room, list });
  }

  /** Whether an earlier conversation is on the screen instead of the current one. */
  get isEarlierShown() {
    return Boolean(!this.room && this.shown && this.shown.uid !== this.#current?.uid);
  }

  /** Whether the current one is open besides: what is written here goes there. */
  get isOneOpenElsewhere() {
    return this.isEarlierShown && Boolean(this.#current?.isOpen);
  }

  /** Resolves to whether it is on the screen. */
  async show(uid) {
    if (uid !== this.shown?.uid) {
      try {
        await this.#fetch(uid, { evenIfEnded: true });
      } catch (failure) {
        logFailure("conversation", failure);
        return false;
      }
    }
    this.changed();
    return true;
  }

  async showCurrent() {
    if (this.#current) await this.show(this.#current.uid);
  }

  /** A new session of the visitor, without a room. */
  start({ visitor, connection, messages, has_more, earlier }) {
    const staysHere = this.isEarlierShown && visitor === this.#visitor && connection?.uid !== this.shown.uid;
    this.#visitor = visitor;
    this.#current = connection && { uid: connection.uid, isOpen: connection.state === "open" };
    this.list.start(earlier);
    if (staysHere) this.shown.sync.run();
    else this.resume(connection, messages, has_more);
  }

  /** The conversation that a new session names, or null, and its newest page. */
  resume(connection, messages, hasOlder) {
    if (!connection) this.#setShown(null);
    else if (connection.uid === this.shown?.uid) this.shown.resume(connection);
    else this.#setShown(connection).addPage(messages, hasOlder);
  }

  receive(frame) {
    const wasEarlierShown = this.isEarlierShown;
    if (!this.room) this.#updateCurrent(frame);
    if (frame.connection === this.shown?.uid) this.shown.receive(frame);
    else if (this.room) this.#noteRevision(frame.connection, frame.revision ?? 0);
    else this.#receiveElsewhere(frame, wasEarlierShown);
  }

  /** `heads`: the revision of each conversation, the newest first. */
  pong(heads) {
    for (const [index, [uid, revision]] of Object.entries(heads).entries()) {
      if (this.room && uid !== this.shown?.uid) continue;
      const known = this.#revisions.get(uid);
      const isNews = known === undefined ? index === 0 : revision > known;
      this.#revisions.set(uid, revision); // less than before, if the database was restored
      if (uid === this.shown?.uid) this.shown.sync.compare(revision);
      if (isNews) this.#notice(uid, { readsEarlier: this.isEarlierShown, isOpening: known === undefined });
    }
  }

  /** The server stored a message of this page. */
  async stored(message) {
    if (!this.room) this.#current = { uid: message.connection, isOpen: true };
    if (message.connection !== this.shown?.uid) await this.#fetchOnce(message.connection);
    this.apply(message);
  }

  /** A message of this page from a reply. */
  apply(message) {
    if (message.connection === this.shown?.uid) this.shown.apply([message]);
  }

  #updateCurrent({ event, connection }) {
    if (OPENED.has(event)) this.#current = { uid: connection, isOpen: true };
    if (event !== "connection.closed") return;
    if (connection === this.#current?.uid) this.#current.isOpen = false;
    this.list.refreshSoon();
  }

  #receiveElsewhere({ event, connection, revision }, readsEarlier) {
    if (revision === undefined) {
      if (event === "receipt.read") this.list.refreshSoon(); // read in another tab
      return;
    }
    const isNew = !this.#revisions.has(connection) || event === "connection.reopened";
    this.#noteRevision(connection, revision);
    if (isNew) this.#notice(connection, { readsEarlier, isOpening: OPENED.has(event) });
    else this.list.refreshSoon();
  }

  #noteRevision(uid, revision) {
    this.#revisions.set(uid, Math.max(revision, this.#revisions.get(uid) ?? 0));
  }

  /** There is news of a conversation. If it was just opened, it takes the place of the one on the screen. */
  #notice(uid, { readsEarlier, isOpening }) {
    if (uid === this.shown?.uid) return;
    if (readsEarlier || !isOpening) this.list?.refreshSoon();
    if (readsEarlier) return; // the visitor reads another one, and goes there when they like
    this.#fetchOnce(uid).catch((failure) => logFailure("new conversation", failure));
  }

  #fetchOnce(uid) {
    if (!this.#fetching.has(uid)) {
      const fetched = this.#fetch(uid).finally(() => this.#fetching.delete(uid));
      this.#fetching.set(uid, fetched);
    }
    return this.#fetching.get(uid);
  }

  async #fetch(uid, { evenIfEnded = false } = {}) {
    const reply = await this.socket.command("connection.sync", { connection: uid, since: 0 });
    const isOpen = reply.connection.state === "open";
    if (!isOpen && !evenIfEnded && this.shown) return; // an old one is no reason to leave the one on the screen
    if (isOpen) this.#current = { uid, isOpen };
    const conversation = this.#setShown({ ...reply.connection, revision: reply.revision });
    if (reply.reset) conversation.timeline.reset(reply.messages);
    conversation.addPage(reply.messages, conversation.timeline.hasOlder);
    conversation.sync.expect(reply.connection.revision);
    if (reply.has_more && !reply.reset) await (conversation.loading = conversation.sync.run());
  }

  #setShown(connection) {
    this.shown?.end();
    this.shown = connection && new Conversation(connection, this.socket);
    this.list?.show(connection?.uid ?? null);
    if (!connection) return null;
    this.shown.readState.start(connection.read_seq);
    this.shown.onChange(() => this.changed());
    this.shown.sync.expect(this.#revisions.get(connection.uid) ?? 0);
    this.#revisions.set(connection.uid, connection.revision);
    return this.shown;
  }
}
