// One connection as this page knows it: its messages, its state, who reads and writes in it.

import { logFailure } from "../../wire/errors.js";
import { Observable } from "../observable.js";
import { ReadReceipts } from "../unread/read_receipts.js";
import { ReadState } from "../unread/read_state.js";
import { Reactions } from "./reactions.js";
import { Sync } from "./sync.js";
import { Timeline } from "./timeline.js";
import { TypingAuthors } from "./typing.js";

const STATE_EVENTS = new Set(["connection.opened", "connection.closed", "connection.reopened"]);

export class Conversation extends Observable {
  timeline = new Timeline();
  readState = new ReadState();
  typing = new TypingAuthors();
  me = null; // the id of the visitor's participant
  loading = null; // promise: messages from before the page came are still being loaded
  #stateRevision; // the revision that its state is from
  #receipts;

  constructor(connection, socket) {
    super();
    this.uid = connection.uid;
    this.isRoom = connection.kind === "room";
    this.socket = socket;
    this.sync = new Sync(connection.revision, {
      request: (since) => socket.command("connection.sync", { connection: this.uid, since }),
      apply: (reply) => this.#synced(reply),
    });
    this.reactions = new Reactions(async (command, payload) => {
      const { message } = await socket.command(command, payload);
      this.apply([message]);
    });
    this.#receipts = new ReadReceipts({ isRoom: this.isRoom, send: () => this.#sendReceipt() });
    for (const part of [this.typing, this.reactions]) part.onChange(() => this.changed());
    this.#setState(connection);
  }

  /** A new session says how things stand; what was missed is asked for. */
  resume(connection) {
    this.#setState(connection);
    if (this.readState.start(connection.read_seq)) this.#receipts.schedule();
    if (connection.revision !== this.sync.head) {
      this.sync.compare(connection.revision);
      this.sync.run();
    }
    this.changed();
  }

  addPage(messages, hasOlder) {
    this.#learnReactions(messages);
    this.timeline.addPage(messages, hasOlder);
    this.changed();
  }

  /** Messages from the reply to a command of this page. */
  apply(messages) {
    this.#learnReactions(messages);
    this.timeline.apply(messages);
    // The reply stands for the event, which goes to all sockets but this one.
    for (const { revision } of messages) this.sync.cover(revision - 1, revision);
    this.changed();
  }

  receive({ event, since, revision, payload }) {
    if (payload.messages) this.timeline.apply(payload.messages);
    if (event === "message.posted")
      payload.messages.forEach(({ author }) => author && this.typing.remove(author.id));
    if (event === "reaction.changed" && payload.participant === this.me) this.reactions.noteOwn(payload);
    if (event === "typing.started" && payload.author.id !== this.me) this.typing.add(payload.author);
    if (event === "receipt.read") this.readState.receive(payload, payload.participant === this.me);
    if (STATE_EVENTS.has(event) && revision > this.#stateRevision) this.#setState({ ...payload.connection, revision });
    if (revision !== undefined) this.sync.cover(since, revision);
    this.changed();
  }

  /** Loads the page before the first message. */
  async loadOlder(limit = 50) {
    const before = this.timeline.firstSeq;
    const { messages, has_more } = await this.socket.command("history.page", {
      connection: this.uid,
      before,
      limit,
    });
    this.addPage(messages, has_more);
  }

  /** The visitor has seen everything up to `seq`. */
  markRead(seq) {
    if (!this.readState.advance(seq)) return;
    this.#receipts.schedule();
    this.changed();
  }

  get unread() {
    return this.readState.unread(this.timeline.messages, this.me);
  }

  end() {
    this.sync.end();
    this.#receipts.end();
    this.typing.clear();
  }

  #sendReceipt() {
    // If it is lost or refused, the next session's `read_seq` shows it and it is sent again.
    this.socket
      .command("receipt.read", { connection: this.uid, seq: this.readState.own })
      .catch((failure) => logFailure("receipt", failure));
  }

  #synced({ connection, messages, reset }) {
    this.#setState(connection);
    this.readState.start(connection.read_seq);
    this.#learnReactions(messages);
    if (reset) {
      this.timeline.reset(messages);
      this.readState.restart(Math.max(connection.read_seq, messages.at(-1)?.seq ?? 0));
    } else this.timeline.apply(messages);
    this.changed();
  }

  #learnReactions(messages) {
    for (const message of messages) this.reactions.learn(message);
  }

  #setState({ state, revision, participant }) {
    this.state = state;
    this.#stateRevision = revision;
    this.me = participant ?? this.me;
  }
}
