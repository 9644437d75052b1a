// The conversation on the screen: rows, scrolling, older messages, what is new, who is writing.

import { rowsOf } from "../model/rows.js";
import { texts } from "../texts.js";
import { say } from "./header.js";
import { part, template } from "./page.js";
import { Rows } from "./rows.js";
import { Scroll } from "./scroll.js";
import { Tools } from "./tools.js";

export class ConversationView {
  #loading = null; // promise
  #timer;
  #newAfter = null; // the line “New” stands behind this seq
  #marked = null; // the conversation that it stands in
  #rows = new Rows(part("rows"), template);
  #newer = part("newer");
  #older = part("older");

  /** `rewrite(content)` puts words into the composer, `leave` puts the focus there; `frame.shown`: somebody may look. */
  constructor(chat, { rewrite, leave, frame }) {
    this.chat = chat;
    this.frame = frame;
    this.rewrite = rewrite;
    this.scroll = new Scroll(part("scroller"), part("content"), () => this.#moved());
    this.#older.addEventListener("click", () => this.#load());
    this.#newer.addEventListener("click", () => this.toBottom());
    this.tools = new Tools(part("rows"), { rowOf: (element) => this.#rows.rowOf(element), leave });
    part("rows").addEventListener("click", ({ target }) => this.#remedy(target));
    document.addEventListener("visibilitychange", () => this.#moved());
  }

  get unread() {
    const { conversation } = this.chat;
    return conversation ? conversation.reading.unread(conversation.timeline.messages, this.chat.me) : [];
  }

  show() {
    const { conversation, outbox, checking, changes, socket, inbox, me } = this.chat;
    const messages = conversation?.timeline.messages ?? [];
    this.#mark();
    const rows = rowsOf({
      messages,
      notices: this.chat.room?.notices.map(told),
      reactions: (message) => conversation.reactions.of(message),
      pending: outbox.entries.filter(
        ({ client_id, connection }) =>
          !conversation?.timeline.has(client_id, me) &&
          // In an earlier conversation only what is said there; at home all of it, so that nothing is hidden.
          (!this.chat.visiting || connection === conversation.uid),
      ),
      checking,
      me,
      // In a room one who answers has not read for the others.
      readUpTo: this.chat.room ? 0 : (conversation?.reading.othersUpTo(messages) ?? 0),
      newAfter: this.#newAfter,
      changes: changes.byMessage,
      connected: socket.state === "ready" && navigator.onLine,
      open: conversation?.state === "open",
      editable: (inbox?.edit_window ?? 0) * 1000,
      now: Date.now(),
    });
    this.#showAgainWhenTimeIsUp(rows);
    this.scroll.hold(() => {
      this.#rows.show(rows);
      this.tools.show();
      this.#older.hidden = !conversation?.timeline.older;
    });
    this.#typing(conversation);
    this.#moved();
  }

  /** The visitor's latest message that he may still change. */
  get lastEditable() {
    return this.#rows.all.findLast((row) => row.tools?.includes("edit"));
  }

  /** To a message, which may lie further back than what was loaded. */
  async jump({ uid, seq }) {
    const { conversation } = this.chat;
    while (conversation.timeline.older && conversation.timeline.first > seq)
      if (!(await this.#load(100))) return;
    const element = this.#rows.elementOf(uid);
    if (!element) return;
    this.scroll.to(element);
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.classList.add("found");
    setTimeout(() => element.classList.remove("found"), 2_000);
  }

  react({ uid }, emoji) {
    const { conversation } = this.chat;
    const message = conversation.timeline.get(uid);
    if (message) conversation.reactions.toggle(message, emoji);
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
    if (opened) this.#arrive();
    if (first && (opened || (passed && !this.#reads()))) this.#newAfter = first.seq - 1;
  }

  /** Another conversation: from its end, and not read aloud as if all of it came in just now. */
  #arrive() {
    this.scroll.atBottom = true;
    part("log").ariaBusy = "true";
    requestAnimationFrame(() => (part("log").ariaBusy = "false"));
  }

  #reads() {
    return !document.hidden && this.frame.shown && this.scroll.atBottom;
  }

  #moved() {
    const unread = this.unread;
    if (unread.length && this.#reads()) this.chat.conversation.read(unread.at(-1).seq);
    this.#newer.hidden = this.scroll.atBottom;
    say(part("newer-text"), texts.newer(unread.length));
    if (this.chat.conversation?.timeline.older && this.scroll.nearTop) this.#load();
  }

  /** The messages before the first one; false where they did not come. */
  #load(limit) {
    if (this.chat.socket.state !== "ready") return false;
    this.#loading ??= this.#loadNow(limit);
    return this.#loading;
  }

  async #loadNow(limit) {
    part("log").ariaBusy = "true"; // or a screen reader would read the past aloud
    try {
      await this.chat.conversation.older(limit);
      return true;
    } catch (failure) {
      console.debug("older messages:", failure.message || failure.name);
      return false;
    } finally {
      // Not before the page is on the screen: until then the reader still seems to be at the top.
      await new Promise(requestAnimationFrame);
      this.#loading = null;
      part("log").ariaBusy = "false";
    }
  }

  /** Buttons go when what they do would be refused. */
  #showAgainWhenTimeIsUp(rows) {
    clearTimeout(this.#timer);
    const until = rows.filter((row) => row.tools?.includes("delete")).map((row) => row.at.getTime());
    if (!until.length) return;
    const left = Math.min(...until) + this.chat.inbox.edit_window * 1000 - Date.now();
    this.#timer = setTimeout(() => this.show(), Math.min(left + 50, 2 ** 31 - 1));
  }

  #typing(conversation) {
    const names = [...(conversation?.typists.names.values() ?? [])];
    say(part("typing-text"), names.length ? texts.typing(names) : "");
    part("dots").hidden = !names.length;
  }

  #remedy(target) {
    const row = this.#rows.rowOf(target);
    const waiting = row?.change ? this.chat.changes : this.chat.outbox;
    const name = row?.change ? row.uid : row?.clientId;
    if (target.matches("[data-discard]")) waiting.remove(name);
    else if (target.matches("[data-again]")) {
      if (!name) this.chat.changes.again(row.uid);
      else waiting.retry(name, row.error === "reply_gone" ? { quote: undefined } : {});
    } else if (target.matches("[data-rewrite]")) this.rewrite(row.content);
    else if (target.closest("[data-quote]")) this.jump(row.quote);
    else if (target.closest("[data-emoji]")) this.react(row, target.closest("[data-emoji]").dataset.emoji);
  }
}

/** A notice with its sentence, by which a row knows that it changed. */
function told({ kind, key, after, at, came, left, renamed, more }) {
  const content = texts.happened({
    came: [...came.values()],
    more,
    left: [...left.values()],
    renamed: [...renamed.values()],
  });
  return { kind, key, after, at, content };
}
