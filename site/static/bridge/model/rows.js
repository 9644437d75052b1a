// Turns messages and what waits into the rows to be shown: days, groups of one author, gaps, notices.

import { clock } from "./clock.js";

const TOGETHER = 5 * 60_000; // messages of one author that stand so close are one group

/**
 * Rows in order, each with a stable `key`; the same input gives the same rows.
 *
 * `newAfter`: the line that counts the `news` stands behind this place; `further`: there are more than were loaded.
 * `end`: nothing comes after them. `reactions(message)`: what is shown below it.
 * `changes`: edits and deletions that wait, by message. `open`: whether the conversation takes anything. `editable`:
 * milliseconds for which an own message may be changed.
 */
export function rowsOf({
  messages,
  reactions,
  pending,
  checking = false,
  notices = [],
  changes,
  me,
  readUpTo,
  newAfter,
  news = 0,
  further = false,
  end = true,
  connected,
  open,
  editable,
  now,
}) {
  const rows = [];
  let day = null;
  const written = messages.map((message) => {
    const row = said(message, me, readUpTo);
    row.reactions = row.deleted ? [] : reactions(message);
    changed(row, changes.get(message.uid), connected);
    row.tools = toolsOf(row, { open, editable, now });
    return row;
  });
  for (const each of [
    ...placed(written, notices),
    ...pending.map((entry) => waiting(entry, { connected, checking })),
  ]) {
    const date = dayOf(each.at);
    // Named by its row too: what was caught up on from another day can part a day in two.
    if (date !== day) rows.push({ kind: "day", key: `day:${date}:${each.key}`, at: each.at });
    if (newAfter !== null && each.seq > newAfter && !each.own) {
      rows.push({ kind: "unread", key: "unread", count: news, further });
      newAfter = null;
    }
    day = date;
    rows.push(each);
  }
  return grouped(rows, end);
}

/** Notices stand behind the message that was the latest when they came. */
function placed(rows, notices) {
  const waiting = [...notices];
  const all = [];
  for (const row of rows) {
    while (waiting.length && waiting[0].after < row.seq) all.push(waiting.shift());
    all.push(row);
  }
  return [...all, ...waiting];
}

function said(message, me, readUpTo) {
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
    status: null,
  };
  // What did not get there yet nobody has read, whatever staff said after it.
  if (own) row.status = message.state === "delivered" && message.seq < readUpTo ? "read" : message.state;
  return row;
}

/** An edit is shown at once. One that was refused is not: the message stays as it was, with the reason. */
function changed(row, change, connected) {
  if (!change || row.deleted) return;
  const { kind, content, error } = change;
  row.change = { kind, error, connected };
  if (kind === "edit" && !error) row.content = content;
}

/**
 * What can be done with a message, by the names that its buttons have in `data-tool`.
 *
 * Further buttons: add the name here where it applies, and register what it does
 * with `tools.on(name, (row, button) => …)` in chat.js.
 */
function toolsOf({ kind, own, deleted, at, status, change }, { open, editable, now }) {
  if (kind !== "message" || deleted || change) return [];
  const mine = own && now - at < editable;
  return [
    open && "reply",
    open && status !== "failed" && "react",
    open && mine && status !== "failed" && "edit",
    mine && "delete",
  ].filter(Boolean);
}

function waiting({ client_id, content, quote, attachments = [], at, error }, { connected, checking }) {
  const here = connected ? "sending" : "kept";
  const status = error ? "refused" : checking ? "checking" : here;
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
    status,
    error,
    clientId: client_id,
  };
}

function grouped(rows, end) {
  rows.forEach((row, at) => {
    row.first = !together(rows[at - 1], row);
    row.last = !together(row, rows[at + 1]);
  });
  const latest = end && rows.findLast((row) => row.own && row.kind === "message");
  if (latest) latest.latest = true;
  return rows;
}

function together(before, after) {
  if (before?.kind !== "message" || after?.kind !== "message" || before.own !== after.own) return false;
  return (before.own || before.author?.id === after.author?.id) && after.at - before.at < TOGETHER;
}

function dayOf(date) {
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
