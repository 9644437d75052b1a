// Where the visitor writes. What they have not sent yet survives a reload.

import { cleaned, lengthOf } from "../../model/sending/draft.js";
import { texts } from "../../text/texts.js";
import { part, setText } from "../page/elements.js";
import { isComposing } from "../page/keys.js";

const COUNTER_FROM = 0.9; // of the limit

export class Composer {
  #text = part("text");
  #form = part("composer");
  #isDisabled = false;
  #hadFocus = false; // when it was disabled
  #isEditing = false; // it holds the text of a message, not the draft

  /**
   * `onSend(content)` is called on Enter, `onTyping()` while the visitor writes. `onShortcut(key)` is called for Escape,
   * and arrow up in an empty composer, and returns whether that did something.
   */
  constructor({ limit, draft, uploads, onSend, onTyping, onShortcut }) {
    Object.assign(this, { limit, draft, uploads, onSend, onTyping, onShortcut });
    uploads.onChange(() => this.#measure());
    this.#text.value = draft.text;
    this.#text.addEventListener("input", () => this.#typed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    // Only if there is something: another tab may have sent and cleared its own draft meanwhile.
    window.addEventListener("pagehide", () => this.#content && this.#saveDraft());
    this.#measure();
  }

  /** Puts content back for another try, before what is there. */
  restore(content) {
    this.#text.value = [content, this.#text.value].filter(Boolean).join("\n");
    this.#typed();
    this.focus();
  }

  /** Shows the text of a message to be edited; the draft waits. */
  startEditing(content) {
    this.#isEditing = true;
    this.#text.value = content;
    this.#measure();
    this.focus();
  }

  stopEditing() {
    this.#isEditing = false;
    this.#text.value = this.draft.text;
    this.#measure();
  }

  focus() {
    this.#text.focus();
  }

  /** Nothing can be written, for the reason that is shown below; empty: it can. What was begun stays. */
  disable(reason) {
    const notice = part("barred");
    if (this.#isDisabled === Boolean(reason) && notice.textContent === reason) return;
    const hasFocus = document.activeElement === this.#text;
    this.#isDisabled = Boolean(reason);
    setText(notice, reason);
    notice.hidden = !reason;
    this.#text.disabled = part("attach").disabled = this.#isDisabled;
    this.#form.classList.toggle("barred", this.#isDisabled);
    if (this.#isDisabled) this.#hadFocus ||= hasFocus;
    else if (this.#hadFocus && document.activeElement === document.body) this.focus();
    if (!this.#isDisabled) this.#hadFocus = false;
    this.#measure();
  }

  /** What the button does, for those who cannot see its arrow. */
  setButtonLabel(text) {
    part("send").setAttribute("aria-label", text);
  }

  get #content() {
    return cleaned(this.#text.value);
  }

  #typed() {
    this.#saveDraft();
    this.#measure();
    if (this.#content) this.onTyping();
  }

  #key(event) {
    if (isComposing(event)) return;
    const isShortcut = event.key === "Escape" || (event.key === "ArrowUp" && !this.#text.value);
    if (isShortcut && this.onShortcut(event.key)) event.preventDefault();
    // On a phone Enter makes a new line.
    const isNewLine = event.shiftKey || matchMedia("(pointer: coarse)").matches;
    if (event.key !== "Enter" || isNewLine) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const content = this.#content;
    if (!this.#canSend(content)) return;
    const wasEditing = this.#isEditing;
    this.onSend(content);
    // After an edit, the draft is back already.
    if (!wasEditing) this.#text.value = "";
    this.#saveDraft();
    this.#measure();
    this.focus();
  }

  /** A new message may be files alone, and waits for those that are on their way. */
  #canSend(content) {
    if (this.#isDisabled || lengthOf(content) > this.limit) return false;
    if (this.#isEditing) return Boolean(content);
    return !this.uploads.areSending && Boolean(content || this.uploads.areReady);
  }

  #saveDraft() {
    if (!this.#isEditing) this.draft.text = this.#text.value;
  }

  #measure() {
    const content = this.#content;
    part("send").disabled = !this.#canSend(content);
    this.#showCounter(lengthOf(content));
    this.#fitHeight();
  }

  #showCounter(length) {
    const counter = part("counter");
    const excess = length - this.limit;
    counter.hidden = length < this.limit * COUNTER_FROM;
    counter.classList.toggle("over", excess > 0);
    const text = excess > 0 ? texts.tooLong(excess) : texts.counter(length, this.limit);
    counter.textContent = counter.hidden ? "" : text;
    this.#text.setAttribute("aria-invalid", String(excess > 0));
  }

  #fitHeight() {
    // The form keeps its height meanwhile, or the conversation above would scroll by what it lacks.
    this.#form.style.minHeight = `${this.#form.offsetHeight}px`;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    this.#form.style.minHeight = "";
  }
}
