// Turns messages, and what waits to be sent, into the rows of the page: days, groups of one author, gaps, notices.

import { messageRow, pendingRow } from "./message_rows.js";

const GROUP_WITHIN = 5 * 60_000; // milliseconds between two messages of a group

/**
 * Rows in order, each with a stable `key`. The same input gives the same rows.
 *
 * `messages`, `pending` (entries of the outbox) and `notices` are what is shown.
 * `changes`: pending changes by message. `reactions(message)`: what is shown below it.
 * `unreadLine`: {after, count, isMore}, or null. `atEnd`: nothing comes after these messages.
 * `me`: the visitor's participant. `readUpTo`: the `seq` that the others have read.
 * `isOpen`: the conversation takes replies. `editWindow`: milliseconds for which an own message may be changed.
 */
export function rowsOf({
  messages,
  pending,
  notices = [],
  changes,
  unreadLine = null,
  atEnd = true,
  connected,
  isProving = false,
  ...context
}) {
  const stored = messages.map((message) =>
    messageRow(message, { ...context, connected, pendingChange: changes.get(message.uid) }),
  );
  const waiting = pending.map((entry) => pendingRow(entry, { connected, isProving }));
  const rows = [...withNotices(stored, notices), ...waiting];
  return grouped(withLines(rows, unreadLine), atEnd);
}

/** A notice stands below the message that was the latest when it came. */
function withNotices(rows, notices) {
  const remaining = [...notices];
  const all = [];
  for (const row of rows) {
    while (remaining.length && remaining[0].after < row.seq) all.push(remaining.shift());
    all.push(row);
  }
  return [...all, ...remaining];
}

/** Adds a line above each day, and the unread line above the first message of others behind its place. */
function withLines(rows, unreadLine) {
  const all = [];
  let day = null;
  let line = unreadLine;
  for (const row of rows) {
    const date = dateOf(row.at);
    // The row is in the key too: messages that were loaded late can split a day in two.
    if (date !== day) all.push({ kind: "day", key: `day:${date}:${row.key}`, at: row.at });
    if (line && row.seq > line.after && !row.own) {
      all.push({ kind: "unread", key: "unread", count: line.count, isMore: line.isMore });
      line = null;
    }
    day = date;
    all.push(row);
  }
  return all;
}

/** Marks the first and last row of each group, and the latest own message, which shows its status. */
function grouped(rows, atEnd) {
  rows.forEach((row, index) => {
    row.first = !areTogether(rows[index - 1], row);
    row.last = !areTogether(row, rows[index + 1]);
  });
  const latest = atEnd && rows.findLast((row) => row.own && row.kind === "message");
  if (latest) latest.latest = true;
  return rows;
}

function areTogether(before, after) {
  if (before?.kind !== "message" || after?.kind !== "message" || before.own !== after.own) return false;
  return (before.own || before.author?.id === after.author?.id) && after.at - before.at < GROUP_WITHIN;
}

function dateOf(date) {
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
