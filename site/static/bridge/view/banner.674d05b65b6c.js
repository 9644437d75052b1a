// Says when the chat is cut off, and why; silent while an interruption is too short to matter.

import { texts } from "../texts.c1b04b393278.js";
import { say } from "./header.55388f40d2a1.js";

const PATIENCE = 1_200;

export class Banner {
  #timer = null;

  /** `appeared` is called when it comes up by itself, after a while. */
  constructor({ box, text, action }, { socket, appeared }) {
    Object.assign(this, { box, text, action, socket, appeared });
    action.addEventListener("click", () =>
      socket.state === "stopped" ? location.reload() : socket.connect(),
    );
  }

  get shown() {
    return !this.box.hidden;
  }

  show() {
    const name = this.#name();
    if (name && name !== "offline" && this.box.hidden && this.socket.state !== "stopped") {
      this.#timer ??= setTimeout(() => {
        this.#set(this.#name());
        this.appeared();
      }, PATIENCE);
    } else this.#set(name);
  }

  #name() {
    const { state, reason } = this.socket;
    if (state === "stopped") return reason;
    if (!navigator.onLine) return "offline";
    if (state === "ready") return null;
    return this.socket.trouble ?? (this.socket.started ? "waiting" : "connecting");
  }

  #set(name) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.box.hidden = !name;
    if (!name) return;
    const action = texts.bannerAction[name];
    say(this.text, texts.banner[name]);
    this.action.hidden = !action;
    say(this.action, action ?? "");
  }
}
