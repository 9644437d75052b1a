// A server that does what a test tells it, at the other end of the page's WebSocket.
//
// With FRAMES in the environment, each frame is written to that file, and test_node.py checks it by the protocol's own
// models: a test here cannot pass with frames that the real server would refuse, or would never send.

import { appendFileSync } from "node:fs";
import { randomUUID } from "node:crypto";

export function author(name, role, service = role === "visitor" ? "web" : "discord") {
  return { id: randomUUID(), name, role, service, avatar: "", colour: "" };
}

export function timestamp(milliseconds = Date.now()) {
  return new Date(milliseconds).toISOString();
}

/** A conversation as the server stores it. */
export class StoredConversation {
  uid = randomUUID();
  state = "open";
  revision = 0;
  read_seq = 0;
  messages = [];

  constructor({ kind = "private", participant } = {}) {
    Object.assign(this, { kind, participant });
  }

  get head() {
    const { uid, kind, state, revision, participant, read_seq } = this;
    return { uid, kind, state, revision, participant, read_seq };
  }

  /** Stores a message. It is not announced. */
  say(author, content, fields = {}) {
    this.revision += 1;
    const message = {
      uid: randomUUID(),
      connection: this.uid,
      kind: "message",
      seq: this.messages.length + 1,
      revision: this.revision,
      client_id: null,
      author,
      content,
      gap_size: null,
      created_at: timestamp(),
      edited_at: null,
      deleted_at: null,
      state: "sent",
      failure: "",
      reply_to: null,
      attachments: [],
      reactions: [],
      ...fields,
    };
    this.messages.push(message);
    return message;
  }

  change(message, fields) {
    this.revision += 1;
    return Object.assign(message, fields, { revision: this.revision });
  }

  find(uid) {
    return this.messages.find((message) => message.uid === uid);
  }

  /** The database is an older one: it has the first messages only. */
  restore(count) {
    this.messages.length = count;
    this.revision = Math.max(0, ...this.messages.map(({ revision }) => revision));
    this.read_seq = Math.min(this.read_seq, count);
  }
}

export class Server {
  visitor = author("Brave Otter", "visitor");
  ada = author("Ada Lovelace", "staff");
  conversation = new StoredConversation({ participant: this.visitor.id }); // the current one
  others = []; // further conversations of the visitor
  listed = []; // what connection.list has
  received = []; // [command, payload]
  refusals = {}; // by command: the errors of its next answers
  silent = new Set(); // commands without an answer
  isUp = true;
  pageSize = 50;
  ahead = 0; // milliseconds of its clock
  earlier = { connections: 0, unread: 0 };
  changeSession = {}; // what session.start has in place of the usual
  sockets = [];

  /** The payloads of a command so far. */
  commands(name) {
    return this.received.filter(([command]) => command === name).map(([, payload]) => payload);
  }

  refuse(command, code, details = {}) {
    (this.refusals[command] ??= []).push({ code, message: "No.", details });
  }

  // ------------------------------------------------------------- what the page hears

  sendEvent(event, payload, revisions = {}, connection = this.conversation.uid) {
    const place = event === "presence.changed" ? {} : { connection };
    this.#send({ event, payload, ...place, ...revisions });
  }

  announce(event, message) {
    const { connection, revision } = message;
    this.sendEvent(event, { messages: [message] }, { since: revision - 1, revision }, connection);
  }

  /** Staff say something, and the page hears it. */
  answer(content) {
    const message = this.conversation.say(this.ada, content);
    this.announce("message.posted", message);
    return message;
  }

  setState(conversation, state, event) {
    conversation.state = state;
    conversation.revision += 1;
    const { uid, kind, revision } = conversation;
    const payload = { connection: { uid, kind, state } };
    this.sendEvent(event, payload, { since: revision - 1, revision }, uid);
  }

  block() {
    this.#send({ reply: null, ok: false, error: { code: "blocked", message: "You are blocked.", details: {} } });
  }

  close(code, reason = "") {
    this.sockets.at(-1).closedByServer(code, reason);
  }

  // ------------------------------------------------------------- what the page asks

  answerTo({ command, id, payload }) {
    log({ command, id, payload });
    this.received.push([command, payload]);
    if (this.silent.has(command)) return;
    const error = this.refusals[command]?.shift();
    const reply = error ?? this.#handlers[command](payload);
    const failed = error ?? (reply?.code ? reply : null);
    this.#send(failed ? { reply: id, ok: false, error: failed } : { reply: id, ok: true, payload: reply }, command);
  }

