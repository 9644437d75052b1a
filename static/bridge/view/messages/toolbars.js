// The small toolbar of each message: shown under the pointer, behind a “More” button where there is none.
//
// For the Tab key all toolbars together are one stop: the arrow keys move between the buttons of a message, and up and
// down between messages; Escape goes back to the composer. What a button does is registered with `on`.

import { partOf } from "../page/elements.js";

export class Toolbars {
  #actions = new Map(); // name -> function
  #tabStop = null; // the button that Tab reaches
  #open = null; // the toolbar whose buttons “More” brought up

  /** `rowOf(element)` returns the row of an element; `leave()` moves the focus to the composer. */
  constructor(list, { rowOf, leave }) {
    Object.assign(this, { list, rowOf, leave });
    list.addEventListener("click", ({ target }) => this.#click(target.closest("button")));
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", ({ target }) => {
      if (target.closest("[data-tools]")) this.#setTabStop(target);
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#open?.contains(target)) this.#setOpen(null);
    });
  }

  /** `run(row, button)` is called when the button `data-tool="name"` of a message is pressed. */
  on(name, run) {
    this.#actions.set(name, run);
  }

  /** After the rows were shown: there is always one button that Tab reaches. */
  show() {
    if (this.#tabStop?.isConnected && !this.#tabStop.closest("[hidden]")) return;
    const latest = this.#toolbars.at(-1);
    this.#setTabStop(latest ? visibleButtons(latest)[0] : null);
  }

  #click(button) {
    if (button?.matches("[data-more]")) {
      const toolbar = button.closest("[data-tools]");
      this.#setOpen(toolbar === this.#open ? null : toolbar);
    }
    const run = this.#actions.get(button?.dataset.tool);
    if (!run) return;
    this.#setOpen(null);
    run(this.rowOf(button), button);
  }

  #key(event) {
    const toolbar = event.target.closest("[data-tools]");
    if (!toolbar) return;
    const next = this.#buttonAfter(event.key, toolbar, event.target);
    if (next) next.focus();
    else if (event.key === "Escape") this.#escape();
    else return;
    event.preventDefault();
  }

  #buttonAfter(key, toolbar, button) {
    const buttons = visibleButtons(toolbar);
    const toolbars = this.#toolbars;
    const index = toolbars.indexOf(toolbar);
    const moves = {
      ArrowRight: () => buttons[buttons.indexOf(button) + 1] ?? button,
      ArrowLeft: () => buttons[buttons.indexOf(button) - 1] ?? button,
      ArrowUp: () => visibleButtons(toolbars[Math.max(0, index - 1)])[0],
      ArrowDown: () => visibleButtons(toolbars[Math.min(toolbars.length - 1, index + 1)])[0],
    };
    return moves[key]?.();
  }

  #escape() {
    if (!this.#open) return this.leave();
    partOf(this.#open, "more").focus();
    this.#setOpen(null);
  }

  #setOpen(toolbar) {
    for (const changed of new Set([this.#open, toolbar])) {
      if (!changed) continue;
      changed.classList.toggle("open", changed === toolbar);
      partOf(changed, "more").ariaExpanded = String(changed === toolbar);
    }
    this.#open = toolbar;
    if (toolbar) this.#keepOnScreen(toolbar.querySelector(".tray"));
  }

  /** Beside a wide message, the buttons would begin left of the screen. */
  #keepOnScreen(tray) {
    tray.style.setProperty("--inward", "0px");
    const overflow = this.list.getBoundingClientRect().left - tray.getBoundingClientRect().left;
    tray.style.setProperty("--inward", `${Math.max(0, overflow)}px`);
  }

  #setTabStop(button) {
    this.#tabStop?.setAttribute("tabindex", "-1");
    button?.setAttribute("tabindex", "0");
    this.#tabStop = button;
  }

  get #toolbars() {
    return [...this.list.querySelectorAll("[data-tools]:not([hidden])")];
  }
}

function visibleButtons(toolbar) {
  return [...toolbar.querySelectorAll("button")].filter((button) => button.offsetParent);
}
