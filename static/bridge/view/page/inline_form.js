// A line with a button, and in its place a form of one field while that is changed.

import { part, setText } from "./elements.js";
import { isEscape } from "./keys.js";

export class InlineForm {
  #line;
  #form;
  #input;
  #button;

  /**
   * `name`: of its parts. `value()`: what the field begins with. `save(value)` rejects if the server refuses. `texts`:
   * `refused`, by error code, and `refusedOther`.
   */
  constructor(name, { value, save, texts }) {
    Object.assign(this, { name, value, save, texts });
    this.#line = part(`${name}-line`);
    this.#form = part(`${name}-form`);
    this.#input = part(`${name}-input`);
    this.#button = part(`${name}-open`);
    this.#button.addEventListener("click", () => this.#open());
    part(`${name}-cancel`).addEventListener("click", () => this.close());
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#form.addEventListener("keydown", (event) => {
      if (!isEscape(event)) return;
      event.stopPropagation();
      this.close();
    });
  }

  get isOpen() {
    return !this.#form.hidden;
  }

  close() {
    this.#setOpen(false);
    this.#button.focus();
  }

  #open() {
    this.#setOpen(true);
    this.#input.value = this.value();
    this.#setError("");
    this.#input.focus();
    this.#input.select();
  }

  #setOpen(isOpen) {
    this.#form.hidden = !isOpen;
    this.#line.hidden = isOpen;
  }

  async #submit(event) {
    event.preventDefault();
    const value = this.#input.value.trim();
    if (!this.#input.checkValidity()) return this.#setError(this.texts.refused.invalid_payload);
    const button = this.#form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      if (value !== this.value()) await this.save(value);
      this.close();
    } catch ({ code }) {
      this.#setError(this.texts.refused[code] ?? this.texts.refusedOther);
      this.#input.focus();
    } finally {
      button.disabled = false;
    }
  }

  #setError(text) {
    setText(part(`${this.name}-error`), text);
    this.#input.setAttribute("aria-invalid", String(Boolean(text)));
  }
}
