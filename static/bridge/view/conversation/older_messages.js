// Loads messages from before the first one, a page at a time.

import { logFailure } from "../../wire/errors.js";

export class OlderMessages {
  #loading = null; // promise

  constructor(chat, { onLoad }) {
    Object.assign(this, { chat, onLoad });
  }

  get exist() {
    return Boolean(this.chat.conversation?.timeline.hasOlder);
  }

  /** Resolves to whether they came. */
  async load(limit) {
    if (this.chat.socket.state !== "ready") return false;
    this.#loading ??= this.#loadPage(limit);
    return this.#loading;
  }

  async #loadPage(limit) {
    try {
      await this.chat.conversation.loadOlder(limit);
      this.onLoad();
      return true;
    } catch (failure) {
      logFailure("older messages", failure);
      return false;
    } finally {
      // Not before the page is on the screen: until then the reader still seems to be at the top.
      await new Promise(requestAnimationFrame);
      this.#loading = null;
    }
  }
}
