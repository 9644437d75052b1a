// Where answers go that nobody reads here: a line that asks for an e-mail address, and says which one is known.

import { texts } from "../texts.js";
import { CommandFailed } from "../wire/failures.js";
import { say } from "./header.js";
import { escapes } from "./keys.js";

export class Stay {
  #asking = false;

  constructor(parts, { chat }) {
    Object.assign(this, parts);
    this.chat = chat;
    this.open.addEventListener("click", () => this.#ask());
    this.cancel.addEventListener("click", () => this.#close());
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.form.addEventListener("keydown", (event) => escapes(event) && this.#close());
  }

  /** Once he has written, or while nobody is there to answer; and only where answers are mailed. */
  show() {
    const { inbox, contact, conversation, staffOnline } = this.chat;
    const asks = conversation !== null || staffOnline === false;
    this.box.hidden = !inbox?.email_after || !contact || !(asks || contact.email);
    this.line.hidden = this.#asking;
    this.form.hidden = !this.#asking;
    if (this.box.hidden) return;
    say(this.text, contact.email ? texts.stay.known(contact.email) : texts.stay.ask);
    say(this.open, contact.email ? texts.stay.change : texts.stay.leave);
    // His site vouches for his address: it is not his to change here.
    this.open.hidden = contact.identified && contact.email !== "";
  }

  #ask() {
    this.#asking = true;
    this.input.value = this.chat.contact.email;
    this.#wrong("");
    this.show();
    this.input.focus();
  }

  #close() {
    this.#asking = false;
    this.show();
    this.open.focus();
  }

  async #submit(event) {
    event.preventDefault();
    const email = this.input.value.trim();
    if (!this.input.checkValidity()) return this.#wrong(texts.stay.refused.invalid_payload);
    this.save.disabled = true;
    try {
      await this.chat.leaveAddress(email);
      this.#close();
    } catch (failure) {
      const code = failure instanceof CommandFailed ? failure.code : "";
      this.#wrong(texts.stay.refused[code] ?? texts.stay.refusedOther);
    } finally {
      this.save.disabled = false;
    }
  }

  #wrong(text) {
    say(this.error, text);
    this.input.setAttribute("aria-invalid", String(Boolean(text)));
  }
}
