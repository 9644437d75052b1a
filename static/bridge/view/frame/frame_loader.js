// Loads a page into a frame until it is there: a server that is being replaced answers with somebody else's error.

import { Backoff } from "../../wire/backoff.js";

const TIMEOUT = 15_000; // milliseconds
const MIN_WAIT = 500;

export class FrameLoader {
  #frame;
  #isLoaded;
  #onState;
  #url = null;
  #backoff = new Backoff({ first: 2_000 });
  #timer;
  #done = false;

  /** `isLoaded()`: whether the frame holds the page. `onState(state)`: "loading", "unreachable" or "loaded". */
  constructor(frame, { isLoaded, onState }) {
    this.#frame = frame;
    this.#isLoaded = isLoaded;
    this.#onState = onState;
    frame.addEventListener("load", () => this.#loaded());
    window.addEventListener("online", () => this.#retry());
  }

  load(url) {
    if (this.#url) return;
    this.#url = url;
    this.#onState("loading");
    this.#startTimeout();
    this.#frame.src = url;
  }

  #loaded() {
    if (!this.#url) return; // the empty page that every frame begins with
    clearTimeout(this.#timer);
    this.#done = this.#isLoaded();
    if (!this.#done) return this.#failed();
    this.#backoff.reset();
    this.#onState("loaded");
  }

  #failed() {
    this.#onState("unreachable");
    this.#timer = setTimeout(() => this.#retry(), MIN_WAIT + this.#backoff.next());
  }

  #retry() {
    if (!this.#url || this.#done) return;
    clearTimeout(this.#timer);
    this.#startTimeout();
    // Setting `src` would make each try a step of the browser's “back”.
    this.#frame.contentWindow.location.replace(this.#url);
  }

  #startTimeout() {
    this.#timer = setTimeout(() => this.#failed(), TIMEOUT);
  }
}
