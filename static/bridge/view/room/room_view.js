// What only a room has: its topic, who is in it, the visitor's name there, and what may be written.

import { texts } from "../../text/texts.js";
import { showAvatar } from "../messages/avatar.js";
import { part, partOf, setText, template } from "../page/elements.js";
import { InlineForm } from "../page/inline_form.js";
import { KeyedList } from "../page/keyed_list.js";
import { isEscape } from "../page/keys.js";

const WIDE = matchMedia("(min-width: 60rem) and (min-height: 30rem)"); // the list of members is always there

export class RoomView {
  #panel = part("members");
  #toggle = part("members-toggle");
  #nickForm;
  #list = new KeyedList(part("member-list"), {
    keyOf: ({ id }) => id,
    create: () => template("member"),
    update: (element, author) => this.#showMember(element, author),
  });

  constructor(room) {
    this.room = room;
    this.#nickForm = new InlineForm("nick", {
      value: () => room.me?.name ?? "",
      save: async (nick) => nick && room.rename(nick),
      texts: texts.nickForm,
    });
    this.#toggle.addEventListener("click", () => this.#setOpen(true));
    part("members-close").addEventListener("click", () => this.#setOpen(false));
    part("members-shade").addEventListener("click", () => this.#setOpen(false));
    this.#panel.addEventListener("keydown", (event) => this.#key(event));
    WIDE.addEventListener("change", () => this.#setOpen(false));
    this.#setOpen(false);
  }

  /** `isCutOff`: who is online is not known just now. */
  show({ isCutOff }) {
    const { info, me, onlineCount, members } = this.room;
    if (!info) return;
    setText(part("presence"), info.topic);
    setText(part("topic"), info.topic);
    setText(part("online-count"), isCutOff ? "" : texts.onlineCount(onlineCount));
    setText(part("online-text"), texts.membersOnline(onlineCount));
    setText(part("nick-now"), me.name);
    part("composer").hidden = info.read_only;
    setText(part("rule"), info.read_only ? texts.readOnly : info.slow_mode ? texts.slowMode(info.slow_mode) : "");
    this.#list.show(members);
    const unlisted = onlineCount - members.length;
    setText(part("members-more"), unlisted > 0 ? texts.moreMembers(unlisted) : "");
  }

  #showMember(element, author) {
    const name = partOf(element, "name");
    if (name.textContent !== author.name) {
      name.textContent = author.name;
      showAvatar(element.querySelector(".avatar"), author);
    }
    partOf(element, "you").hidden = author.id !== this.room.me.id;
  }

  #setOpen(isOpen) {
    const wasOpen = this.#panel.classList.contains("open");
    this.#panel.classList.toggle("open", isOpen);
    this.#panel.inert = !isOpen && !WIDE.matches;
    this.#toggle.ariaExpanded = String(isOpen);
    part("members-shade").hidden = !isOpen;
    if (isOpen) part("members-close").focus({ preventScroll: true });
    else if (wasOpen) this.#toggle.focus();
  }

  #key(event) {
    if (!isEscape(event)) return;
    if (this.#nickForm.isOpen) this.#nickForm.close();
    else if (this.#panel.classList.contains("open")) this.#setOpen(false);
  }
}
