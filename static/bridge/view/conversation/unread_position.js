// Where the reader begins: at the first message that they missed, below the line “30 new messages”, or at the end.

import { UnreadLine } from "../../model/unread/unread_line.js";
import { part } from "../page/elements.js";

const MAX_PAGES = 3; // of older messages that are loaded to find the first one they missed
const PAGE = 100;

export class UnreadPosition {
  isLoading = false; // messages that they missed are still being loaded
  #line = new UnreadLine();
  #conversation = null;
  #isPlacing = false; // the reader is about to be put where they begin
  #readUpTo = 0; // what they had read when the line was drawn

  /** `onLoad` is called once the missed messages are there. `hostPage.isWatched`: somebody may be looking. */
  constructor(chat, { scroll, range, older, hostPage, onLoad }) {
    Object.assign(this, { chat, scroll, range, older, hostPage, onLoad });
  }

  /** Another conversation is on the screen, or none. */
  enter(conversation) {
    this.#conversation = conversation;
    this.#isPlacing = true;
    this.isLoading = false;
    this.#readUpTo = conversation?.readState.own ?? 0;
    this.#line.remove();
    if (conversation?.loading || this.#isMissingOlder) this.#load(conversation);
  }

  /** Whether what comes into view now is read. */
  get isReading() {
    return this.hostPage.isWatched && !this.#isPlacing;
  }

  /** {after, count, isMore} of the line, or null. */
  get line() {
    const { after } = this.#line;
    if (after === null) return null;
    return { after, count: this.#line.count(this.#context), isMore: this.#isMissingOlder };
  }

  /** The visitor's own message ends the line: they have seen what is above it. */
  removeLine() {
    this.#line.remove();
  }

  /** Before the rows are shown: decides where the line is, and which rows the reader needs to see it. */
  update() {
    if (!this.#conversation || this.isLoading || this.#isNewHere) return;
    const isWatching = this.isReading && this.scroll.atBottom;
    const hasMoved = this.#line.update({ ...this.#context, watching: isWatching });
    if (hasMoved) this.#readUpTo = Math.min(this.#conversation.readState.own, this.#line.after);
    // Nobody looked: a reader who comes back begins at what they missed, too.
    if (hasMoved && !this.hostPage.isWatched && this.scroll.atBottom) this.#isPlacing = true;
    if (!this.#isPlacing || this.#line.after === null) return;
    this.scroll.atBottom = false;
    this.range.moveTo(this.#conversation.timeline.messages, this.#line.after + 1);
  }

  /** After the rows are shown: puts the reader there. */
  place() {
    if (!this.#isPlacing || this.isLoading || !this.#conversation) return;
    this.#isPlacing = false;
    const line = part("rows").querySelector(".row.unread");
    if (line) this.scroll.beginAt(line);
    else this.scroll.goToBottom();
  }

  async #load(conversation) {
    this.isLoading = true;
    await conversation.loading;
    const isShown = () => conversation === this.chat.conversation;
    for (let page = 0; page < MAX_PAGES && isShown() && this.#isMissingOlder; page += 1)
      if (!(await this.older.load(PAGE))) break;
    if (!isShown()) return;
    this.isLoading = false;
    this.onLoad();
  }

  get #context() {
    const { readState, timeline, me } = this.#conversation;
    return { readState, messages: timeline.messages, me };
  }

  /** Whether they missed messages from before the first loaded one. */
  get #isMissingOlder() {
    if (!this.#conversation?.timeline.hasOlder || this.#isNewHere) return false;
    return this.#conversation.timeline.firstSeq > this.#readUpTo + 1;
  }

  /** In a room, nobody missed what was before them. */
  get #isNewHere() {
    const { isRoom, readState } = this.#conversation;
    return isRoom && readState.own === 0;
  }
}
