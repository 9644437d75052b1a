// The chat in a frame of another page of this site, where `widget.js` shows and hides it. Dispatches "shown".

import { escapes } from "./keys.js";
import { root } from "./page.js";

const BUSY = "dialog[open], [data-intent]:not([hidden]), [data-picker]:not([hidden]), [aria-expanded='true']";

export class Frame extends EventTarget {
  #outer = "embedded" in root.dataset && window.parent !== window ? window.parent : null;
  #told = "";
  shown = !this.#outer; // whether the reader sees it, as far as the page around knows

  constructor() {
    super();
    if (!this.#outer) return;
    window.addEventListener("message", (event) => this.#hear(event));
    // Before anybody else acts on it: what is open here is what Escape closes first.
    document.addEventListener("keydown", (event) => this.#escape(event), { capture: true });
  }

  /** The page that the visitor looks at: for the team, which wants to know where he writes from. */
  get page() {
    const { location: address, document: page } = this.#outer ?? window;
    return {
      url: address.href.slice(0, 1000),
      title: page.title.slice(0, 200),
      referrer: page.referrer.slice(0, 1000),
    };
  }

  /** What the page around shows while the chat is hidden. */
  tell({ unread, conversation }) {
    const told = JSON.stringify([unread, conversation]);
    if (told !== this.#told) this.#post({ chatbridge: "state", unread, conversation });
    this.#told = told;
  }

  #post(message) {
    this.#outer?.postMessage(message, location.origin);
  }

  #hear({ source, origin, data }) {
    if (origin !== location.origin || source !== this.#outer || data.chatbridge !== "shown") return;
    this.shown = data.shown;
    this.#told = ""; // how many are unread shows on the button only while the chat is hidden
    this.dispatchEvent(new Event("shown"));
  }

  #escape(event) {
    if (escapes(event) && !root.querySelector(BUSY)) this.#post({ chatbridge: "close" });
  }
}
