// A line that asks for an e-mail address for missed answers, or says which one is known.

import { texts } from "../../text/texts.js";
import { part, setText } from "../page/elements.js";
import { InlineForm } from "../page/inline_form.js";

export class EmailLine {
  constructor(chat) {
    this.chat = chat;
    const save = (email) => chat.setEmail(email);
    new InlineForm("email", { value: () => chat.contact.email, save, texts: texts.email });
  }

  /** Once the visitor has written, or while nobody is online; and only where answers are mailed. */
  show() {
    const { inbox, contact, conversation, staffOnline } = this.chat;
    const asks = conversation !== null || staffOnline === false;
    const isHidden = !inbox?.email_after || !contact || !(asks || contact.email);
    part("email").hidden = isHidden;
    if (isHidden) return;
    setText(part("email-text"), contact.email ? texts.email.known(contact.email) : texts.email.ask);
    setText(part("email-open"), contact.email ? texts.email.change : texts.email.enter);
    // The visitor's site vouches for this address: it cannot be changed here.
    part("email-open").hidden = contact.identified && contact.email !== "";
  }
}
