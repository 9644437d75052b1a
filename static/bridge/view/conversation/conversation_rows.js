// The rows of the conversation on the screen, from what the chat knows.

import { clock } from "../../model/clock.js";
import { rowsOf } from "../../model/rows/rows.js";
import { texts } from "../../text/texts.js";

/** `messages`: those on the page; `atStart`, `atEnd`: whether they reach the ends of all loaded ones. */
export function conversationRows(chat, { messages, atStart, atEnd, unreadLine }) {
  const { conversation, room } = chat;
  const from = atStart ? 0 : messages[0].seq;
  const to = atEnd ? Infinity : messages.at(-1).seq;
  const notices = room?.notices.filter(({ after }) => after >= from && after < to) ?? [];
  return rowsOf({
    messages,
    atEnd,
    notices: notices.map(noticeWithText),
    pending: atEnd ? chat.pendingMessages : [],
    changes: chat.changes.byMessage,
    reactions: (message) => conversation.reactions.of(message),
    unreadLine: unreadLine && from <= unreadLine.after + 1 ? unreadLine : null,
    me: conversation?.me ?? null,
    // In a room, somebody who answers has not read for the others.
    readUpTo: room ? 0 : (conversation?.readState.readByOthers(conversation.timeline.messages) ?? 0),
    connected: chat.socket.state === "ready" && navigator.onLine,
    isProving: chat.isProving,
    isOpen: conversation?.state === "open",
    editWindow: (chat.inbox?.edit_window ?? 0) * 1000,
    now: clock.now(),
  });
}

/** With its sentence, by which its row is known to have changed: a Map says nothing in JSON. */
function noticeWithText({ kind, key, after, at, joined, left, renamed, more }) {
  const content = texts.roomNotice({
    joined: [...joined.values()],
    more,
    left: [...left.values()],
    renamed: [...renamed.values()],
  });
  return { kind, key, after, at, content };
}
