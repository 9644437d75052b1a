// The list of the visitor's conversations, shown over the one on the screen; and the hint that one has a new answer.

import { texts } from "../../text/texts.js";
import { part, setText } from "../page/elements.js";
import { KeyedList } from "../page/keyed_list.js";
import { isEscape } from "../page/keys.js";
import { conversationElement, fillConversation } from "./conversation_row.js";

export class ConversationListView {
  isOpen = false;
  #toggle = part("earlier-toggle");
  #rows = part("earlier-rows");
  #list = new KeyedList(this.#rows, {
    keyOf: ({ uid }) => uid,
    create: conversationElement,
    update: (element, row) => fillConversation(element, row, row.uid === this.chat.conversation?.uid),
  });

  /** `onToggle`: what the list covers is to be shown or hidden. `leave()` moves the focus to the composer. */
  constructor(chat, { onToggle, leave }) {
    Object.assign(this, { chat, onToggle, leave });
    this.#toggle.addEventListener("click", () => (this.isOpen ? this.#close() : this.#open()));
    part("earlier-close").addEventListener("click", () => this.#close());
    part("earlier-back").addEventListener("click", () => this.#goToCurrent());
    part("earlier-hint-open").addEventListener("click", () => this.#followHint());
    part("earlier-further").addEventListener("click", () => chat.list.loadMore());
    this.#rows.addEventListener("click", ({ target }) => this.#pick(target.closest("[data-uid]")));
    part("earlier").addEventListener("keydown", (event) => {
      if (!isEscape(event)) return;
      event.stopPropagation();
      this.#close();
    });
  }

  show() {
    const { list, conversation, conversations } = this.chat;
    this.#toggle.hidden = !(list.endedCount || this.isOpen);
    this.#toggle.setAttribute("aria-expanded", String(this.isOpen));
    part("earlier-badge").hidden = !list.unreadCount;
    setText(part("earlier-number"), list.unreadCount > 99 ? "99+" : String(list.unreadCount));
    part("earlier").hidden = !this.isOpen;
    part("earlier-visit").hidden = !conversations.isEarlierShown;
    if (conversations.isEarlierShown)
      setText(part("earlier-visit-text"), texts.conversations.elsewhere(conversation));
    const hasHint = list.unreadCount > 0 && !this.isOpen;
    part("earlier-hint").hidden = !hasHint;
    if (hasHint) setText(part("earlier-hint-text"), texts.conversations.hint(list.unreadCount));
    if (this.isOpen) this.#showList(list);
  }

  #showList(list) {
    const isFirstLoad = list.isLoading && !list.rows.length;
    const { failed, loading } = texts.conversations;
    setText(part("earlier-status"), list.failed ? failed : isFirstLoad ? loading : "");
    part("earlier-further").hidden = !list.hasMore;
    const focused = document.activeElement;
    this.#list.show(list.rows);
    if (this.#rows.contains(focused)) focused.focus(); // a row that moved lost it
  }

  async #open() {
    this.isOpen = true;
    this.onToggle();
    part("earlier-title").focus();
    await this.chat.list.refresh();
    this.onToggle();
  }

  #close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onToggle();
    this.#toggle.focus();
  }

  /** To the conversation with the answer; if there may be several, to the list. */
  async #followHint() {
    const { list } = this.chat;
    await list.refresh();
    if (list.onlyUnread) await this.#go(list.onlyUnread.uid);
    else this.#open();
  }

  async #pick(button) {
    if (button) await this.#go(button.dataset.uid);
  }

  async #go(uid) {
    if (!(await this.chat.conversations.show(uid))) return;
    this.isOpen = false;
    this.onToggle();
    this.leave();
  }

  async #goToCurrent() {
    await this.chat.conversations.showCurrent();
    this.onToggle();
    this.leave();
  }
}
