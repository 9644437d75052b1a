// What `{% chat_widget %}` puts on a page of the site: a button in the corner, which opens the chat in a frame.

import { LocalStore } from "./storage/local_store.js";
import { texts } from "./text/texts.js";
import { FrameLoader } from "./view/frame/frame_loader.js";
import { partOf, setText } from "./view/page/elements.js";

const NARROW = matchMedia("(max-width: 30rem), (max-height: 30rem)"); // the chat takes the whole screen
const store = new LocalStore("chatbridge.widget."); // by inbox: whether the visitor has a conversation
const PARTS = ["panel", "close", "shell", "frame", "launcher", "badge", "status", "style"];

class Widget extends HTMLElement {
  #parts;
  #loader;
  #onMessage = (event) => this.#receive(event);
  #onResize = () => this.#fitScreen();

  connectedCallback() {
    this.#parts ??= this.#prepare();
    window.addEventListener("message", this.#onMessage);
    NARROW.addEventListener("change", this.#onResize);
    visualViewport.addEventListener("resize", this.#onResize);
    // A visitor with a conversation hears of answers on every page; for everybody else the chat costs nothing.
    if (store.get(this.dataset.inbox)) this.#load();
  }

  disconnectedCallback() {
    window.removeEventListener("message", this.#onMessage);
    NARROW.removeEventListener("change", this.#onResize);
    visualViewport.removeEventListener("resize", this.#onResize);
  }

  /** The chat's socket, for the site's scripts: null until the frame has it, which a "socket" event announces. */
  get socket() {
    try {
      return this.#parts?.frame.contentWindow?.chatbridge ?? null;
    } catch {
      return null; // the browser's own error page
    }
  }

  #prepare() {
    const shadow = this.shadowRoot ?? this.#attachShadow();
    const parts = Object.fromEntries(PARTS.map((name) => [name, partOf(shadow, name)]));
    const { panel, close, frame, launcher, style } = parts;
    const showLauncher = () => (launcher.hidden = false);
    if (style.sheet) showLauncher();
    else style.addEventListener("load", showLauncher);
    launcher.addEventListener("click", () => (panel.open ? panel.close() : this.#open()));
    close.addEventListener("click", () => panel.close());
    panel.addEventListener("close", () => this.#sendShown());
    this.#loader = new FrameLoader(frame, {
      isLoaded: () => Boolean(this.socket),
      onState: (state) => this.#showFrame(state),
    });
    return parts;
  }

  /** For old browsers, and scripts that set a page's HTML: they leave the template a template. */
  #attachShadow() {
    const shadow = this.attachShadow({ mode: "open" });
    shadow.append(this.querySelector("template").content);
    return shadow;
  }

  #load() {
    this.#loader.load(this.dataset.framed);
  }

  #showFrame(state) {
    const { panel, frame, shell } = this.#parts;
    frame.hidden = state !== "loaded";
    shell.hidden = !frame.hidden;
    shell.textContent = texts.frame[state] ?? "";
    if (frame.hidden) return;
    this.#sendShown();
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
    this.#sendShown();
  }

  /** Tells the chat whether the visitor sees it. */
  #sendShown() {
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
    // A phone's keyboard would cover the end of the panel, with the composer.
    panel.style.height = NARROW.matches ? `${visualViewport.height}px` : "";
  }

  #receive({ source, origin, data }) {
    if (origin !== location.origin || source !== this.#parts.frame.contentWindow) return;
    if (data.chatbridge === "close") this.#parts.panel.close();
    if (data.chatbridge === "state") this.#showUnread(data);
  }

  #showUnread({ unread, conversation }) {
    const { badge, status, panel } = this.#parts;
    const count = panel.open ? 0 : unread;
    badge.hidden = !count;
    badge.textContent = count > 9 ? "9+" : count;
    setText(status, count ? texts.newer(count) : "");
    if (conversation) store.put(this.dataset.inbox, true);
  }
}

customElements.define("chatbridge-widget", Widget);
