// The row of one message, stored or waiting to be sent: what is shown of it, and what can be done with it.

import { clock } from "../clock.js";

/** `pendingChange`: of this message. `readUpTo`: the `seq` that the others have read. */
export function messageRow(message, { me, readUpTo, reactions, pendingChange, connected, ...permissions }) {
  const own = message.own ?? (me !== null && message.author?.id === me);
  const row = {
    kind: message.kind,
    uid: message.uid,
    key: own && message.client_id ? `own:${message.client_id}` : message.uid,
    at: new Date(message.created_at),
    seq: message.seq,
    own,
    author: message.author,
    content: message.content,
    attachments: message.attachments,
    edited: Boolean(message.edited_at),
    deleted: Boolean(message.deleted_at),
    failure: message.failure,
    quote: message.reply_to,
    size: message.gap_size,
    status: own ? statusOf(message, readUpTo) : null,
  };
  row.reactions = row.deleted ? [] : reactions(message);
  if (pendingChange && !row.deleted) applyChange(row, pendingChange, connected);
  row.tools = toolsOf(row, permissions);
  return row;
}

/** The row of an entry of the outbox. */
export function pendingRow({ client_id, content, quote, attachments = [], at, error }, { connected, isProving }) {
  const waiting = connected ? "sending" : "queued";
  return {
    kind: "message",
    key: `own:${client_id}`,
    at: new Date(clock.corrected(at)),
    own: true,
    content,
    attachments,
    quote,
    reactions: [],
    tools: [],
    status: error ? "refused" : isProving ? "checking" : waiting,
    error,
    clientId: client_id,
  };
}

/** What has not been delivered nobody has read, whatever staff said after it. */
function statusOf({ state, seq }, readUpTo) {
  return state === "delivered" && seq < readUpTo ? "read" : state;
}

/** An edit is shown at once. One that was refused is not: the message stays as it was, with the reason. */
function applyChange(row, { kind, content, error }, connected) {
  row.change = { kind, error, connected };
  if (kind === "edit" && !error) row.content = content;
}

/**
 * What can be done with a message, by the names that its buttons have in `data-tool`.
 *
 * For a further button, add its name here, and register what it does with `toolbars.on(name, (row, button) => …)`
 * in chat.js.
 */
function toolsOf({ kind, own, deleted, at, status, change }, { isOpen, editWindow, now }) {
  if (kind !== "message" || deleted || change) return [];
  const isChangeable = own && now - at < editWindow;
  return [
    isOpen && "reply",
    isOpen && status !== "failed" && "react",
    isOpen && isChangeable && status !== "failed" && "edit",
    isChangeable && "delete",
  ].filter(Boolean);
}
