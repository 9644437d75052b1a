// Title, presence and greeting, and the tab's title with the number of unread messages.

import { texts } from "../texts.c1b04b393278.js";

export class Header {
  constructor(parts) {
    Object.assign(this, parts);
  }

  show({ inbox, room, nick, staffOnline, conversation, visiting, elsewhere }, { unread, cutOff }) {
    if (room?.info) this.title.textContent = room.info.name;
    else if (inbox && !room) {
      this.title.textContent = inbox.title;
      this.greeting.textContent = inbox.greeting;
      this.nick.textContent = texts.nick(nick);
    }
    const title = this.title.textContent;
    document.title = unread ? `(${unread}) ${title}` : title;
    this.closed.hidden = conversation?.state !== "closed";
    if (room) return; // the rest is its own view's
    say(this.closed, elsewhere ? texts.ended.elsewhere : visiting ? texts.ended.again : texts.ended.here);
    const known = staffOnline !== null && !cutOff;
    say(this.presence, known ? (staffOnline ? texts.online : texts.away) : "");
    this.presence.classList.toggle("online", known && staffOnline);
    this.end.hidden = conversation?.state !== "open";
  }
}

/** Only what changed is written, or a screen reader would say it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
