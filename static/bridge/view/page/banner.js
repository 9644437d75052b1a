// Says that the chat is cut off, and why; not while an interruption is too short to matter.

import { texts } from "../../text/texts.js";
import { part, setText } from "./elements.js";

const DELAY = 1_200; // milliseconds

export class Banner {
  #timer = null;
  #box = part("banner");
  #action = part("banner-action");

  /** `onShow` is called when the banner appears by itself, after the delay. */
  constructor(socket, { onShow }) {
    Object.assign(this, { socket, onShow });
    this.#action.addEventListener("click", () =>
      socket.state === "stopped" ? location.reload() : socket.connect(),
    );
  }

  get isShown() {
    return !this.#box.hidden;
  }

  show() {
    const problem = this.#problem;
    const isShortPerhaps = problem && problem !== "offline" && this.socket.state !== "stopped";
    if (!isShortPerhaps || this.isShown) return this.#set(problem);
    this.#timer ??= setTimeout(() => {
      this.#set(this.#problem);
      this.onShow();
    }, DELAY);
  }

  /** A key of `texts.banner`, or null. */
  get #problem() {
    const { state, stopReason, obstacle, hadSession } = this.socket;
    if (state === "stopped") return stopReason;
    if (!navigator.onLine) return "offline";
    if (state === "ready") return null;
    return obstacle ?? (hadSession ? "waiting" : "connecting");
  }

  #set(problem) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#box.hidden = !problem;
    if (!problem) return;
    const action = texts.bannerAction[problem] ?? "";
    setText(part("banner-text"), texts.banner[problem]);
    this.#action.hidden = !action;
    setText(this.#action, action);
  }
}
