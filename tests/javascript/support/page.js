// A page without looks: the chat's model on a real Socket, and what of a browser they use, with a clock of the test's own.

import { mock } from "node:test";
import { Chat } from "../../../static/bridge/model/chat.js";
import { LocalStore } from "../../../static/bridge/storage/local_store.js";
import { MemoryStorage } from "../../../static/bridge/storage/memory_storage.js";
import { Socket } from "../../../static/bridge/wire/socket.js";
import { Server } from "./server.js";
import { listen } from "./websocket.js";

globalThis.window = new EventTarget();

/** From now on time passes in `pass` alone. */
export function stopClock(now = Date.UTC(2026, 4, 4, 12)) {
  mock.timers.reset(); // also what was waiting
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now });
}

/** Lets everything happen that needs no time. */
export async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

/** Lets time pass, in steps, so that what one timer starts can start the next. */
export async function pass(milliseconds, step = 100) {
  for (let left = milliseconds; left > 0; left -= step) {
    mock.timers.tick(Math.min(step, left));
    await settle();
  }
}

/** `storage` is the browser's: two pages with the same one are two tabs, or one that was loaded again. */
export class Page {
  constructor({ server = new Server(), storage = new MemoryStorage(), room = null, prove = null, limit = 4000 } = {}) {
    listen(server);
    Object.assign(this, { server, storage });
    this.socket = new Socket({ url: "ws://chat.example/ws/", protocol: "chatbridge.v1", session: () => ({}) });
    this.room = room?.(this.socket) ?? null;
    const stores = { outbox: this.store("outbox"), changes: this.store("changes") };
    this.chat = new Chat(this.socket, { stores, limit, room: this.room, prove });
  }

  store(name) {
    return new LocalStore(`chatbridge.default.${name}.`, this.storage);
  }

  async connect() {
    this.socket.connect();
    await settle();
    return this;
  }

  /** The tab is gone: nothing of it goes on. */
  leave() {
    this.socket.drop();
    stopClock(Date.now());
  }

  get contents() {
    return this.chat.conversation?.timeline.messages.map(({ content }) => content) ?? [];
  }
}

/** A page with a session; time stands still. */
export async function open(options) {
  stopClock();
  return new Page(options).connect();
}
