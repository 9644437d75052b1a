// The whole chat without its looks: the session, the conversation it shows, and what waits to be sent.
//
// Dispatches "change" whenever something that can be seen changed, and "refused" with why a reaction was not taken.

import { CommandFailed } from "../wire/failures.2787d8e080bc.js";
import { Changes } from "./changes.571fa7e7d19c.js";
import { clock } from "./clock.ffcf845a7f9e.js";
import { Conversation } from "./conversation.ba9763086b75.js";
import { Earlier } from "./earlier.f48142e9e208.js";
import { below, goOn } from "./late.02db3100478f.js";
import { Outbox } from "./outbox.a85dd34e5fae.js";

const TYPING_EVERY = 5_000;
// Events of other names are other apps': they are for the site's own scripts.
const BEGUN = new Set(["connection.opened", "connection.reopened"]);
const OURS = new Set(["connection", "message", "participant", "presence", "reaction", "receipt", "typing"]);

export class Chat extends EventTarget {
  conversation = null;
  inbox = null;
  contact = null; // what is known of the visitor himself
  nick = "";
  staffOnline = null; // null: not known yet
  checking = false; // this browser solves the server's challenge
  #proof = null; // what it found
  #current = null; // the conversation that goes on: { uid, open }, the open one or else the last
  #visitor = null;
  #heard = new Map(); // connection uid -> the latest revision an event or a pong spoke of
  #adopting = new Map(); // connection uid -> promise
  #typed = 0;

