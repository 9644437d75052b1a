// What survives a reload: one localStorage key for each thing, so that two tabs never overwrite each other's list.

export class Kept {
  #unkept = new Map(); // what found no room: it lives as long as the page

  constructor(prefix, storage = usable()) {
    this.prefix = prefix;
    this.storage = storage;
  }

  put(name, value) {
    try {
      this.storage.setItem(this.prefix + name, JSON.stringify(value));
      this.#unkept.delete(name);
    } catch (full) {
      console.warn("Cannot keep this over a reload:", full.name);
      this.#unkept.set(name, value);
    }
  }

  get(name) {
    return this.#unkept.get(name) ?? JSON.parse(this.storage.getItem(this.prefix + name));
  }

  remove(name) {
    this.#unkept.delete(name);
    this.storage.removeItem(this.prefix + name);
  }

  all() {
    const keys = Array.from({ length: this.storage.length }, (_, at) => this.storage.key(at));
    const names = keys
      .filter((key) => key?.startsWith(this.prefix))
      .map((key) => key.slice(this.prefix.length));
    return [...new Set([...names, ...this.#unkept.keys()])].map((name) => this.get(name));
  }

  /** Calls back when another tab changed something here. */
  watch(changed) {
    window.addEventListener("storage", ({ key }) => {
      if (key === null || key.startsWith(this.prefix)) changed();
    });
  }
}

/** localStorage, or memory where the browser forbids it. */
function usable() {
  try {
    localStorage.setItem("chatbridge", "");
    localStorage.removeItem("chatbridge");
    return localStorage;
  } catch {
    return new MemoryStorage();
  }
}

class MemoryStorage extends Map {
  get length() {
    return this.size;
  }
  key(at) {
    return [...this.keys()][at] ?? null;
  }
  getItem(key) {
    return this.get(key) ?? null;
  }
  setItem(key, value) {
    this.set(key, value);
  }
  removeItem(key) {
    this.delete(key);
  }
}
