// Where the reader is: kept at the bottom only while they are there, and where they read when older messages come in.

const NEAR = 48; // pixels from the end that still count as the end
const FAR = 400; // pixels from either end at which more is fetched
const ABOVE = 12; // pixels between the top and where the reader begins

export class Scroll {
  atBottom = true;
  whole = true; // what is on the page goes up to the end
  #start = null; // the element where the reader begins, until they scroll
  #put = 0;

  constructor(scroller, content, moved) {
    this.scroller = scroller;
    this.content = content;
    scroller.addEventListener("scroll", () => {
      if (Math.abs(scroller.scrollTop - this.#put) > 1) this.#start = null;
      this.#look();
      moved();
    });
    // The soft keyboard, the growing composer and late pictures change heights without a render.
    const resized = new ResizeObserver(() => {
      if (this.#start) this.#settle();
      else if (this.atBottom) this.toBottom();
      moved();
    });
    resized.observe(scroller);
    resized.observe(content);
  }

  get nearTop() {
    return this.scroller.scrollTop < FAR;
  }

  get nearEnd() {
    return this.#below < FAR;
  }

  toBottom() {
    this.#start = null;
    this.#to(this.scroller.scrollHeight);
    this.atBottom = this.whole;
  }

  /** To the middle, and there it stays. */
  to(element) {
    this.#start = null;
    this.atBottom = false;
    element.scrollIntoView({ block: "center" });
  }

  /** The reader begins at this element, also where they see it only later, as in a hidden frame. */
  begin(element) {
    this.#start = element;
    this.atBottom = false;
    this.#settle();
  }

  /** They have seen where they began, and go on from there. */
  release() {
    this.#start = null;
  }

  /** Renders without moving what is being read. */
  hold(render) {
    const anchor = this.atBottom ? null : this.#firstSeen();
    const top = anchor?.getBoundingClientRect().top;
    render();
    if (this.#start?.isConnected) this.#settle();
    else if (this.atBottom && this.whole) this.toBottom();
    else if (anchor?.isConnected) this.#to(this.scroller.scrollTop + anchor.getBoundingClientRect().top - top);
  }

  /** How many of these elements, in order, have come into view: to their end, or above the middle. */
  seen(elements) {
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

  #settle() {
    const offset = this.#start.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    this.#to(this.scroller.scrollTop + offset - ABOVE);
    this.#look();
  }

  #to(top) {
    this.scroller.scrollTop = top;
    this.#put = this.scroller.scrollTop;
  }

  #firstSeen() {
    const edge = this.scroller.getBoundingClientRect().top;
    const rows = this.content.querySelectorAll(".row.message");
    return [...rows].find((row) => row.getBoundingClientRect().bottom > edge);
  }

  #look() {
    if (this.scroller.clientHeight) this.atBottom = this.whole && this.#below <= NEAR;
  }
}
