// The conversation on the screen: rows, scrolling, older messages, what is new, who is writing.

import { clock } from "../model/clock.ffcf845a7f9e.js";
import { News } from "../model/news.0de9576ceb61.js";
import { rowsOf } from "../model/rows.57d4ab89fe1b.js";
import { Stretch } from "../model/stretch.ce5a093c03fa.js";
import { texts } from "../texts.c1b04b393278.js";
import { say } from "./header.55388f40d2a1.js";
import { part, template } from "./page.5f80d0f75418.js";
import { Rows } from "./rows.11e501adc0eb.js";
import { Scroll } from "./scroll.19fd967052e4.js";
import { Tools } from "./tools.97a253be466b.js";

const FURTHEST = 3; // pages of a hundred back to the first message that was not read
const QUIET = 150; // milliseconds for which a screen reader is not to read what came

export class ConversationView {
  #loading = null; // promise
  #timer;
  #quiet;
  #news = new News();
  #stretch = new Stretch();
  #shown = null; // the conversation
  #entering = false; // the reader is about to be put where they begin
  #from = 0; // up to where they have read when the line “New” was drawn
  #gathering = false; // what they missed is still being loaded
  #rows = new Rows(part("rows"), template);
  #newer = part("newer");
  #older = part("older");

  /** `rewrite(content)` puts words into the composer, `leave` puts the focus there; `frame.shown`: somebody may look. */
  constructor(chat, { rewrite, leave, frame }) {
    this.chat = chat;
    this.frame = frame;
    this.rewrite = rewrite;
    this.scroll = new Scroll(part("scroller"), part("content"), () => {
      this.#reach();
      this.#moved();
    });
    this.#older.addEventListener("click", () => this.#further());
    this.#newer.addEventListener("click", () => this.toBottom());
    this.tools = new Tools(part("rows"), { rowOf: (element) => this.#rows.rowOf(element), leave });
    part("rows").addEventListener("click", ({ target }) => this.#remedy(target));
    document.addEventListener("visibilitychange", () => this.#moved());
  }

  get unread() {
    const { conversation } = this.chat;
    return conversation ? conversation.reading.unread(conversation.timeline.messages, this.chat.me) : [];
  }

  get #messages() {
    return this.chat.conversation?.timeline.messages ?? [];
  }

  get #here() {
    return this.#stretch.of(this.#messages);
  }

  show() {
    const { conversation } = this.chat;
    if (conversation !== this.#shown) this.#enter(conversation);
    this.#mark();
    if (this.scroll.atBottom) this.#stretch.toEnd(this.#messages);
    const here = this.#here;
    const rows = this.#rowsOf(here);
    this.#showAgainWhenTimeIsUp(rows);
    if (this.#rows.bringPast(rows)) this.#quietly();
    const focused = part("rows").contains(document.activeElement);
    this.scroll.whole = here.end;
    this.scroll.hold(() => {
      this.#rows.show(rows);
      this.tools.show();
      this.#older.hidden = here.start && !conversation?.timeline.older;
    });
    if (focused && document.activeElement === document.body) part("scroller").focus({ preventScroll: true });
    this.#begin();
    this.#typing(conversation);
    this.#moved();
    if (here.start && this.scroll.nearTop) this.#loadOlder();
  }

  #rowsOf({ messages, start, end }) {
    const { conversation, checking, changes, socket, inbox, me } = this.chat;
    const all = this.#messages;
    const { after } = this.#news;
    const from = start ? 0 : messages[0].seq;
    const to = end ? Infinity : messages.at(-1).seq;
    return rowsOf({
      messages,
      end,
      notices: this.chat.room?.notices.filter((each) => each.after >= from && each.after < to).map(told),
      reactions: (message) => conversation.reactions.of(message),
      pending: end ? this.#pending() : [],
      checking,
      me,
      // In a room one who answers has not read for the others.
      readUpTo: this.chat.room ? 0 : (conversation?.reading.othersUpTo(all) ?? 0),
      newAfter: after !== null && from <= after + 1 ? after : null,
      news: conversation ? this.#news.count({ reading: conversation.reading, messages: all, me }) : 0,
      further: this.#misses(conversation),
      changes: changes.byMessage,
      connected: socket.state === "ready" && navigator.onLine,
      open: conversation?.state === "open",
      editable: (inbox?.edit_window ?? 0) * 1000,
      now: clock.now(),
    });
  }

  #pending() {
    const { conversation, outbox, me } = this.chat;
    return outbox.entries.filter(
      ({ client_id, connection }) =>
        !conversation?.timeline.has(client_id, me) &&
        // In an earlier conversation only what is said there; at home all of it, so that nothing is hidden.
        (!this.chat.visiting || connection === conversation.uid),
    );
  }

  /** The visitor's latest message that he may still change. */
  get lastEditable() {
    if (!this.#here.end) this.toBottom();
    return this.#rows.all.findLast((row) => row.tools?.includes("edit"));
  }

  /** To a message, which may lie further back than what was loaded. */
  async jump({ uid, seq }) {
    const { conversation } = this.chat;
    while (conversation.timeline.older && conversation.timeline.first > seq)
      if (!(await this.#load(100))) return;
    if (!this.#rows.elementOf(uid)) this.#turn(() => this.#stretch.around(this.#messages, seq));
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
    if (!this.#here.end) this.#turn(() => this.#stretch.toEnd(this.#messages));
    this.scroll.toBottom();
    this.#moved();
  }

  /** His own words end “New”: he has seen what is above them. */
  sent() {
    this.#news.end();
    this.toBottom();
  }

  /** Another conversation: at its end, or where they stopped reading it. */
  #enter(conversation) {
    this.#shown = conversation;
    this.#entering = true;
    this.#gathering = false;
    this.#from = conversation?.reading.mine ?? 0;
    this.#news.end();
    this.#stretch.forget();
    this.scroll.toBottom();
    this.#quietly();
    if (conversation?.filled || this.#misses(conversation)) this.#gather(conversation);
  }

  /** Loads what they missed before they are put where that begins. */
  async #gather(conversation) {
    this.#gathering = true;
    await conversation.filled;
    const here = () => conversation === this.chat.conversation;
    for (let page = 0; page < FURTHEST && here() && this.#misses(conversation); page++)
      if (!(await this.#load(100))) break;
    if (!here()) return;
    this.#gathering = false;
    this.show();
  }

  /** Whether they missed messages that lie before the first loaded one. In a room nobody missed what was before them. */
  #misses(conversation) {
    if (!conversation?.timeline.older || this.#isNew(conversation)) return false;
    return conversation.timeline.first > this.#from + 1;
  }

  #isNew({ kind, reading }) {
    return kind === "room" && reading.mine === 0;
  }

  #mark() {
    const { conversation, me } = this.chat;
    if (!conversation || this.#gathering || this.#isNew(conversation)) return;
    const { reading } = conversation;
    const looks = !this.#entering && this.#looks && this.scroll.atBottom;
    const marked = this.#news.mark({ reading, messages: this.#messages, me, looks });
    if (marked) this.#from = Math.min(reading.mine, this.#news.after);
    // Nobody looked: who comes back begins at what they missed, too.
    if (marked && !this.#looks && this.scroll.atBottom) this.#entering = true;
    if (this.#entering && this.#news.after !== null) {
      this.scroll.atBottom = false;
      this.#stretch.around(this.#messages, this.#news.after + 1);
    }
  }

  /** Puts the reader at the first message that they missed. */
  #begin() {
    if (!this.#entering || this.#gathering || !this.#shown) return;
    this.#entering = false;
    const line = part("rows").querySelector(".row.unread");
    if (line) this.scroll.begin(line);
    else this.scroll.toBottom();
  }

  get #looks() {
    return !document.hidden && this.frame.shown;
  }

  /** What came into view is read. */
  #moved() {
    const { unread } = this;
    if (unread.length && this.#looks && !this.#entering) {
      const seq = this.scroll.atBottom ? Infinity : this.#seen();
      const last = unread.findLast((message) => message.seq <= seq);
      if (last) this.chat.conversation.read(last.seq);
    }
    if (this.#looks && !this.#entering && this.scroll.atBottom) this.scroll.release();
    this.#newer.hidden = this.scroll.atBottom;
    say(part("newer-text"), texts.newer(this.unread.length));
  }

  #seen() {
    const seen = this.#rows.all.slice(0, this.scroll.seen(this.#rows.elements));
    return seen.findLast(({ seq }) => seq)?.seq ?? 0;
  }

  /** Near either end of what is on the page more comes onto it. */
  #reach() {
    const { start, end } = this.#here;
    if (this.scroll.nearTop) {
      if (start) this.#loadOlder();
      else this.#turn(() => this.#stretch.up(this.#messages));
    } else if (!end && this.scroll.nearEnd) this.#turn(() => this.#stretch.down(this.#messages));
  }

  #further() {
    if (this.#here.start) this.#load();
    else this.#turn(() => this.#stretch.up(this.#messages));
  }

  /** Other messages onto the page, which are no news. */
  #turn(move) {
    this.#quietly();
    this.scroll.atBottom = false;
    move();
    this.show();
  }

  /** A screen reader must not read the past aloud. */
  #quietly() {
    clearTimeout(this.#quiet);
    part("log").ariaBusy = "true";
    this.#quiet = setTimeout(() => (part("log").ariaBusy = "false"), QUIET);
  }

  #loadOlder() {
    if (this.chat.conversation?.timeline.older && !this.#gathering) this.#load();
  }

  /** The messages before the first one; false where they did not come. */
  #load(limit) {
    if (this.chat.socket.state !== "ready") return false;
    this.#loading ??= this.#loadNow(limit);
    return this.#loading;
  }

  async #loadNow(limit) {
    try {
      await this.chat.conversation.older(limit);
      if (!this.#gathering) this.#turn(() => this.#stretch.up(this.#messages));
      return true;
    } catch (failure) {
      console.debug("older messages:", failure.message || failure.name);
      return false;
    } finally {
      // Not before the page is on the screen: until then the reader still seems to be at the top.
      await new Promise(requestAnimationFrame);
      this.#loading = null;
    }
  }

  /** Buttons go when what they do would be refused. */
  #showAgainWhenTimeIsUp(rows) {
    clearTimeout(this.#timer);
    const until = rows.filter((row) => row.tools?.includes("delete")).map((row) => row.at.getTime());
    if (!until.length) return;
    const left = Math.min(...until) + this.chat.inbox.edit_window * 1000 - clock.now();
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
