// Where the reader is: kept at the bottom only while they are there, and where they read when older messages come in.

const AT_BOTTOM = 48; // pixels from the end that still count as the end
export const NEAR = 400; // pixels from either end at which more is loaded
const MARGIN = 12; // pixels above the element that the reader begins at

export class ScrollPosition {
  atBottom = true;
  reachesEnd = true; // whether the rows on the page reach the end of the conversation
  #start = null; // the element that the reader begins at, until they scroll
  #set = 0; // the position that was set last, to tell it from the reader's own scrolling

  /** `onMove` is called after each change of the position or of a height. */
  constructor(scroller, content, onMove) {
    this.scroller = scroller;
    this.content = content;
    scroller.addEventListener("scroll", () => {
      if (Math.abs(scroller.scrollTop - this.#set) > 1) this.#start = null;
      this.#update();
      onMove();
    });
    // The soft keyboard, the growing composer and late pictures change heights without a render.
    const resized = new ResizeObserver(() => {
      if (this.#start) this.#goToStart();
      else if (this.atBottom) this.goToBottom();
      onMove();
    });
    resized.observe(scroller);
    resized.observe(content);
  }

  /** Whether the reader is where `beginAt` put them, and has not scrolled yet. */
  get isAtStart() {
    return this.#start !== null;
  }

  get isNearTop() {
    return this.scroller.scrollTop < NEAR;
  }

  get isNearEnd() {
    return this.#below < NEAR;
  }

  goToBottom() {
    this.#start = null;
    this.#setTop(this.scroller.scrollHeight);
    this.atBottom = this.reachesEnd;
  }

  /** Puts the element into the middle, and stays there. */
  goTo(element) {
    this.#start = null;
    this.atBottom = false;
    element.scrollIntoView({ block: "center" });
  }

  /** The reader begins at this element, even if they see it only later, as in a hidden frame. */
  beginAt(element) {
    this.#start = element;
    this.atBottom = false;
    this.#goToStart();
  }

  /** The reader has seen where they began, and goes on from there. */
  release() {
    this.#start = null;
  }

  /** Renders without moving what is being read. */
  hold(render) {
    const anchor = this.atBottom ? null : this.#firstVisible();
    const top = anchor?.getBoundingClientRect().top;
    render();
    if (this.#start?.isConnected) this.#goToStart();
    else if (this.atBottom && this.reachesEnd) this.goToBottom();
    else if (anchor?.isConnected) this.#setTop(this.scroller.scrollTop + anchor.getBoundingClientRect().top - top);
  }

  /** How many of these elements, in order, have come into view: up to their end, or above the middle. */
  countSeen(elements) {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    let low = 0;
    let high = bottom > top ? elements.length : 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const box = elements[middle].getBoundingClientRect();
      if (box.bottom <= bottom + 1 || box.top < (top + bottom) / 2) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get #below() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - clientHeight - scrollTop;
  }

  #goToStart() {
    const offset = this.#start.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    this.#setTop(this.scroller.scrollTop + offset - MARGIN);
    this.#update();
  }

  #setTop(top) {
    this.scroller.scrollTop = top;
    this.#set = this.scroller.scrollTop;
  }

  #firstVisible() {
    const edge = this.scroller.getBoundingClientRect().top;
    const rows = this.content.querySelectorAll(".row.message");
    return [...rows].find((row) => row.getBoundingClientRect().bottom > edge);
  }

  #update() {
    if (this.scroller.clientHeight) this.atBottom = this.reachesEnd && this.#below <= AT_BOTTOM;
  }
}