  #send(frame, command = null) {
    log({ ...frame, answers: command });
    this.sockets.at(-1).receive(structuredClone(frame));
  }

  #byUid(uid) {
    return [this.conversation, ...this.others].find((conversation) => conversation.uid === uid);
  }

  #handlers = {
    "session.start": () => {
      const { messages, head } = this.conversation;
      const page = messages.slice(-this.pageSize);
      return {
        visitor: "visitor",
        token: "token",
        nick: this.visitor.name,
        contact: { name: "", email: "", identified: false },
        connection: messages.length ? head : null,
        messages: page,
        has_more: page.length < messages.length,
        earlier: this.earlier,
        staff_online: true,
        inbox: {
          name: "default",
          title: "Chat with us",
          greeting: "Hello!",
          edit_window: 900,
          max_upload: 10_000,
          upload_types: ["image/*"],
          email_after: 0,
        },
        time: timestamp(Date.now() + this.ahead),
        ...this.changeSession,
      };
    },
    ping: () => {
      const known = [this.conversation, ...this.others].filter(({ messages }) => messages.length);
      const heads = Object.fromEntries(known.map(({ uid, revision }) => [uid, revision]));
      return { heads, time: timestamp(Date.now() + this.ahead) };
    },
    "connection.sync": ({ connection, since }) => {
      const { head, revision, messages } = this.#byUid(connection);
      if (since > revision) {
        const page = messages.slice(-this.pageSize);
        return { connection: head, messages: page, revision, has_more: page.length < messages.length, reset: true };
      }
      const changed = messages.filter((message) => message.revision > since).sort((a, b) => a.revision - b.revision);
      const page = changed.slice(0, this.pageSize);
      const hasMore = page.length < changed.length;
      const upTo = hasMore ? page.at(-1).revision : revision;
      return { connection: head, messages: page, revision: upTo, has_more: hasMore, reset: false };
    },
    "history.page": ({ connection, before, limit }) => {
      const older = this.#byUid(connection).messages.filter(({ seq }) => seq < before);
      const page = older.slice(-limit);
      return { messages: page, has_more: page.length < older.length };
    },
    "message.send": ({ client_id, content, reply_to, connection }) => this.#post(client_id, content, reply_to, connection),
    "message.edit": ({ message, content }) => this.#change("message.edited", message, { content, edited_at: timestamp() }),
    "message.delete": ({ message }) => this.#change("message.deleted", message, { content: "", deleted_at: timestamp() }),
    "message.retry": ({ message }) => this.#change("message.posted", message, { state: "sent", failure: "" }),
    "reaction.add": ({ message, emoji }) => this.#react(message, emoji, true),
    "reaction.remove": ({ message, emoji }) => this.#react(message, emoji, false),
    "receipt.read": ({ connection, seq }) => {
      this.#byUid(connection).read_seq = seq;
      return {};
    },
    "typing.start": () => ({}),
    "connection.close": ({ connection }) => this.#setStateBySelf(connection, "closed"),
    "connection.reopen": ({ connection }) => this.#setStateBySelf(connection, "open"),
    "connection.list": () => ({ connections: this.listed, has_more: false }),
    "contact.set": ({ email }) => ({ contact: { name: "", email, identified: false } }),
    "nick.set": ({ nick }) => ({ nick }),
  };

  handle(command, handler) {
    this.#handlers[command] = handler;
  }

  #post(clientId, content, quoted, uid) {
    const conversation = uid ? this.#byUid(uid) : this.conversation;
    if (conversation.state === "closed") return { code: "closed", message: "It has ended.", details: {} };
    const known = conversation.messages.find(({ client_id }) => client_id === clientId);
    const quote = quoted ? quoteOf(conversation.find(quoted)) : null;
    const message =
      known ?? conversation.say(this.visitor, content, { client_id: clientId, reply_to: quote });
    return { message: { ...message, own: true } };
  }

  #change(event, uid, fields) {
    const message = this.conversation.change(this.conversation.find(uid), fields);
    return { message: { ...message, own: true } };
  }

  #react(uid, emoji, added) {
    const message = this.conversation.find(uid);
    const counts = new Map(message.reactions.map((reaction) => [reaction.emoji, reaction.count]));
    counts.set(emoji, (counts.get(emoji) ?? 0) + (added ? 1 : -1));
    const reactions = [...counts].filter(([, count]) => count).map(([emoji, count]) => ({ emoji, count }));
    this.conversation.change(message, { reactions });
    const own = reactions.map((reaction) => ({ ...reaction, own: added && reaction.emoji === emoji }));
    return { message: { ...message, own: false, reactions: own } };
  }

  #setStateBySelf(uid, state) {
    const conversation = this.#byUid(uid);
    conversation.state = state;
    conversation.revision += 1;
    return { connection: conversation.head };
  }
}

export function quoteOf({ uid, seq, author, content, deleted_at }) {
  return { uid, seq, name: author.name, role: author.role, content, deleted: Boolean(deleted_at) };
}

function log(frame) {
  if (process.env.FRAMES) appendFileSync(process.env.FRAMES, `${JSON.stringify(frame)}\n`);
}
