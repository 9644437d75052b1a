// One WebSocket that comes back: commands with their replies, events, and a session on each new connection.
//
// Dispatches "state" (connecting, ready, waiting, stopped), "session" with the reply to session.start, and "event".

import { Backoff } from "./backoff.567707d29ecf.js";
import { afterClose, afterRefusal, passes } from "./closing.c3a8aaeee52b.js";
import { CommandFailed, ConnectionLost } from "./failures.2787d8e080bc.js";
import { onlySocketsAreStopped } from "./reach.a0f2e4ae4e99.js";

const SLOW = { first: 10_000, most: 300_000 }; // milliseconds
const PATIENCE = 15_000; // without a reply for so long the network is dead, whatever the browser says

export class Socket extends EventTarget {
  state = "connecting";
  reason = null; // why it stopped: it may still ask now and then whether that is over
  started = false; // whether there ever was a session
  trouble = null; // why it does not get through, where that is known
  #ws = null;
  #waiting = new Map(); // command id -> what its caller waits for
  #last = 0;
  #backoff = new Backoff();
  #patience = new Backoff(SLOW);
  #timer;
  #pause = 0;
  #opened = false;
  #unopened = 0;

  constructor({ url, protocol, session }) {
    super();
    this.url = url;
    this.protocol = protocol;
    this.session = session;
  }

  connect() {
    if (this.#ws || (this.reason && !passes(this.reason))) return;
    clearTimeout(this.#timer);
    const ws = new WebSocket(this.url, this.protocol);
    this.#ws = ws;
    this.#enter("connecting");
    this.#timer = setTimeout(() => this.drop(), PATIENCE);
    this.#opened = false;
    ws.onopen = () => {
      this.#opened = true;
      this.trouble = null;
      this.#start();
    };
    ws.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    ws.onclose = ({ code, reason }) => this.#closed(afterClose(code, reason));
  }

  /** Rejects with CommandFailed or ConnectionLost. */
  command(command, payload = {}, patience = PATIENCE) {
    if (this.#ws?.readyState !== WebSocket.OPEN) return Promise.reject(new ConnectionLost(command));
    this.#last += 1;
    const id = String(this.#last);
    this.#ws.send(JSON.stringify({ command, id, payload }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.drop(), patience);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  /** Gives this socket up without waiting for a closing handshake that a dead network never answers. */
  drop() {
    const ws = this.#ws;
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
    this.#closed(afterClose(1006));
  }

  /** The server takes the session, but not what the page is for: as if it had refused the session. */
  refused(failure) {
    const { stop, pause } = afterRefusal(failure);
    if (stop) this.#stop(stop);
    this.#pause = pause;
    this.drop();
  }

  async #start() {
    try {
      const asked = Date.now();
      const started = await this.command("session.start", this.session());
      clearTimeout(this.#timer);
      this.#backoff.reset();
      this.#patience.reset();
      this.reason = null;
      this.started = true;
      this.#enter("ready");
      this.dispatchEvent(new CustomEvent("session", { detail: { ...started, asked } }));
    } catch (failure) {
      if (!(failure instanceof CommandFailed)) return; // lost: its closing has been handled
      this.refused(failure);
    }
  }

  #receive(frame) {
    if ("event" in frame) {
      this.dispatchEvent(new CustomEvent("event", { detail: frame }));
      return;
    }
    // Not an answer: the team blocked this visitor just now, and the socket is about to be closed.
    if (frame.reply === null && frame.error.code === "blocked") return this.#stop("blocked");
    const caller = this.#waiting.get(frame.reply);
    if (!caller) return;
    this.#waiting.delete(frame.reply);
    clearTimeout(caller.timer);
    if (frame.warning) console.warn(frame.warning);
    if (frame.ok) caller.resolve(frame.payload);
    else caller.reject(new CommandFailed(frame.error));
  }

  #closed({ stop, pause }) {
    this.#ws = null;
    clearTimeout(this.#timer);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    this.#waiting.clear();
    if (stop && !this.reason) this.#stop(stop);
    if (this.reason && !passes(this.reason)) return;
    const wait = this.reason ? SLOW.first + this.#patience.next() : this.#backoff.next();
    const delay = Math.max(this.#pause, pause) + wait;
    this.#pause = 0;
    this.#timer = setTimeout(() => this.connect(), delay);
    this.#enter("waiting");
    if (!this.started && !this.#opened) this.#ask();
  }

  /** The second time that no socket opens at all: whether pages come through where sockets do not. */
  async #ask() {
    this.#unopened += 1;
    if (this.#unopened !== 2) return;
    if (await onlySocketsAreStopped(this.url)) {
      this.trouble = "no_sockets";
      this.dispatchEvent(new Event("state"));
    }
  }

  #stop(reason) {
    this.reason = reason;
    this.#enter("stopped");
  }

  /** While it asks whether the reason is over it is still the reason. */
  #enter(state) {
    this.state = this.reason ? "stopped" : state;
    this.dispatchEvent(new Event("state"));
  }
}
