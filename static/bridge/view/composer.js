// Where the visitor writes. What he has not sent yet survives a reload.

import { texts } from "../texts.js";

const NEAR_LIMIT = 0.9;
// What the server would refuse: controls, and the two overrides that make text read as what it is not.
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202d\u202e]/g;
const DRAFT = "text";

export class Composer {
  constructor(parts, { limit, drafts, send, typing }) {
    Object.assign(this, parts, { limit, drafts, send, typing });
    this.text.value = drafts.get(DRAFT) ?? "";
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    // Another tab may have sent and cleared its own draft meanwhile.
    window.addEventListener("pagehide", () => this.content && this.#keep());
    this.#measure();
    if (matchMedia("(pointer: fine)").matches) this.text.focus(); // on a phone the keyboard would cover the page
  }

  get content() {
    return this.text.value.replace(/\r\n?/g, "\n").replace(REFUSED, "").trim();
  }

  /** Puts words back for another try, before what is there. */
  restore(content) {
    this.text.value = [content, this.text.value].filter(Boolean).join("\n");
    this.#typed();
    this.text.focus();
  }

  #typed() {
    this.#keep();
    this.#measure();
    if (this.content) this.typing();
  }

  #key(event) {
    // On a phone Enter makes a new line; while an input method composes it belongs to that.
    const composing = event.isComposing || event.keyCode === 229; // 229: Safari's word for it
    const newLine = event.shiftKey || matchMedia("(pointer: coarse)").matches;
    if (event.key !== "Enter" || composing || newLine) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const { content } = this;
    if (!content || [...content].length > this.limit) return;
    this.send(content);
    this.text.value = "";
    this.#keep();
    this.#measure();
    this.text.focus();
  }

  #keep() {
    if (this.text.value) this.drafts.put(DRAFT, this.text.value);
    else this.drafts.remove(DRAFT);
  }

  #measure() {
    const length = [...this.content].length;
    const over = length - this.limit;
    this.button.disabled = length === 0 || over > 0;
    this.counter.hidden = length < this.limit * NEAR_LIMIT;
    this.counter.classList.toggle("over", over > 0);
    this.counter.textContent = this.counter.hidden
      ? ""
      : over > 0
        ? texts.tooLong(over)
        : texts.counter(length, this.limit);
    this.text.setAttribute("aria-invalid", String(over > 0));
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }
}
