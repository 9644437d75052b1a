// Keeps the elements of a list in step with its items: creates, moves and removes only what changed.

export class KeyedList {
  #elements = new Map(); // key -> element

  /** `keyOf(item)`, `create(item)` returns its element, `update(element, item)` fills it each time it is shown. */
  constructor(list, { keyOf, create, update }) {
    Object.assign(this, { list, keyOf, create, update });
  }

  has(key) {
    return this.#elements.has(key);
  }

  get(key) {
    return this.#elements.get(key);
  }

  show(items) {
    this.#removeAllBut(new Set(items.map(this.keyOf)));
    let next = this.list.firstElementChild;
    for (const item of items) {
      const element = this.#elementOf(item);
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
      this.update(element, item);
    }
  }

  #removeAllBut(keys) {
    for (const [key, element] of this.#elements) {
      if (keys.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
  }

  #elementOf(item) {
    const key = this.keyOf(item);
    if (!this.#elements.has(key)) this.#elements.set(key, this.create(item));
    return this.#elements.get(key);
  }
}
