// Where the reader is: kept at the bottom only while he is there, and where he reads when older messages come in.

const NEAR = 48; // pixels from the end that still count as the end

export class Scroll {
  atBottom = true;

  constructor(scroller, content, moved) {
    this.scroller = scroller;
    this.content = content;
    scroller.addEventListener("scroll", () => {
      this.#look();
      moved();
    });
    // The soft keyboard, the growing composer and late pictures change heights without a render.
    const resized = new ResizeObserver(() => this.atBottom && this.toBottom());
    resized.observe(scroller);
    resized.observe(content);
  }

  get nearTop() {
    return this.scroller.scrollTop < 400;
  }

  toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.atBottom = true;
  }

  /** To the middle, and there it stays. */
  to(element) {
    this.atBottom = false;
    element.scrollIntoView({ block: "center" });
  }

  /** Renders without moving what is being read. */
  hold(render) {
    const anchor = this.atBottom ? null : this.#firstSeen();
    const top = anchor?.getBoundingClientRect().top;
    render();
    if (this.atBottom) this.toBottom();
    else if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - top;
  }

  #firstSeen() {
    const edge = this.scroller.getBoundingClientRect().top;
    const rows = this.content.querySelectorAll(".row.message");
    return [...rows].find((row) => row.getBoundingClientRect().bottom > edge);
  }

  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.atBottom = scrollHeight - clientHeight - scrollTop <= NEAR;
  }
}
