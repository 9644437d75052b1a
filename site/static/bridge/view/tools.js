// The small toolbar of each message: shown under the pointer, behind a “More” button where there is none.
//
// For the keyboard all of them together are one stop: the arrow keys move between the buttons of a message, and up
// and down between messages; Escape goes back to where one writes. What a button does is registered with `on`.

const part = (element, name) => element.querySelector(`[data-${name}]`);

export class Tools {
  #actions = new Map(); // name -> function
  #stop = null; // the button that Tab reaches
  #open = null; // the toolbar whose buttons “More” brought up

  /** `rowOf(element)` gives the row that an element belongs to; `leave` takes the focus back to the composer. */
  constructor(list, { rowOf, leave }) {
    Object.assign(this, { list, rowOf, leave });
    list.addEventListener("click", ({ target }) => this.#click(target.closest("button")));
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", ({ target }) => {
      if (target.closest("[data-tools]")) this.#stopAt(target);
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#open?.contains(target)) this.#toggle(null);
    });
  }

  /** `run(row, button)` when the button `data-tool="name"` of a message is pressed. */
  on(name, run) {
    this.#actions.set(name, run);
  }

  /** After the rows were shown: there is always one button that Tab reaches. */
  show() {
    if (this.#stop?.isConnected && !this.#stop.closest("[hidden]")) return;
    const latest = this.#bars().at(-1);
    this.#stopAt(latest ? buttons(latest)[0] : null);
  }

  #click(button) {
    if (button?.matches("[data-more]")) {
      const bar = button.closest("[data-tools]");
      this.#toggle(bar === this.#open ? null : bar);
    }
    const run = this.#actions.get(button?.dataset.tool);
    if (!run) return;
    this.#toggle(null);
    run(this.rowOf(button), button);
  }

  #key(event) {
    const bar = event.target.closest("[data-tools]");
    if (!bar) return;
    const next = this.#next(event.key, bar, event.target);
    if (next) next.focus();
    else if (event.key === "Escape") this.#escape();
    else return;
    event.preventDefault();
  }

  #next(key, bar, button) {
    const here = buttons(bar);
    const bars = this.#bars();
    const row = bars.indexOf(bar);
    const moves = {
      ArrowRight: () => here[here.indexOf(button) + 1] ?? button,
      ArrowLeft: () => here[here.indexOf(button) - 1] ?? button,
      ArrowUp: () => buttons(bars[Math.max(0, row - 1)])[0],
      ArrowDown: () => buttons(bars[Math.min(bars.length - 1, row + 1)])[0],
    };
    return moves[key]?.();
  }

  #escape() {
    if (this.#open) {
      part(this.#open, "more").focus();
      this.#toggle(null);
    } else this.leave();
  }

  #toggle(bar) {
    for (const each of new Set([this.#open, bar])) {
      if (!each) continue;
      each.classList.toggle("open", each === bar);
      part(each, "more").ariaExpanded = String(each === bar);
    }
    this.#open = bar;
    if (bar) this.#keepInside(bar.querySelector(".tray"));
  }

  /** Beside a wide message they would begin left of the screen. */
  #keepInside(tray) {
    tray.style.setProperty("--inward", "0px");
    const beyond = this.list.getBoundingClientRect().left - tray.getBoundingClientRect().left;
    tray.style.setProperty("--inward", `${Math.max(0, beyond)}px`);
  }

  #stopAt(button) {
    this.#stop?.setAttribute("tabindex", "-1");
    button?.setAttribute("tabindex", "0");
    this.#stop = button;
  }

  #bars() {
    return [...this.list.querySelectorAll("[data-tools]:not([hidden])")];
  }
}

/** Those that can be seen, in order. */
function buttons(bar) {
  return [...bar.querySelectorAll("button")].filter((button) => button.offsetParent);
}
