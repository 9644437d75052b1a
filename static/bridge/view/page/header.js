// Title, presence and greeting, and the tab's title with the number of unread messages.

import { texts } from "../../text/texts.js";
import { part, setText } from "./elements.js";

/** `isCutOff`: nothing is known of the team just now. */
export function showHeader(chat, { unread, isCutOff }) {
  const { inbox, room, nick, conversation } = chat;
  const title = part("title");
  if (room?.info) setText(title, room.info.name);
  else if (inbox && !room) {
    setText(title, inbox.title);
    setText(part("greeting"), inbox.greeting);
    setText(part("nick"), texts.nick(nick));
  }
  document.title = unread ? `(${unread}) ${title.textContent}` : title.textContent;
  part("closed").hidden = conversation?.state !== "closed";
  if (!room) showPrivate(chat, isCutOff);
}

/** What a room has not, or its own view shows. */
function showPrivate({ staffOnline, conversation, conversations }, isCutOff) {
  const { isOneOpenElsewhere, isEarlierShown } = conversations;
  const place = isOneOpenElsewhere ? "elsewhere" : isEarlierShown ? "reopen" : "current";
  setText(part("closed"), texts.ended[place]);
  const isKnown = staffOnline !== null && !isCutOff;
  const presence = part("presence");
  setText(presence, isKnown ? (staffOnline ? texts.online : texts.away) : "");
  presence.classList.toggle("online", isKnown && staffOnline);
  part("end").hidden = conversation?.state !== "open";
}
