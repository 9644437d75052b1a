// Keeps the list's elements in step with the rows: moves, fills and removes only what changed.

import { clock } from "../model/clock.js";
import { fill } from "./row.js";

export class Rows {
  #elements = new Map(); // key -> element
  #shown = new WeakMap(); // element -> what it shows
  #rows = new Map(); // key -> row
  elements = []; // in order

  constructor(list, template) {
    this.list = list;
    this.template = template;
  }

  /** Whether to show these puts anything elsewhere than behind what is shown: the past, and no news. */
  bringPast(rows) {
    const known = rows.findLastIndex(({ key }) => this.#elements.has(key));
    const above = known < 0 ? rows : rows.slice(0, known);
    return above.some(({ key, kind }) => kind !== "day" && kind !== "unread" && !this.#elements.has(key));
  }

  show(rows) {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, element] of this.#elements) {
      if (keys.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    this.#rows = new Map(rows.map((row) => [row.key, row]));
    let next = this.list.firstElementChild;
    for (const row of rows) {
      const element = this.#element(row);
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
      this.#fill(element, row);
    }
    this.elements = rows.map(({ key }) => this.#elements.get(key));
  }

  get all() {
    return [...this.#rows.values()];
  }

  /** The row that an element inside the list belongs to. */
  rowOf(element) {
    return this.#rows.get(element.closest("[data-key]")?.dataset.key);
  }

  /** The element of a message, where it is on the page. */
  elementOf(uid) {
    const row = [...this.#rows.values()].find((each) => each.uid === uid);
    return row && this.#elements.get(row.key);
  }

  #element({ key, kind }) {
    let element = this.#elements.get(key);
    if (!element) {
      element = this.template(kind === "event" ? "notice" : kind);
      element.dataset.key = key;
      this.#elements.set(key, element);
    }
    return element;
  }

  #fill(element, row) {
    // The day is in it since “Today” is “Yesterday” tomorrow.
    const signature = JSON.stringify([row, new Date(clock.now()).toDateString()]);
    if (this.#shown.get(element) === signature) return;
    this.#shown.set(element, signature);
    fill[row.kind](element, row);
  }
}
