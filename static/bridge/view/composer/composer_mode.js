// What the words in the composer are for: a new message, a reply to one, or an edit of one.

import { plainText } from "../../text/markdown.js";
import { excerpt } from "../../text/quotes.js";
import { texts } from "../../text/texts.js";
import { part, setText } from "../page/elements.js";

export class ComposerMode {
  #replied = null; // the row of the message that is replied to
  #edited = null; // the row of the message that is edited

  constructor({ chat, composer, uploads }) {
    Object.assign(this, { chat, composer, uploads });
    part("intent-cancel").addEventListener("click", () => this.cancel());
  }

  reply(row) {
    this.cancel();
    this.#replied = row;
    this.#show();
    this.composer.focus();
  }

  edit(row) {
    this.cancel();
    this.#edited = row;
    this.composer.startEditing(row.content);
    this.#show();
  }

  /** The visitor pressed Enter. Returns whether that was a new message, and not an edit. */
  submit(content) {
    const replied = this.#replied;
    const edited = this.#edited;
    this.cancel();
    if (!edited)
      this.chat.send({ content, quote: replied && quoteOf(replied), attachments: this.uploads.take() });
    else if (content !== edited.content) this.chat.changes.edit(edited.uid, content);
    return !edited;
  }

  /** Back to a new message. Returns whether it was a reply or an edit. */
  cancel() {
    const row = this.#row;
    if (this.#edited) this.composer.stopEditing();
    this.#replied = this.#edited = null;
    this.#show();
    return row !== null;
  }

  /** The message may have been deleted meanwhile. */
  check() {
    if (!this.#row?.uid) return;
    const message = this.chat.conversation?.timeline.get(this.#row.uid);
    if (!message || message.deleted_at) this.cancel();
  }

  get #row() {
    return this.#replied ?? this.#edited;
  }

  #show() {
    part("intent").hidden = !this.#row;
    setText(part("intent-text"), this.#edited ? texts.editing : this.#replied ? replyText(this.#replied) : "");
    this.composer.setButtonLabel(this.#edited ? texts.save : texts.send);
  }
}

function replyText({ own, author, content }) {
  const beginning = own ? texts.replyingToOwn : texts.replying(author?.name ?? "");
  return beginning + (plainText(excerpt(content)) || texts.file);
}

function quoteOf({ uid, seq, author, content }) {
  return {
    uid,
    seq,
    name: author?.name ?? "",
    role: author?.role ?? "",
    content: excerpt(content),
    deleted: false,
  };
}
