// One connection as this page knows it: its messages, its state, who reads and writes in it.

import { Catchup } from "./catchup.js";
import { Reactions } from "./reactions.js";
import { Reading } from "./reading.js";
import { Timeline } from "./timeline.js";
import { Typists } from "./typists.js";

const READ_IN_ROOM = 45_000; // a thousand readers of every message would be a thousand receipts each
const READ_ALONE = 2_000; // they come into view one after the other
const STATES = new Set(["connection.opened", "connection.closed", "connection.reopened"]);

export class Conversation extends EventTarget {
  timeline = new Timeline();
  reading = new Reading();
  typists = new Typists();
  #stated; // the revision that its state is from
  #telling = null;
  #told = -Infinity; // when
  filled = null; // promise: what was there before the page came is still being loaded

  constructor(connection, socket) {
    super();
    this.uid = connection.uid;
    this.kind = connection.kind;
    this.socket = socket;
    this.catchup = new Catchup(connection.revision, {
      ask: (since) => socket.command("connection.sync", { connection: this.uid, since }),
      take: (reply) => this.#synced(reply),
    });
    this.reactions = new Reactions(async (command, payload) => {
      const { message } = await socket.command(command, payload);
      this.apply([message]);
    });
    for (const part of [this.typists, this.reactions]) part.addEventListener("change", () => this.#changed());
    this.#state(connection);
  }

  /** A new session says how things stand; what was missed is asked for. */
  resume(connection) {
    this.#state(connection);
    if (this.reading.start(connection.read_seq)) this.#tellRead();
    if (connection.revision !== this.catchup.head) {
      this.catchup.stands(connection.revision);
      this.catchup.now();
    }
    this.#changed();
  }

  page(messages, older) {
    this.#learn(messages);
    this.timeline.page(messages, older);
    this.#changed();
  }

  /** Our own message, acknowledged. */
  apply(messages) {
    this.#learn(messages);
    this.timeline.apply(messages);
    // The reply stands for the event, which goes to all sockets but the one that wrote.
    for (const { revision } of messages) this.catchup.cover(revision - 1, revision);
    this.#changed();
  }

  event({ event, since, revision, payload }) {
    if (payload.messages) this.timeline.apply(payload.messages);
    if (event === "message.posted")
      payload.messages.forEach(({ author }) => author && this.typists.forget(author.id));
    if (event === "reaction.changed" && payload.participant === this.me) this.reactions.heard(payload);
    if (event === "typing.started" && payload.author.id !== this.me) this.typists.note(payload.author);
    if (event === "receipt.read") this.reading.receipt(payload, payload.participant === this.me);
    if (STATES.has(event) && revision > this.#stated) this.#state({ ...payload.connection, revision });
    if (revision !== undefined) this.catchup.cover(since, revision);
    this.#changed();
  }

  async older(limit = 50) {
    const before = this.timeline.first;
    const { messages, has_more } = await this.socket.command("history.page", {
      connection: this.uid,
      before,
      limit,
    });
    this.page(messages, has_more);
  }

  read(seq) {
    if (!this.reading.advance(seq)) return;
    this.#tellRead();
    this.#changed();
  }

  end() {
    this.catchup.end();
    if (this.#telling && this.kind !== "room") this.#tellReadNow();
    clearTimeout(this.#telling);
    this.typists.clear();
  }

  #tellRead() {
    const since = performance.now() - this.#told;
    const wait = this.kind === "room" ? READ_IN_ROOM * (0.5 + Math.random()) : READ_ALONE - since;
    if (wait <= 0) this.#tellReadNow();
    else this.#telling ??= setTimeout(() => this.#tellReadNow(), wait);
  }

  #tellReadNow() {
    clearTimeout(this.#telling);
    this.#telling = null;
    this.#told = performance.now();
    const receipt = { connection: this.uid, seq: this.reading.mine };
    // If it is lost or refused, the next session's read_seq shows it and it is told again.
    this.socket
      .command("receipt.read", receipt)
      .catch((failure) => console.debug("receipt:", failure.message));
  }

  #synced({ connection, messages, reset }) {
    this.#state(connection);
    this.reading.start(connection.read_seq);
    this.#learn(messages);
    if (reset) {
      this.timeline.reset(messages);
      this.reading.restart(Math.max(connection.read_seq, messages.at(-1)?.seq ?? 0));
    } else this.timeline.apply(messages);
    this.#changed();
  }

  #learn(messages) {
    for (const message of messages) this.reactions.learn(message);
  }

  #state({ state, revision, participant }) {
    this.state = state;
    this.#stated = revision;
    this.me = participant ?? this.me;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
