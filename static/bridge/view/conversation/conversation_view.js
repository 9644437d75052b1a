// The conversation on the screen: its rows, scrolling, older messages, what is unread, who is writing.

import { clock } from "../../model/clock.js";
import { VisibleRange } from "../../model/rows/visible_range.js";
import { texts } from "../../text/texts.js";
import { Toolbars } from "../messages/toolbars.js";
import { part, setText } from "../page/elements.js";
import { showToast } from "../page/toast.js";
import { conversationRows } from "./conversation_rows.js";
import { muteLog } from "./live_log.js";
import { OlderMessages } from "./older_messages.js";
import { RowList } from "./row_list.js";
import { NEAR, ScrollPosition } from "./scroll_position.js";
import { UnreadPosition } from "./unread_position.js";

const PAGE = 100; // messages, on the way back to one that is looked for
const HIGHLIGHT = 2_000; // milliseconds
const MAX_TIMEOUT = 2 ** 31 - 1;

export class ConversationView {
  #shown = null; // the conversation
  #editTimer;
  #growTimer = null;
  #rows = new RowList();
  #scroller = part("scroller");
  #range = new VisibleRange({ height: () => this.#scroller.clientHeight + 3 * NEAR });

  /** `rewrite(content)` puts content into the composer, `leave()` moves the focus there. */
  constructor(chat, { rewrite, leave, hostPage }) {
    this.chat = chat;
    this.rewrite = rewrite;
    this.scroll = new ScrollPosition(this.#scroller, part("content"), () => {
      this.#extendIfNear();
      this.#markSeen();
    });
    this.older = new OlderMessages(chat, { onLoad: () => this.unread.isLoading || this.#extendUp() });
    const { scroll, older } = this;
    const onLoad = () => this.show();
    this.unread = new UnreadPosition(chat, { scroll, range: this.#range, older, hostPage, onLoad });
    this.toolbars = new Toolbars(this.#rows.element, { rowOf: (element) => this.#rows.rowOf(element), leave });
    part("older").addEventListener("click", () => this.#showOlder());
    part("newer").addEventListener("click", () => this.goToBottom());
    this.#rows.element.addEventListener("click", ({ target }) => this.#click(target));
    document.addEventListener("visibilitychange", () => this.#markSeen());
  }

  show() {
    const { conversation } = this.chat;
    if (conversation !== this.#shown) this.#enter(conversation);
    this.unread.update();
    if (this.scroll.atBottom) this.#range.moveToEnd(this.#messages);
    const visible = this.#visible;
    this.#render(conversationRows(this.chat, { ...visible, unreadLine: this.unread.line }), visible);
    this.unread.place();
    this.#showTyping();
    this.#markSeen();
    if (visible.atStart && this.scroll.isNearTop) this.#loadOlder();
  }

  /** The row of the visitor's latest message that they may still edit. */
  get lastEditable() {
    if (!this.#visible.atEnd) this.goToBottom();
    return this.#rows.all.findLast((row) => row.tools?.includes("edit"));
  }

  /** To a message, which may lie further back than what was loaded. */
  async goTo({ uid, seq }) {
    const { timeline } = this.chat.conversation;
    while (timeline.hasOlder && timeline.firstSeq > seq) if (!(await this.older.load(PAGE))) return;
    if (!this.#rows.elementOf(uid)) this.#moveRange(() => this.#range.moveTo(this.#messages, seq));
    const element = this.#rows.elementOf(uid);
    if (!element) return;
    this.scroll.goTo(element);
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.classList.add("found");
    setTimeout(() => element.classList.remove("found"), HIGHLIGHT);
  }

  goToBottom() {
    if (!this.#visible.atEnd) this.#moveRange(() => this.#range.moveToEnd(this.#messages));
    this.scroll.goToBottom();
    this.#markSeen();
  }

  async react({ uid }, emoji) {
    const { timeline, reactions } = this.chat.conversation;
    const message = timeline.get(uid);
    try {
      if (message) await reactions.toggle(message, emoji);
    } catch ({ code }) {
      showToast(texts.reactionRefused[code] ?? texts.reactionRefusedOther);
    }
  }

  /** The visitor sent a message. */
  sent() {
    this.unread.removeLine();
    this.goToBottom();
  }

  get #messages() {
    return this.chat.conversation?.timeline.messages ?? [];
  }

  get #visible() {
    return this.#range.of(this.#messages);
  }

  #enter(conversation) {
    this.#shown = conversation;
    this.#range.reset();
    this.scroll.goToBottom();
    muteLog();
    this.unread.enter(conversation);
  }

  #render(rows, { atStart, atEnd }) {
    this.#showAgainAfterEditWindow(rows);
    if (this.#rows.addsAbove(rows)) muteLog();
    const hadFocus = this.#rows.element.contains(document.activeElement);
    this.scroll.reachesEnd = atEnd;
    this.scroll.hold(() => {
      this.#rows.show(rows);
      this.toolbars.show();
      part("older").hidden = atStart && !this.older.exist;
    });
    if (hadFocus && document.activeElement === document.body) this.#scroller.focus({ preventScroll: true });
  }

  /** The buttons go once the server would refuse what they do. */
  #showAgainAfterEditWindow(rows) {
    clearTimeout(this.#editTimer);
    const times = rows.filter((row) => row.tools?.includes("delete")).map((row) => row.at.getTime());
    if (!times.length) return;
    const remaining = Math.min(...times) + this.chat.inbox.edit_window * 1000 - clock.now();
    this.#editTimer = setTimeout(() => this.show(), Math.min(remaining + 50, MAX_TIMEOUT));
  }

  #showTyping() {
    const names = this.chat.conversation?.typing.names ?? [];
    setText(part("typing-text"), names.length ? texts.typing(names) : "");
    part("dots").hidden = !names.length;
  }

  /** What came into view is read. */
  #markSeen() {
    const { conversation } = this.chat;
    const isReading = this.unread.isReading;
    if (conversation && isReading && !this.#needsMoreBelow) {
      const seen = this.scroll.atBottom ? Infinity : this.#lastSeen;
      const last = conversation.unread.findLast(({ seq }) => seq <= seen);
      if (last) conversation.markRead(last.seq);
    }
    if (isReading && this.scroll.atBottom) this.scroll.release();
    part("newer").hidden = this.scroll.atBottom;
    setText(part("newer-text"), texts.newer(conversation?.unread.length ?? 0));
  }

  get #lastSeen() {
    const seen = this.#rows.all.slice(0, this.scroll.countSeen(this.#rows.elements));
    return seen.findLast(({ seq }) => seq)?.seq ?? 0;
  }

  /** The rows on the page end near the reader: what comes below in a moment is seen together with these. */
  get #needsMoreBelow() {
    return !this.#visible.atEnd && this.scroll.isNearEnd;
  }

  #extendIfNear() {
    const { atStart } = this.#visible;
    // In a task of its own: this one goes on with drawing what was scrolled.
    if (this.#needsMoreBelow || (this.scroll.isNearTop && !atStart))
      this.#growTimer ??= setTimeout(() => this.#extend());
    else if (this.scroll.isNearTop) this.#loadOlder();
  }

  #extend() {
    this.#growTimer = null;
    const isBelow = this.#needsMoreBelow;
    if (!isBelow && (!this.scroll.isNearTop || this.#visible.atStart)) return;
    muteLog();
    if (isBelow) this.#range.extendDown(this.#messages);
    else this.#range.extendUp(this.#messages);
    this.show();
  }

  #showOlder() {
    if (this.#visible.atStart) this.older.load();
    else this.#extendUp();
  }

  #extendUp() {
    this.#moveRange(() => this.#range.extendUp(this.#messages));
  }

  /** Brings other messages onto the page, which are no news. */
  #moveRange(move) {
    muteLog();
    this.scroll.atBottom = false;
    move();
    this.show();
  }

  #loadOlder() {
    // A reader who was put somewhere stays there until they scroll themselves.
    if (this.older.exist && !this.unread.isLoading && !this.scroll.isAtStart) this.older.load();
  }

  /** On a message, besides its toolbar. */
  #click(target) {
    const row = this.#rows.rowOf(target);
    const emoji = target.closest("[data-emoji]")?.dataset.emoji;
    if (target.matches("[data-discard]")) queueOf(row, this.chat).remove(entryId(row));
    else if (target.matches("[data-again]")) this.#retry(row);
    else if (target.matches("[data-rewrite]")) this.rewrite(row.content);
    else if (target.closest("[data-quote]")) this.goTo(row.quote);
    else if (emoji) this.react(row, emoji);
  }

  #retry(row) {
    const id = entryId(row);
    if (!id) this.chat.changes.redeliver(row.uid);
    else queueOf(row, this.chat).retry(id, row.error === "reply_gone" ? { quote: undefined } : {});
  }
}

function queueOf(row, { changes, outbox }) {
  return row.change ? changes : outbox;
}

/** The id of the row's entry in its queue. A message that is stored, and not being changed, has none. */
function entryId(row) {
  return row.change ? row.uid : row.clientId;
}
