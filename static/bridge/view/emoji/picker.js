// The emoji picker. It is loaded when it is first opened: it is four times as large as everything else on the page.

import { texts } from "../../text/texts.js";
import { part, root, setText } from "../page/elements.js";
import { hasKeyboard, isEscape } from "../page/keys.js";

const GAP = 8; // pixels between the picker and its button, and to the edges of the window

export class EmojiPicker {
  #onPick = null;
  #button = null; // that it was opened with
  #element = null; // promise
  #box = part("picker");

  constructor() {
    const box = this.#box;
    document.addEventListener("pointerdown", ({ target }) => {
      if (!box.contains(target)) this.close();
    });
    // Focusable, so that a click between its buttons does not take the focus out of it, which would close it. The focus
    // may also leave to nowhere, as behind the last element of a frame.
    box.tabIndex = -1;
    document.addEventListener("focusin", ({ target }) => this.#focused(target));
    box.addEventListener("focusout", () => setTimeout(() => this.#focused(document.activeElement)));
    document.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    window.addEventListener("resize", () => this.close());
  }

  /** Calls `onPick(emoji)` if one is picked. */
  async open(button, onPick) {
    this.#button = button;
    this.#onPick = onPick;
    setText(part("picker-text"), texts.picker.loading);
    this.#box.hidden = false;
    this.#place(button.getBoundingClientRect());
    try {
      const element = await (this.#element ??= this.#load());
      setText(part("picker-text"), "");
      this.#resetSearch(element.shadowRoot.querySelector("input"));
    } catch (failure) {
      console.debug("picker:", failure.message);
      this.#element = null;
      setText(part("picker-text"), texts.picker.failed);
    }
  }

  close({ returnFocus = false } = {}) {
    if (this.#box.hidden) return;
    this.#box.hidden = true;
    if (returnFocus && this.#button?.isConnected) this.#button.focus();
  }

  async #load() {
    await import("../../../vendor/emoji-picker-element/picker.js");
    const element = document.createElement("emoji-picker");
    element.dataSource = root.dataset.pickerData;
    element.addEventListener("emoji-click", ({ detail }) => {
      this.close({ returnFocus: true });
      this.#onPick(detail.unicode);
    });
    part("picker-place").replaceChildren(element);
    return element;
  }

  #resetSearch(input) {
    if (!input) return;
    input.value = "";
    input.dispatchEvent(new Event("input"));
    if (hasKeyboard()) input.focus();
  }

  #focused(element) {
    if (!this.#box.contains(element) && element !== this.#button) this.close();
  }

  #key(event) {
    if (this.#box.hidden || !isEscape(event)) return;
    event.preventDefault();
    event.stopPropagation(); // it would also end a reply or an edit
    this.close({ returnFocus: true });
  }

  /** Beside its button, inside the window. On a phone it is a sheet at the bottom, by its styles. */
  #place({ top, bottom, left }) {
    const { offsetWidth: width, offsetHeight: height } = this.#box;
    const above = top - GAP - height;
    const below = Math.min(bottom + GAP, innerHeight - height - GAP);
    this.#box.style.setProperty("--top", `${above >= GAP ? above : Math.max(GAP, below)}px`);
    this.#box.style.setProperty("--left", `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`);
  }
}
