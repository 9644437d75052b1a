// The whole chat without its looks: the session, the conversations, and what waits to be sent.

import { withQuote } from "../text/quotes.js";
import { CommandFailed, logFailure } from "../wire/errors.js";
import { clock } from "./clock.js";
import { ConversationList } from "./conversation_list.js";
import { Conversations } from "./conversations.js";
import { Observable } from "./observable.js";
import { Changes } from "./sending/changes.js";
import { Outbox } from "./sending/outbox.js";
import { Sender } from "./sending/sender.js";

const TYPING_INTERVAL = 5_000; // milliseconds
// Events of other names belong to other apps: they are for the site's own scripts.
const OWN_EVENTS = new Set(["connection", "message", "participant", "presence", "reaction", "receipt", "typing"]);

export class Chat extends Observable {
  inbox = null;
  contact = null; // what is known of the visitor
  nick = "";
  staffOnline = null; // null: not known yet
  #sender;
  #typingSent = 0; // when, in milliseconds since 1970

  /**
   * `stores.outbox`, `stores.changes`: where messages and their changes wait over a reload. `room`: shown instead of the
   * visitor's own conversation. `prove(challenge)` resolves to its solution. `limit`: characters of a message.
   */
  constructor(socket, { stores, limit, room = null, prove = null }) {
    super();
    Object.assign(this, { socket, limit, room });
    this.list = room ? null : new ConversationList(socket);
    this.conversations = new Conversations(socket, { room, list: this.list });
    this.#sender = new Sender(socket, { prove, onProving: () => this.changed() });
    this.outbox = new Outbox(stores.outbox, (entry) => this.#deliver(entry));
    this.changes = new Changes(stores.changes, (entry) => this.#deliverChange(entry));
    for (const part of [this.room, this.list, this.conversations, this.outbox, this.changes])
      part?.onChange(() => this.changed());
    socket.addEventListener("state", () => this.changed());
    socket.addEventListener("session", ({ detail }) => this.#startSession(detail));
    socket.addEventListener("event", ({ detail }) => this.#receive(detail));
  }

  /** The conversation on the screen, or null. */
  get conversation() {
    return this.conversations.shown;
  }

  get isProving() {
    return this.#sender.isProving;
  }

  /**
   * Sends a message. In an earlier conversation it opens that again; where another one is open it goes there, below a
   * quote of what it answers.
   */
  send({ content, quote, attachments }) {
    const entry = { content, ...(attachments?.length && { attachments }) };
    if (this.conversations.isOneOpenElsewhere) {
      const { messages } = this.conversation.timeline;
      const answered =
        quote ?? messages.findLast(({ author, deleted_at }) => author?.role === "staff" && !deleted_at);
      this.outbox.add({ ...entry, content: withQuote(answered?.content ?? "", content, this.limit) });
      this.conversations.showCurrent();
      return;
    }
    const connection = this.conversations.isEarlierShown ? { connection: this.conversation.uid } : {};
    this.outbox.add({ ...entry, ...(quote && { quote }), ...connection });
  }

  /** Entries of the outbox to be shown below the conversation on the screen. */
  get pendingMessages() {
    const { conversation } = this;
    return this.outbox.entries.filter(
      ({ client_id, connection }) =>
        !conversation?.timeline.has(client_id, conversation.me) &&
        // In an earlier conversation only what is said there; in the current one all of it, so that nothing is hidden.
        (!this.conversations.isEarlierShown || connection === conversation.uid),
    );
  }

  sendTyping() {
    const now = Date.now();
    if (!this.conversation || this.socket.state !== "ready" || now - this.#typingSent < TYPING_INTERVAL) return;
    this.#typingSent = now;
    this.socket
      .command("typing.start", { connection: this.conversation.uid })
      .catch((failure) => logFailure("typing", failure));
  }

  async close() {
    const { connection } = await this.socket.command("connection.close", {
      connection: this.conversation.uid,
    });
    this.conversation.resume(connection);
  }

  /** Where the visitor gets answers that they miss; empty: nowhere. */
  async setEmail(email) {
    const { contact } = await this.socket.command("contact.set", { email });
    this.contact = contact;
    this.changed();
  }

  pong({ heads, time }, sentAt) {
    if (clock.set(time, sentAt)) this.changed();
    this.conversations.pong(heads);
  }

  async #startSession(session) {
    clock.set(session.time, session.sentAt);
    this.nick = session.nick;
    this.inbox = session.inbox;
    this.contact = session.contact;
    this.staffOnline = session.staff_online;
    if (!this.room) this.conversations.start(session);
    else if (!(await this.#joinRoom())) return;
    this.changed();
    this.outbox.flush();
    this.changes.flush();
  }

  async #joinRoom() {
    try {
      const { connection, messages, has_more } = await this.room.join();
      this.conversations.resume(connection, messages, has_more);
      return true;
    } catch (failure) {
      // Lost: the next session joins again.
      if (failure instanceof CommandFailed) this.socket.refuse(failure);
      return false;
    }
  }

  #receive(frame) {
    const [prefix] = frame.event.split(".", 1);
    if (!OWN_EVENTS.has(prefix)) return;
    if (prefix === "presence") this.staffOnline = frame.payload.staff_online;
    else if (prefix === "participant") this.#receiveParticipants(frame);
    else this.conversations.receive(frame);
    this.changed();
  }

  #receiveParticipants(frame) {
    const timeline = this.conversation?.uid === frame.connection ? this.conversation.timeline : null;
    if (frame.event === "participant.renamed") timeline?.rename(frame.payload.participant);
    this.room?.receive(frame, timeline?.messages.at(-1)?.seq);
  }

  async #deliver(entry) {
    const message = await this.#sender.send(entry, this.room?.info.uid);
    this.#typingSent = 0;
    await this.conversations.stored(message);
  }

  async #deliverChange(entry) {
    const message = await this.#sender.change(entry);
    if (message) this.conversations.apply(message);
  }
}
