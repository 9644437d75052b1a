// The conversation on the screen: rows, scrolling, older messages, what is new, who is writing.

import { rowsOf } from "../model/rows.js";
import { texts } from "../texts.js";
import { say } from "./header.js";
import { part, template } from "./page.js";
import { Rows } from "./rows.js";
import { Scroll } from "./scroll.js";

export class ConversationView {
  #loading = false;
  #newAfter = null; // the line “New” stands behind this seq
  #marked = null; // the conversation that it stands in
  #rows = new Rows(part("rows"), template);
  #newer = part("newer");
  #older = part("older");

  constructor(chat, { rewrite }) {
    this.chat = chat;
    this.rewrite = rewrite;
    this.scroll = new Scroll(part("scroller"), part("content"), () => this.#moved());
    this.#older.addEventListener("click", () => this.#load());
    this.#newer.addEventListener("click", () => this.toBottom());
    part("rows").addEventListener("click", ({ target }) => this.#remedy(target));
    document.addEventListener("visibilitychange", () => this.#moved());
  }

  get unread() {
    const { conversation } = this.chat;
    return conversation ? conversation.reading.unread(conversation.timeline.messages, this.chat.me) : [];
  }

  show() {
    const { conversation, outbox, socket, me } = this.chat;
    const messages = conversation?.timeline.messages ?? [];
    this.#mark();
    const rows = rowsOf({
      messages,
      pending: outbox.entries.filter(({ client_id }) => !conversation?.timeline.has(client_id, me)),
      me,
      readUpTo: conversation?.reading.othersUpTo(messages) ?? 0,
      newAfter: this.#newAfter,
      connected: socket.state === "ready" && navigator.onLine,
    });
    this.scroll.hold(() => {
      this.#rows.show(rows);
      this.#older.hidden = !conversation?.timeline.older;
    });
    this.#typing(conversation);
    this.#moved();
  }

  toBottom() {
    this.scroll.toBottom();
    this.#moved();
  }

  /** His own words end “New”: he has seen what is above them. */
  sent() {
    this.#newAfter = null;
    this.toBottom();
  }

  /** Where the line “New” stands: before what came while nobody looked, a reload or a night ago too. */
  #mark() {
    const { conversation } = this.chat;
    const [first] = this.unread;
    const opened = conversation !== this.#marked;
    const passed = this.#newAfter === null || this.#newAfter < conversation?.reading.mine;
    this.#marked = conversation;
    if (opened) this.#newAfter = null;
    if (first && (opened || (passed && !this.#reads()))) this.#newAfter = first.seq - 1;
  }

  #reads() {
    return !document.hidden && this.scroll.atBottom;
  }

  #moved() {
    const unread = this.unread;
    if (unread.length && this.#reads()) this.chat.conversation.read(unread.at(-1).seq);
    this.#newer.hidden = this.scroll.atBottom;
    say(part("newer-text"), texts.newer(unread.length));
    if (this.chat.conversation?.timeline.older && this.scroll.nearTop) this.#load();
  }

  async #load() {
    if (this.#loading || this.chat.socket.state !== "ready") return;
    this.#loading = true;
    part("log").ariaBusy = "true"; // or a screen reader would read the past aloud
    try {
      await this.chat.conversation.older();
    } catch (failure) {
      console.debug("older messages:", failure.message || failure.name);
    } finally {
      // Not before the page is on the screen: until then the reader still seems to be at the top.
      requestAnimationFrame(() => {
        this.#loading = false;
        part("log").ariaBusy = "false";
      });
    }
  }

  #typing(conversation) {
    const names = [...(conversation?.typists.names.values() ?? [])];
    say(part("typing-text"), names.length ? texts.typing(names) : "");
    part("dots").hidden = !names.length;
  }

  #remedy(target) {
    const row = this.#rows.rowOf(target);
    if (target.matches("[data-discard]")) this.chat.outbox.remove(row.clientId);
    else if (target.matches("[data-again]")) {
      if (row.clientId) this.chat.outbox.retry(row.clientId);
      else this.rewrite(row.content);
    }
  }
}
