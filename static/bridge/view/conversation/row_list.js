// The rows on the page, and their elements.

import { clock } from "../../model/clock.js";
import { fillRow } from "../messages/rows.js";
import { part, template } from "../page/elements.js";
import { KeyedList } from "../page/keyed_list.js";

const WITHOUT_WORDS = new Set(["day", "unread"]);

export class RowList {
  elements = []; // in order
  element = part("rows");
  #rows = new Map(); // key -> row
  #signatures = new WeakMap(); // element -> what it shows
  #list = new KeyedList(this.element, {
    keyOf: ({ key }) => key,
    create: (row) => this.#create(row),
    update: (element, row) => this.#update(element, row),
  });

  /** Whether these rows would add anything above what is shown: that is the past, and no news. */
  addsAbove(rows) {
    const lastShown = rows.findLastIndex(({ key }) => this.#list.has(key));
    const above = lastShown < 0 ? rows : rows.slice(0, lastShown);
    return above.some(({ key, kind }) => !WITHOUT_WORDS.has(kind) && !this.#list.has(key));
  }

  show(rows) {
    this.#rows = new Map(rows.map((row) => [row.key, row]));
    this.#list.show(rows);
    this.elements = rows.map(({ key }) => this.#list.get(key));
  }

  get all() {
    return [...this.#rows.values()];
  }

  /** The row that an element inside the list belongs to. */
  rowOf(element) {
    return this.#rows.get(element.closest("[data-key]")?.dataset.key);
  }

  /** The element of a message, if it is on the page. */
  elementOf(uid) {
    const row = this.all.find((row) => row.uid === uid);
    return row && this.#list.get(row.key);
  }

  #create({ key, kind }) {
    const element = template(kind === "event" ? "notice" : kind);
    element.dataset.key = key;
    return element;
  }

  #update(element, row) {
    // With the day, since “Today” is “Yesterday” tomorrow.
    const signature = JSON.stringify([row, clock.today()]);
    if (this.#signatures.get(element) === signature) return;
    this.#signatures.set(element, signature);
    fillRow[row.kind](element, row);
  }
}
