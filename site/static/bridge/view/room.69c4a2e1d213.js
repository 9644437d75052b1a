// What only a room has: its topic, who is in it, the name that one has there, and what may be written.

import { texts } from "../texts.c1b04b393278.js";
import { showAvatar } from "./avatar.dc0a1be0cff1.js";
import { say } from "./header.55388f40d2a1.js";
import { escapes } from "./keys.203b9b474203.js";
import { part, template } from "./page.5f80d0f75418.js";

const WIDE = matchMedia("(min-width: 60rem) and (min-height: 30rem)");

export class RoomView {
  #elements = new Map(); // author id -> element
  #panel = part("members");
  #toggle = part("members-toggle");
  #form = part("nick-form");
  #input = part("nick-input");

  constructor(room) {
    this.room = room;
    this.#toggle.addEventListener("click", () => this.#open(true));
    part("members-close").addEventListener("click", () => this.#open(false));
    part("members-shade").addEventListener("click", () => this.#open(false));
    this.#panel.addEventListener("keydown", (event) => this.#key(event));
    WIDE.addEventListener("change", () => this.#open(false));
    part("nick-edit").addEventListener("click", () => this.#edit());
    part("nick-cancel").addEventListener("click", () => this.#edited());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
    });
    this.#open(false);
  }

  show({ cutOff }) {
    const { info, me, online, members } = this.room;
    if (!info) return;
    say(part("presence"), info.topic);
    say(part("topic"), info.topic);
    say(part("online-count"), cutOff ? "" : texts.inRoom(online));
    say(part("online-text"), texts.here(online));
    say(part("nick-now"), me.name);
    part("composer").hidden = info.read_only;
    say(part("rule"), info.read_only ? texts.readOnly : info.slow_mode ? texts.slowMode(info.slow_mode) : "");
    this.#list(members, me);
    say(part("members-more"), online > members.length ? texts.moreMembers(online - members.length) : "");
  }

  #list(members, me) {
    const list = part("member-list");
    const ids = new Set(members.map(({ id }) => id));
    for (const [id, element] of this.#elements) {
      if (ids.has(id)) continue;
      element.remove();
      this.#elements.delete(id);
    }
    let next = list.firstElementChild;
    for (const author of members) {
      const element = this.#element(author, author.id === me.id);
      if (element === next) next = next.nextElementSibling;
      else list.insertBefore(element, next);
    }
  }

  #element(author, own) {
    let element = this.#elements.get(author.id);
    if (!element) this.#elements.set(author.id, (element = template("member")));
    const name = element.querySelector("[data-name]");
    if (name.textContent !== author.name) {
      name.textContent = author.name;
      showAvatar(element.querySelector(".avatar"), author);
    }
    element.querySelector("[data-you]").hidden = !own;
    return element;
  }

  /** On a wide screen it is always there. */
  #open(open) {
    const was = this.#panel.classList.contains("open");
    this.#panel.classList.toggle("open", open);
    this.#panel.inert = !open && !WIDE.matches;
    this.#toggle.ariaExpanded = String(open);
    part("members-shade").hidden = !open;
    if (open) part("members-close").focus({ preventScroll: true });
    else if (was) this.#toggle.focus();
  }

  #key(event) {
    if (!escapes(event)) return;
    if (!this.#form.hidden) this.#edited();
    else if (this.#panel.classList.contains("open")) this.#open(false);
  }

  #edit() {
    this.#form.hidden = false;
    part("nick-line").hidden = true;
    this.#input.value = this.room.me?.name ?? "";
    this.#say("");
    this.#input.focus();
    this.#input.select();
  }

  #edited() {
    this.#form.hidden = true;
    part("nick-line").hidden = false;
    part("nick-edit").focus();
  }

  async #rename() {
    const nick = this.#input.value.trim();
    if (!nick || nick === this.room.me?.name) return this.#edited();
    try {
      await this.room.rename(nick);
      this.#edited();
    } catch (failure) {
      this.#say(texts.refusedNick[failure.code] ?? texts.refusedNickOther);
      this.#input.focus();
    }
  }

  #say(text) {
    say(part("nick-error"), text);
    this.#input.setAttribute("aria-invalid", String(Boolean(text)));
  }
}
