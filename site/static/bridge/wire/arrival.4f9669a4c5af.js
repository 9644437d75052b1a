// A page in a frame, asked for until it is there: a server that is being replaced answers with somebody else's error.

import { Backoff } from "./backoff.567707d29ecf.js";

const PATIENCE = 15_000; // a page that has not come by then does not

export class Arrival {
  #frame;
  #isThere;
  #show;
  #url = null;
  #backoff = new Backoff({ first: 2_000 });
  #timer;
  #there = false;

  /** `isThere()`: whether what the frame holds is what was asked for. `show` hears "coming", "away" and "there". */
  constructor(frame, { isThere, show }) {
    this.#frame = frame;
    this.#isThere = isThere;
    this.#show = show;
    frame.addEventListener("load", () => this.#loaded());
    window.addEventListener("online", () => this.#again());
  }

  begin(url) {
    if (this.#url) return;
    this.#url = url;
    this.#show("coming");
    this.#wait();
    this.#frame.src = url;
  }

  #loaded() {
    if (!this.#url) return; // the empty page that every frame begins with
    clearTimeout(this.#timer);
    this.#there = this.#isThere();
    if (!this.#there) return this.#failed();
    this.#backoff.reset();
    this.#show("there");
  }

  #failed() {
    this.#show("away");
    this.#timer = setTimeout(() => this.#again(), 500 + this.#backoff.next());
  }

  #again() {
    if (!this.#url || this.#there) return;
    clearTimeout(this.#timer);
    this.#wait();
    // Not `src`, with which each try would be a step of the browser's “back”.
    this.#frame.contentWindow.location.replace(this.#url);
  }

  #wait() {
    this.#timer = setTimeout(() => this.#failed(), PATIENCE);
  }
}
