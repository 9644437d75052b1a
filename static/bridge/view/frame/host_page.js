// The page of the site around the chat, where widget.js shows it in a frame and hides it. Dispatches "shown".

import { root } from "../page/elements.js";
import { isEscape } from "../page/keys.js";

// What Escape closes before it closes the whole chat.
const OPEN_PARTS = "dialog[open], [data-intent]:not([hidden]), [data-picker]:not([hidden]), [aria-expanded='true']";

export class HostPage extends EventTarget {
  #window = "embedded" in root.dataset && window.parent !== window ? window.parent : null; // null: there is none
  #lastState = "";
  isChatShown = !this.#window; // as far as the host page knows

  constructor() {
    super();
    if (!this.#window) return;
    window.addEventListener("message", (event) => this.#receive(event));
    // Before anybody else acts on the key, to see what is open.
    document.addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  /** The page that the visitor looks at: the team wants to know where they write from. */
  get page() {
    const { location: address, document: page } = this.#window ?? window;
    return {
      url: address.href.slice(0, 1000),
      title: page.title.slice(0, 200),
      referrer: page.referrer.slice(0, 1000),
    };
  }

  /** Whether somebody may be looking at the chat. */
  get isWatched() {
    return !document.hidden && this.isChatShown;
  }

  /** What the host page shows while the chat is hidden. */
  sendState({ unread, conversation }) {
    const state = JSON.stringify([unread, conversation]);
    if (state !== this.#lastState) this.#post({ chatbridge: "state", unread, conversation });
    this.#lastState = state;
  }

  #post(message) {
    this.#window?.postMessage(message, location.origin);
  }

  #receive({ source, origin, data }) {
    if (origin !== location.origin || source !== this.#window || data.chatbridge !== "shown") return;
    this.isChatShown = data.shown;
    this.#lastState = ""; // how many are unread shows on the button only while the chat is hidden
    this.dispatchEvent(new Event("shown"));
  }

  #key(event) {
    if (isEscape(event) && !root.querySelector(OPEN_PARTS)) this.#post({ chatbridge: "close" });
  }
}
