// The choice of emoji. It is loaded when it is first opened: four times as large as everything else on the page.

import { texts } from "../texts.js";
import { escapes } from "./keys.js";

const GAP = 8; // pixels between it and its button, and to the edges of the window

export class Picker {
  #choose = null;
  #opener = null;
  #element = null; // promise

  /** `data`: the address of the emoji and their names. */
  constructor({ box, text, place }, { data }) {
    Object.assign(this, { box, text, place, data });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!box.contains(target)) this.close();
    });
    // The focus may leave to nowhere, as past the last thing in a frame; what is no button in here takes it to the box.
    box.tabIndex = -1;
    document.addEventListener("focusin", ({ target }) => this.#elsewhere(target));
    box.addEventListener("focusout", () => setTimeout(() => this.#elsewhere(document.activeElement)));
    document.addEventListener("keydown", (event) => this.#escape(event), { capture: true });
    window.addEventListener("resize", () => this.close());
  }

  /** Calls `choose(emoji)` with what is chosen; nothing else closes it with a word. */
  async open(opener, choose) {
    this.#opener = opener;
    this.#choose = choose;
    this.text.textContent = texts.picker.loading;
    this.box.hidden = false;
    this.#put(opener.getBoundingClientRect());
    try {
      const element = await (this.#element ??= this.#load());
      this.text.textContent = "";
      const search = element.shadowRoot.querySelector("input");
      if (!search) return;
      search.value = "";
      search.dispatchEvent(new Event("input"));
      if (matchMedia("(pointer: fine)").matches) search.focus(); // on a phone the keyboard would cover it
    } catch (failure) {
      console.debug("picker:", failure.message);
      this.#element = null;
      this.text.textContent = texts.picker.failed;
    }
  }

  close({ back = false } = {}) {
    if (this.box.hidden) return;
    this.box.hidden = true;
    if (back && this.#opener?.isConnected) this.#opener.focus();
  }

  #elsewhere(focused) {
    if (!this.box.contains(focused) && focused !== this.#opener) this.close();
  }

  #escape(event) {
    if (this.box.hidden || !escapes(event)) return;
    event.preventDefault();
    event.stopPropagation(); // it would also end an answer or an edit
    this.close({ back: true });
  }

  async #load() {
    await import("../../vendor/emoji-picker-element/picker.js");
    const element = document.createElement("emoji-picker");
    element.dataSource = this.data;
    element.addEventListener("emoji-click", ({ detail }) => {
      this.close({ back: true });
      this.#choose(detail.unicode);
    });
    this.place.replaceChildren(element);
    return element;
  }

  /** Beside its button, inside the window. On a phone it is a sheet at the bottom: its styles say so. */
  #put({ top, bottom, left }) {
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const above = top - GAP - height;
    const below = Math.min(bottom + GAP, innerHeight - height - GAP);
    this.box.style.setProperty("--top", `${above >= GAP ? above : Math.max(GAP, below)}px`);
    this.box.style.setProperty("--left", `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`);
  }
}
