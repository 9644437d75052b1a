// What a view can watch: it dispatches "change" whenever something visible changed.

export class Observable extends EventTarget {
  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Calls back on each change. */
  onChange(callback) {
    this.addEventListener("change", () => callback());
  }
}
