// One WebSocket that reconnects: commands with their replies, events, and a new session on each connection.
//
// Dispatches "state" (connecting, ready, waiting, stopped), "session" with the reply to session.start, and "event".

import { Backoff } from "./backoff.js";
import { afterClose, afterRefusal, isTemporary } from "./close_codes.js";
import { CommandFailed, ConnectionLost } from "./errors.js";
import { onlySocketsAreStopped } from "./probe.js";

const TIMEOUT = 15_000; // without a reply for so long the network is dead, whatever the browser says
const SLOW = { first: 10_000, max: 300_000 }; // milliseconds between tries while the server refuses the visitor

export class Socket extends EventTarget {
  state = "connecting";
  stopReason = null; // where it is temporary, the socket tries again now and then
  hadSession = false;
  obstacle = null; // what keeps it from connecting, where that is known
  #webSocket = null;
  #pending = new Map(); // command id -> {resolve, reject, timer}
  #lastId = 0;
  #backoff = new Backoff();
  #slowBackoff = new Backoff(SLOW);
  #timer;
  #pause = 0; // milliseconds that the server asked for
  #opened = false; // whether the present WebSocket opened
  #failedOpenings = 0;

  /** `session()` returns the payload of session.start. */
  constructor({ url, protocol, session }) {
    super();
    this.url = url;
    this.protocol = protocol;
    this.session = session;
  }

  connect() {
    if (this.#webSocket || this.#hasGivenUp) return;
    clearTimeout(this.#timer);
    const webSocket = new WebSocket(this.url, this.protocol);
    this.#webSocket = webSocket;
    this.#setState("connecting");
    this.#timer = setTimeout(() => this.drop(), TIMEOUT);
    this.#opened = false;
    webSocket.onopen = () => {
      this.#opened = true;
      this.obstacle = null;
      this.#startSession();
    };
    webSocket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    webSocket.onclose = ({ code, reason }) => this.#closed(afterClose(code, reason));
  }

  /** Resolves to the payload of the reply. Rejects with CommandFailed or ConnectionLost. */
  command(command, payload = {}, timeout = TIMEOUT) {
    if (this.#webSocket?.readyState !== WebSocket.OPEN) return Promise.reject(new ConnectionLost(command));
    this.#lastId += 1;
    const id = String(this.#lastId);
    this.#webSocket.send(JSON.stringify({ command, id, payload }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.drop(), timeout);
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  /** Gives the connection up without a closing handshake, which a dead network never answers. */
  drop() {
    const webSocket = this.#webSocket;
    if (!webSocket) return;
    webSocket.onopen = webSocket.onmessage = webSocket.onclose = null;
    webSocket.close();
    this.#closed(afterClose(1006));
  }

  /** The server refused the session, or what the page needs besides it. */
  refuse(failure) {
    const { stop, pause } = afterRefusal(failure);
    if (stop) this.#stop(stop);
    this.#pause = pause;
    this.drop();
  }

  async #startSession() {
    try {
      const sentAt = Date.now();
      const session = await this.command("session.start", this.session());
      clearTimeout(this.#timer);
      this.#backoff.reset();
      this.#slowBackoff.reset();
      this.stopReason = null;
      this.hadSession = true;
      this.#setState("ready");
      this.dispatchEvent(new CustomEvent("session", { detail: { ...session, sentAt } }));
    } catch (failure) {
      if (!(failure instanceof CommandFailed)) return; // lost: #closed has handled it
      this.refuse(failure);
    }
  }

  #receive(frame) {
    if ("event" in frame) {
      this.dispatchEvent(new CustomEvent("event", { detail: frame }));
      return;
    }
    // Not an answer: the team just blocked this visitor, and the server is about to close the socket.
    if (frame.reply === null && frame.error.code === "blocked") return this.#stop("blocked");
    const command = this.#pending.get(frame.reply);
    if (!command) return;
    this.#pending.delete(frame.reply);
    clearTimeout(command.timer);
    if (frame.warning) console.warn(frame.warning);
    if (frame.ok) command.resolve(frame.payload);
    else command.reject(new CommandFailed(frame.error));
  }

  #closed({ stop, pause }) {
    this.#webSocket = null;
    clearTimeout(this.#timer);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    this.#pending.clear();
    if (stop && !this.stopReason) this.#stop(stop);
    if (this.#hasGivenUp) return;
    this.#reconnectAfter(pause);
    if (!this.hadSession && !this.#opened) this.#findObstacle();
  }

  #reconnectAfter(pause) {
    const wait = this.stopReason ? SLOW.first + this.#slowBackoff.next() : this.#backoff.next();
    const delay = Math.max(this.#pause, pause) + wait;
    this.#pause = 0;
    this.#timer = setTimeout(() => this.connect(), delay);
    this.#setState("waiting");
  }

  /** After the second try at which no WebSocket opened. */
  async #findObstacle() {
    this.#failedOpenings += 1;
    if (this.#failedOpenings !== 2) return;
    if (await onlySocketsAreStopped(this.url)) {
      this.obstacle = "no_sockets";
      this.dispatchEvent(new Event("state"));
    }
  }

  get #hasGivenUp() {
    return this.stopReason !== null && !isTemporary(this.stopReason);
  }

  #stop(reason) {
    this.stopReason = reason;
    this.#setState("stopped");
  }

  /** While it tries whether the reason is over, it counts as stopped. */
  #setState(state) {
    this.state = this.stopReason ? "stopped" : state;
    this.dispatchEvent(new Event("state"));
  }
}