  /**
   * `kept` and `keptChanges`: where messages and changes of messages wait over a reload. `room`: the one room that is
   * shown in place of the visitor's own conversation. `prove(challenge)` resolves with its solution. `limit`: characters of
   * a message.
   */
  constructor(socket, kept, keptChanges, { limit, room = null, prove = null }) {
    super();
    this.limit = limit;
    this.socket = socket;
    this.prove = prove;
    this.room = room;
    room?.addEventListener("change", () => this.#changed());
    this.earlier = room ? null : new Earlier(socket);
    this.earlier?.addEventListener("change", () => this.#changed());
    this.outbox = new Outbox(kept, (entry) => this.#send(entry));
    this.changes = new Changes(keptChanges, (entry) => this.#change(entry));
    for (const waiting of [this.outbox, this.changes])
      waiting.addEventListener("change", () => this.#changed());
    socket.addEventListener("state", () => this.#changed());
    socket.addEventListener("session", ({ detail }) => this.#started(detail));
    socket.addEventListener("event", ({ detail }) => this.#event(detail));
  }

  get me() {
    return this.conversation?.me ?? null;
  }

  /** Whether an earlier conversation is on the screen, and not the one that goes on. */
  get visiting() {
    return Boolean(!this.room && this.conversation && this.conversation.uid !== this.#current?.uid);
  }

  /** Whether there is an open one elsewhere, to which goes what is written here. */
  get elsewhere() {
    return this.visiting && Boolean(this.#current?.open);
  }

  /** Shows one of the visitor's conversations. Resolves to whether it is on the screen. */
  async visit(uid) {
    if (uid !== this.conversation?.uid) {
      try {
        await this.#fetch(uid, { ended: true });
      } catch (failure) {
        console.debug("conversation:", failure.message || failure.name);
        return false;
      }
    }
    this.#changed();
    return true;
  }

  /** Back to the conversation that goes on. */
  async home() {
    if (this.#current) await this.visit(this.#current.uid);
  }

  /**
   * What the visitor says. In an earlier conversation it opens that again; where a newer one is open it goes there,
   * below what it answers.
   */
  say({ content, quote, attachments }) {
    const entry = { content, ...(attachments?.length && { attachments }) };
    if (this.elsewhere) {
      const { messages } = this.conversation.timeline;
      const answered = quote ?? messages.findLast(({ author, deleted_at }) => author?.role === "staff" && !deleted_at);
      this.outbox.add({ ...entry, content: below(answered, content, this.limit) });
      this.home();
    } else this.outbox.add({ ...entry, ...(quote && { quote }), ...(this.visiting && { connection: this.conversation.uid }) });
  }

  /** How far the visitor's conversations are, the newest first, as a pong says. */
  pong({ heads, time }, asked) {
    if (clock.set(time, asked)) this.#changed();
    for (const [at, [uid, revision]] of Object.entries(heads).entries()) {
      if (this.room && uid !== this.conversation?.uid) continue;
      const heard = this.#heard.get(uid);
      const news = heard === undefined ? at === 0 : revision > heard;
      this.#heard.set(uid, revision); // fewer than before, where the database is an older one
      if (uid === this.conversation?.uid) this.conversation.catchup.stands(revision);
      if (news) this.#notice(uid, { away: this.visiting, begun: heard === undefined });
    }
  }

  typing() {
    if (!this.conversation || this.socket.state !== "ready" || Date.now() - this.#typed < TYPING_EVERY)
      return;
    this.#typed = Date.now();
    this.socket
      .command("typing.start", { connection: this.conversation.uid })
      .catch((failure) => console.debug("typing:", failure.message));
  }

  async end() {
    const { connection } = await this.socket.command("connection.close", {
      connection: this.conversation.uid,
    });
    this.conversation.resume(connection);
  }

  /** Where he gets answers that he misses; empty: nowhere. */
  async leaveAddress(email) {
    const { contact } = await this.socket.command("contact.set", { email });
    this.contact = contact;
    this.#changed();
  }

  #started({ visitor, connection, messages, has_more, earlier, nick, contact, staff_online, inbox, time, asked }) {
    clock.set(time, asked);
    const stays = this.visiting && visitor === this.#visitor && connection?.uid !== this.conversation.uid;
    this.#visitor = visitor;
    this.nick = nick;
    this.inbox = inbox;
    this.contact = contact;
    this.staffOnline = staff_online;
    if (this.room) return this.#enter();
    this.#current = connection && { uid: connection.uid, open: connection.state === "open" };
    this.earlier.begin(earlier);
    if (stays) this.conversation.catchup.now();
    else return this.#resume(connection, messages, has_more);
    this.#flush();
  }

  async #enter() {
    try {
      const { connection, messages, has_more } = await this.room.join();
      this.#resume(connection, messages, has_more);
    } catch (failure) {
      // Lost: the next session joins again.
      if (failure instanceof CommandFailed) this.socket.refused(failure);
    }
  }

  #resume(connection, messages, has_more) {
    if (!connection) this.#show(null);
    else if (connection.uid === this.conversation?.uid) this.conversation.resume(connection);
    else this.#show(connection).page(messages, has_more);
    this.#flush();
  }

  #flush() {
    this.#changed();
    this.outbox.flush();
    this.changes.flush();
  }

  #event(frame) {
    if (!OURS.has(frame.event.split(".", 1)[0])) return;
    if (frame.event === "presence.changed") this.staffOnline = frame.payload.staff_online;
    else if (frame.event.startsWith("participant.")) this.#participants(frame);
    else {
      const away = this.visiting;
      if (!this.room) this.#turn(frame);
      if (frame.connection === this.conversation?.uid) this.conversation.event(frame);
      else if (this.room) this.#hear(frame.connection, frame.revision ?? 0);
      else this.#elsewhere(frame, away);
    }
    this.#changed();
  }

  /** What an event says of which conversation goes on. */
  #turn({ event, connection }) {
    if (BEGUN.has(event)) this.#current = { uid: connection, open: true };
    else if (event === "connection.closed" && connection === this.#current?.uid) this.#current.open = false;
    if (event === "connection.closed") this.earlier.news();
  }

  #elsewhere({ event, connection, revision }, away) {
    if (revision === undefined) {
      if (event === "receipt.read") this.earlier.news(); // read in another tab
      return;
    }
    const news = !this.#heard.has(connection) || event === "connection.reopened";
    this.#hear(connection, revision);
    if (news) this.#notice(connection, { away, begun: BEGUN.has(event) });
    else this.earlier.news();
  }

  #participants(frame) {
    const timeline = this.conversation?.uid === frame.connection ? this.conversation.timeline : null;
    if (frame.event === "participant.renamed") timeline?.rename(frame.payload.participant);
    this.room?.event(frame, timeline?.messages.at(-1)?.seq);
  }

  #hear(uid, revision) {
    this.#heard.set(uid, Math.max(revision, this.#heard.get(uid) ?? 0));
    if (uid === this.conversation?.uid) this.conversation.catchup.expect(revision);
  }

  /** A conversation that is not on the screen was opened, perhaps: then it takes the place of the one that is. */
  #notice(uid, { away, begun }) {
    if (uid === this.conversation?.uid) return;
    if (away || !begun) this.earlier?.news(); // one that takes its place is in no list of others
    if (away) return; // they read something else, and go there when they like
    this.#adopt(uid).catch((failure) => console.debug("new conversation:", failure.message));
  }

  async #send({ client_id, content, quote, attachments, connection }) {
    // Without a connection: the server looks among our own messages first, then opens one where none is open.
    const payload = { client_id, content, ...(quote && { reply_to: quote.uid }) };
    if (attachments) payload.attachments = attachments.map(({ uid }) => uid);
    if (this.room) payload.connection = this.room.info.uid;
    const { message } = connection
      ? await goOn((said) => this.#proven(said), { ...payload, connection }, this.socket)
      : await this.#proven(payload);
    this.#typed = 0;
    if (!this.room) this.#current = { uid: message.connection, open: true };
    if (message.connection !== this.conversation?.uid) await this.#adopt(message.connection);
    if (message.connection === this.conversation?.uid) this.conversation.apply([message]);
  }

  /** A solution is kept until it was used: a limit may come after it. Where it counts no more, the outbox tries again. */
  async #proven(payload) {
    const send = () =>
      this.socket.command("message.send", { ...payload, ...(this.#proof && { proof: this.#proof }) });
    let reply;
    try {
      reply = await send();
    } catch (failure) {
      if (failure.code !== "proof_required") throw failure;
      await this.#check(failure.details);
      reply = await send();
    }
    this.#proof = null;
    return reply;
  }

  async #check(challenge) {
    this.checking = true;
    this.#changed();
    try {
      this.#proof = await this.prove(challenge);
    } finally {
      this.checking = false;
      this.#changed();
    }
  }

  async #change({ client_id: uid, kind, content }) {
    const payload = { message: uid, ...(kind === "edit" && { content }) };
    try {
      const { message } = await this.socket.command(`message.${kind}`, payload);
      if (message.connection === this.conversation?.uid) this.conversation.apply([message]);
    } catch (failure) {
      // It is gone already: its tombstone says so, nobody needs to be asked what to do.
      if (!(failure instanceof CommandFailed && failure.code === "not_found")) throw failure;
    }
  }

  #adopt(uid) {
    if (!this.#adopting.has(uid)) {
      const done = this.#fetch(uid).finally(() => this.#adopting.delete(uid));
      this.#adopting.set(uid, done);
    }
    return this.#adopting.get(uid);
  }

  async #fetch(uid, { ended = false } = {}) {
    const first = await this.socket.command("connection.sync", { connection: uid, since: 0 });
    // An old conversation that ended is no reason to leave the present one.
    if (!ended && this.conversation && first.connection.state !== "open") return;
    if (first.connection.state === "open") this.#current = { uid, open: true };
    const conversation = this.#show({ ...first.connection, revision: first.revision });
    if (first.reset) conversation.timeline.reset(first.messages);
    conversation.page(first.messages, conversation.timeline.older);
    conversation.catchup.expect(first.connection.revision);
    if (first.has_more && !first.reset) await (conversation.filled = conversation.catchup.now());
  }

  #show(connection) {
    this.conversation?.end();
    this.conversation = connection && new Conversation(connection, this.socket);
    this.earlier?.show(connection?.uid ?? null);
    if (!connection) return null;
    this.conversation.reading.start(connection.read_seq);
    this.conversation.addEventListener("change", () => this.#changed());
    this.conversation.reactions.addEventListener("refused", ({ detail }) =>
      this.dispatchEvent(new CustomEvent("refused", { detail })),
    );
    this.conversation.catchup.expect(this.#heard.get(connection.uid) ?? 0);
    this.#heard.set(connection.uid, connection.revision);
    return this.conversation;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
