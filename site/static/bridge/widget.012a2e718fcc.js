// What `{% chat_widget %}` puts on a page of the site: a button at the corner, which opens the chat in a frame.

import { Kept } from "./model/kept.7dc6abd74b7c.js";
import { texts } from "./texts.c1b04b393278.js";
import { Arrival } from "./wire/arrival.4f9669a4c5af.js";

const NARROW = matchMedia("(max-width: 30rem), (max-height: 30rem)");
const kept = new Kept("chatbridge.widget."); // by inbox: whether its visitor has a conversation

class Widget extends HTMLElement {
  #parts;
  #heard = (event) => this.#hear(event);
  #fit = () => this.#fitScreen();
  #arrival;

  connectedCallback() {
    this.#parts ??= this.#prepare();
    window.addEventListener("message", this.#heard);
    NARROW.addEventListener("change", this.#fit);
    visualViewport.addEventListener("resize", this.#fit);
    // Who has a conversation is told of answers on every page; to everybody else the chat costs nothing.
    if (kept.get(this.dataset.inbox)) this.#load();
  }

  disconnectedCallback() {
    window.removeEventListener("message", this.#heard);
    NARROW.removeEventListener("change", this.#fit);
    visualViewport.removeEventListener("resize", this.#fit);
  }

  /** The chat's own, for the site's scripts: null until the frame has it, which "socket" tells. */
  get socket() {
    try {
      return this.#parts?.frame.contentWindow?.chatbridge ?? null;
    } catch {
      return null; // the browser's own page, of an error
    }
  }

  #prepare() {
    const shadow = this.shadowRoot ?? this.#shadow();
    const part = (name) => shadow.querySelector(`[data-${name}]`);
    const names = ["panel", "close", "shell", "frame", "launcher", "badge", "status", "style"];
    const parts = Object.fromEntries(names.map((name) => [name, part(name)]));
    const show = () => (parts.launcher.hidden = false);
    if (parts.style.sheet) show();
    else parts.style.addEventListener("load", show);
    parts.launcher.addEventListener("click", () => (parts.panel.open ? parts.panel.close() : this.#open()));
    parts.close.addEventListener("click", () => parts.panel.close());
    parts.panel.addEventListener("close", () => this.#changed());
    this.#arrival = new Arrival(parts.frame, {
      isThere: () => Boolean(this.socket),
      show: (state) => this.#arrived(state),
    });
    return parts;
  }

  /** For browsers, and scripts that set a page's HTML, which leave the template a template. */
  #shadow() {
    const shadow = this.attachShadow({ mode: "open" });
    shadow.append(this.querySelector("template").content);
    return shadow;
  }

  #load() {
    this.#arrival.begin(this.dataset.framed);
  }

  #arrived(state) {
    const { panel, frame, shell } = this.#parts;
    frame.hidden = state !== "there";
    shell.hidden = !frame.hidden;
    shell.textContent = texts.shell[state] ?? "";
    if (frame.hidden) return;
    this.#changed();
    this.dispatchEvent(new Event("socket"));
    if (panel.open) frame.focus();
  }

  #open() {
    const { panel, frame } = this.#parts;
    this.#load();
    // On a phone it is the whole screen, so nothing behind it can be reached.
    if (NARROW.matches) panel.showModal();
    else panel.show();
    frame.focus();
    this.#fitScreen();
    this.#changed();
  }

  #changed() {
    const { panel, frame, launcher } = this.#parts;
    launcher.ariaExpanded = String(panel.open);
    frame.contentWindow?.postMessage({ chatbridge: "shown", shown: panel.open }, location.origin);
  }

  #fitScreen() {
    const { panel } = this.#parts;
    if (panel.open && panel.matches(":modal") !== NARROW.matches) {
      panel.close();
      this.#open();
    }
    // A phone's keyboard covers what is fixed to the page: the last line of the chat, where one writes.
    panel.style.height = NARROW.matches ? `${visualViewport.height}px` : "";
  }

  #hear({ source, origin, data }) {
    if (origin !== location.origin || source !== this.#parts.frame.contentWindow) return;
    if (data.chatbridge === "close") this.#parts.panel.close();
    if (data.chatbridge === "state") this.#show(data);
  }

  #show({ unread, conversation }) {
    const { badge, status, panel } = this.#parts;
    const told = panel.open ? 0 : unread;
    badge.hidden = !told;
    badge.textContent = told > 9 ? "9+" : told;
    const text = told ? texts.newer(told) : "";
    if (status.textContent !== text) status.textContent = text;
    if (conversation) kept.put(this.dataset.inbox, true);
  }
}

customElements.define("chatbridge-widget", Widget);
