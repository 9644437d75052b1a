import assert from "node:assert/strict";
import test from "node:test";
import { LocalStore } from "../../../static/bridge/storage/local_store.js";
import { MemoryStorage } from "../../../static/bridge/storage/memory_storage.js";

globalThis.window = new EventTarget();

/** As a browser's that has no room left. */
class FullStorage extends MemoryStorage {
  isFull = true;
  setItem(key, value) {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    super.setItem(key, value);
  }
}

test("what is put is there over a reload, and gone once it was removed", () => {
  const storage = new MemoryStorage();
  new LocalStore("a.", storage).put("one", { text: "ä" });
  const reloaded = new LocalStore("a.", storage);
  assert.deepEqual(reloaded.get("one"), { text: "ä" });
  reloaded.remove("one");
  assert.equal(reloaded.get("one"), null);
  assert.equal(storage.length, 0);
});

test("stores of one storage do not see each other's items", () => {
  const storage = new MemoryStorage();
  const [mine, theirs] = [new LocalStore("a.", storage), new LocalStore("b.", storage)];
  mine.put("one", 1);
  mine.put("two", 2);
  theirs.put("one", 3);
  storage.setItem("c", "somebody else's");
  assert.deepEqual(mine.all().sort(), [1, 2]);
  assert.deepEqual(theirs.all(), [3]);
});

test("what finds no room lives as long as the page", () => {
  const store = new LocalStore("a.", new FullStorage());
  store.put("one", 1);
  assert.equal(store.get("one"), 1);
  assert.deepEqual(store.all(), [1]);
  store.remove("one");
  assert.deepEqual(store.all(), []);
});

test("where the browser forbids storage, the page works without", () => {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get() {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const store = new LocalStore("a.");
  store.put("one", 1);
  assert.equal(store.get("one"), 1);
});

test("it hears what another tab changed among its own items, or cleared", () => {
  const store = new LocalStore("a.", new MemoryStorage());
  let changes = 0;
  store.watch(() => (changes += 1));
  for (const key of ["a.one", "b.one", null]) window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  assert.equal(changes, 2);
});

test("what found no room is stored with the next change, once there is some", () => {
  const storage = new FullStorage();
  const store = new LocalStore("a.", storage);
  store.put("one", 1);
  storage.isFull = false;
  store.put("one", 2);
  assert.equal(store.get("one"), 2);
  assert.deepEqual(new LocalStore("a.", storage).all(), [2]);
});
