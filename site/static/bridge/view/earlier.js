// The list of the visitor's conversations, in place of the one that is on the screen; and what is said of a late answer.

import { clock } from "../model/clock.js";
import { plain } from "../model/markdown.js";
import { texts } from "../texts.js";
import { say } from "./header.js";
import { escapes } from "./keys.js";
import { dateOf, isToday, timeOf } from "./moments.js";

export class EarlierView {
  #shown = "";
  open = false;

  /** `changed`: what it covers is to be shown or hidden; `leave` puts the focus back. */
  constructor(parts, { chat, template, changed, leave }) {
    Object.assign(this, parts, { chat, template, changed, leave });
    this.toggle.addEventListener("click", () => (this.open ? this.close() : this.#enter()));
    this.shut.addEventListener("click", () => this.close());
    this.back.addEventListener("click", () => this.#home());
    this.hintOpen.addEventListener("click", () => this.#follow());
    this.further.addEventListener("click", () => chat.earlier.further());
    this.rows.addEventListener("click", ({ target }) => this.#choose(target.closest("[data-uid]")));
    this.panel.addEventListener("keydown", (event) => {
      if (!escapes(event)) return;
      event.stopPropagation();
      this.close();
    });
  }

  show() {
    const { earlier, conversation, visiting } = this.chat;
    this.toggle.hidden = !(earlier.count || this.open);
    this.toggle.setAttribute("aria-expanded", String(this.open));
    this.badge.hidden = !earlier.unread;
    say(this.number, earlier.unread > 99 ? "99+" : String(earlier.unread));
    this.panel.hidden = !this.open;
    this.visit.hidden = !visiting;
    if (visiting) say(this.visitText, texts.earlier.visiting(conversation));
    this.hint.hidden = !earlier.unread || this.open;
    if (!this.hint.hidden) say(this.hintText, texts.earlier.hint(earlier.unread));
    if (this.open) this.#list();
  }

  close() {
    if (!this.open) return;
    this.open = false;
    this.changed();
    this.toggle.focus();
  }

  async #enter() {
    this.open = true;
    this.changed();
    this.title.focus();
    await this.chat.earlier.refresh();
    this.changed();
  }

  /** To the one with the answer; where it may be several, to the list. */
  async #follow() {
    await this.chat.earlier.refresh();
    const one = this.chat.earlier.unreadOne;
    if (one) await this.#go(one.uid);
    else this.#enter();
  }

  async #choose(button) {
    if (button) await this.#go(button.dataset.uid);
  }

  async #go(uid) {
    if (!(await this.chat.visit(uid))) return;
    this.open = false;
    this.changed();
    this.leave();
  }

  async #home() {
    await this.chat.home();
    this.changed();
    this.leave();
  }

  #list() {
    const { earlier, conversation } = this.chat;
    const text = earlier.failed ? texts.earlier.failed : earlier.busy && !earlier.rows.length ? texts.earlier.loading : "";
    say(this.status, text);
    this.further.hidden = !earlier.more;
    const signature = JSON.stringify([earlier.rows, conversation?.uid, new Date(clock.now()).toDateString()]);
    if (signature === this.#shown) return;
    this.#shown = signature;
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.uid : null;
    this.rows.replaceChildren(...earlier.rows.map((row) => this.#row(row, row.uid === conversation?.uid)));
    if (focused) this.rows.querySelector(`[data-uid="${focused}"]`)?.focus();
  }

  #row({ uid, title, state, unread, active_at, created_at }, current) {
    const item = this.template("earlier");
    const button = item.querySelector("button");
    button.dataset.uid = uid;
    if (current) button.setAttribute("aria-current", "true");
    button.classList.toggle("unread", unread > 0);
    const part = (name) => item.querySelector(`[data-${name}]`);
    part("earlier-words").textContent = plain(title).replace(/\s+/g, " ").trim() || texts.earlier.untitled(dateOf(new Date(created_at)));
    const at = new Date(active_at);
    part("earlier-time").dateTime = at.toISOString();
    part("earlier-time").textContent = isToday(at) ? timeOf(at) : dateOf(at);
    part("earlier-state").textContent = state === "open" ? texts.earlier.open : texts.earlier.ended;
    part("earlier-unread").hidden = !unread;
    part("earlier-unread").textContent = unread ? texts.earlier.unread(unread) : "";
    return item;
  }
}
