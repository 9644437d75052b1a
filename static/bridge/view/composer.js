// Where the visitor writes. What he has not sent yet survives a reload.

import { texts } from "../texts.js";
import { say } from "./header.js";
import { composing } from "./keys.js";

const NEAR_LIMIT = 0.9;
// What the server would refuse: controls, and the two overrides that make text read as what it is not.
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202d\u202e]/g;
const DRAFT = "text";

export class Composer {
  barred = false;
  #left = false; // the focus was in it when it was barred
  #borrowed = false; // it holds the text of another message just now, not the draft

  /** `send(content)` on Enter; `shortcut(key)` for keys that mean something outside of it, true where they did. */
  constructor(parts, { limit, drafts, uploads, send, typing, shortcut }) {
    Object.assign(this, parts, { limit, drafts, uploads, send, typing, shortcut });
    uploads.addEventListener("change", () => this.#measure());
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

  /** Another message's text, to be changed; the draft waits. */
  borrow(content) {
    this.#borrowed = true;
    this.text.value = content;
    this.#measure();
    this.focus();
  }

  giveBack() {
    this.#borrowed = false;
    this.text.value = this.drafts.get(DRAFT) ?? "";
    this.#measure();
  }

  focus() {
    this.text.focus();
  }

  /** Nothing can be written, for the reason that stands below; empty: it can. What was begun stays. */
  bar(reason) {
    if (this.barred === Boolean(reason) && this.why.textContent === reason) return;
    const focused = document.activeElement === this.text;
    this.barred = Boolean(reason);
    say(this.why, reason);
    this.why.hidden = !reason;
    this.text.disabled = this.attach.disabled = this.barred;
    this.form.classList.toggle("barred", this.barred);
    if (this.barred) this.#left ||= focused;
    else if (this.#left && document.activeElement === document.body) this.focus();
    if (!this.barred) this.#left = false;
    this.#measure();
  }

  /** What the button does, for who cannot see its arrow. */
  label(text) {
    this.button.setAttribute("aria-label", text);
  }

  #typed() {
    this.#keep();
    this.#measure();
    if (this.content) this.typing();
  }

  #key(event) {
    if (composing(event)) return;
    const outside = event.key === "Escape" || (event.key === "ArrowUp" && !this.text.value);
    if (outside && this.shortcut(event.key)) event.preventDefault();
    // On a phone Enter makes a new line.
    const newLine = event.shiftKey || matchMedia("(pointer: coarse)").matches;
    if (event.key !== "Enter" || newLine) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const { content } = this;
    if (!this.#sendable(content)) return;
    const borrowed = this.#borrowed;
    this.send(content);
    // A borrowed text was given back, and what stood here before stands here again.
    if (!borrowed) this.text.value = "";
    this.#keep();
    this.#measure();
    this.text.focus();
  }

  /** A new message may be files alone, and waits for those that are on their way. */
  #sendable(content) {
    if (this.barred || [...content].length > this.limit) return false;
    if (this.#borrowed) return Boolean(content);
    return !this.uploads.busy && Boolean(content || this.uploads.ready);
  }

  #keep() {
    if (this.#borrowed) return;
    if (this.text.value) this.drafts.put(DRAFT, this.text.value);
    else this.drafts.remove(DRAFT);
  }

  #measure() {
    const length = [...this.content].length;
    const over = length - this.limit;
    this.button.disabled = !this.#sendable(this.content);
    this.counter.hidden = length < this.limit * NEAR_LIMIT;
    this.counter.classList.toggle("over", over > 0);
    this.counter.textContent = this.counter.hidden
      ? ""
      : over > 0
        ? texts.tooLong(over)
        : texts.counter(length, this.limit);
    this.text.setAttribute("aria-invalid", String(over > 0));
    // What is around it stays as it is meanwhile, or the conversation above would be scrolled up by what it lacks.
    this.form.style.minHeight = `${this.form.offsetHeight}px`;
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    this.form.style.minHeight = "";
  }
}
