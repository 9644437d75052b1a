// What survives a reload: one localStorage key for each item, so that two tabs never overwrite each other's list.

import { MemoryStorage } from "./memory_storage.js";

export class LocalStore {
  #overflow = new Map(); // what found no room: it lives as long as the page

  constructor(prefix, storage = availableStorage()) {
    this.prefix = prefix;
    this.storage = storage;
  }

  put(name, value) {
    try {
      this.storage.setItem(this.prefix + name, JSON.stringify(value));
      this.#overflow.delete(name);
    } catch (full) {
      console.warn("This cannot be kept over a reload:", full.name);
      this.#overflow.set(name, value);
    }
  }

  get(name) {
    return this.#overflow.get(name) ?? JSON.parse(this.storage.getItem(this.prefix + name));
  }

  remove(name) {
    this.#overflow.delete(name);
    this.storage.removeItem(this.prefix + name);
  }

  all() {
    const keys = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index));
    const names = keys
      .filter((key) => key?.startsWith(this.prefix))
      .map((key) => key.slice(this.prefix.length));
    return [...new Set([...names, ...this.#overflow.keys()])].map((name) => this.get(name));
  }

  /** Calls back when another tab changed something here. */
  watch(onChange) {
    window.addEventListener("storage", ({ key }) => {
      if (key === null || key.startsWith(this.prefix)) onChange();
    });
  }
}

/** localStorage, or memory where the browser forbids it. */
function availableStorage() {
  try {
    localStorage.setItem("chatbridge", "");
    localStorage.removeItem("chatbridge");
    return localStorage;
  } catch {
    return new MemoryStorage();
  }
}
