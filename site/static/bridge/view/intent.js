// What the words in the composer are for: a new message, an answer to one, or another text for one.

import { plain } from "../model/markdown.js";
import { excerpt } from "../model/timeline.js";
import { texts } from "../texts.js";
import { say } from "./header.js";

export class Intent {
  #reply = null; // the row that is answered
  #edit = null; // the row that is edited

  constructor(parts, { chat, composer, uploads }) {
    Object.assign(this, parts, { chat, composer, uploads });
    this.cancel.addEventListener("click", () => this.end());
  }

  reply(row) {
    this.end();
    this.#reply = row;
    this.#show();
    this.composer.focus();
  }

  edit(row) {
    this.end();
    this.#edit = row;
    this.composer.borrow(row.content);
    this.#show();
  }

  /** He pressed Enter. */
  done(content) {
    const reply = this.#reply;
    const edit = this.#edit;
    this.end();
    if (!edit) {
      const attachments = this.uploads.take();
      this.chat.say({ content, quote: reply && quoteOf(reply), attachments });
    } else if (content !== edit.content) this.chat.changes.edit(edit.uid, content);
    return !edit;
  }

  /** Back to a new message. Returns whether it was for something else. */
  end() {
    const was = this.#reply ?? this.#edit;
    if (this.#edit) this.composer.giveBack();
    this.#reply = this.#edit = null;
    this.#show();
    return Boolean(was);
  }

  /** What it is about may have been deleted in the meantime. */
  check() {
    const uid = (this.#reply ?? this.#edit)?.uid;
    if (!uid) return;
    const message = this.chat.conversation?.timeline.get(uid);
    if (!message || message.deleted_at) this.end();
  }

  get #excerpt() {
    return plain(excerpt(this.#reply.content)) || texts.file;
  }

  #show() {
    this.box.hidden = !(this.#reply || this.#edit);
    const name = this.#reply?.own ? texts.replyingToOwn : texts.replying(this.#reply?.author?.name ?? "");
    say(this.text, this.#edit ? texts.editing : this.#reply ? name + this.#excerpt : "");
    this.composer.label(this.#edit ? texts.saving : texts.send);
  }
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
