import assert from "node:assert/strict";
import test from "node:test";
import { clock } from "../../../static/bridge/model/clock.js";
import { rowsOf } from "../../../static/bridge/model/rows/rows.js";
import { author, StoredConversation, timestamp } from "../support/server.js";

const NOW = new Date(2026, 4, 4, 12).getTime();
const MINUTE = 60_000;
const ada = author("Ada", "staff");
const otter = author("Brave Otter", "visitor");

function rows(messages, options = {}) {
  return rowsOf({
    messages,
    pending: [],
    changes: new Map(),
    reactions: () => [],
    me: otter.id,
    readUpTo: 0,
    connected: true,
    isOpen: true,
    editWindow: 15 * MINUTE,
    now: NOW,
    ...options,
  });
}

/** [author, content, minutes ago, fields] each. */
function talk(...messages) {
  const conversation = new StoredConversation({ participant: otter.id });
  for (const [by, content, minutes = 0, fields = {}] of messages)
    conversation.say(by, content, { created_at: timestamp(NOW - minutes * MINUTE), ...fields });
  return conversation.messages;
}

const kinds = (rows) => rows.map(({ kind }) => kind);
const only = (rows, ...fields) => rows.filter(({ kind }) => kind === "message").map((row) => fields.map((field) => row[field]));

test("a line stands above each day, and messages of one author that are close together are one group", () => {
  const all = rows(talk([ada, "yesterday", 24 * 60], [ada, "a", 9], [ada, "b", 3], [ada, "c", 2], [otter, "d"], [otter, "e"]));
  assert.deepEqual(kinds(all), ["day", "message", "day", "message", "message", "message", "message", "message"]);
  assert.deepEqual(only(all, "content", "first", "last"), [
    ["yesterday", true, true],
    ["a", true, true],
    ["b", true, false],
    ["c", false, true],
    ["d", true, false],
    ["e", false, true],
  ]);
});

test("every row has a key of its own, which stays where a message is stored", () => {
  const pending = [{ client_id: "0198", content: "on its way", at: NOW }];
  const before = rows(talk([ada, "one", 24 * 60], [ada, "two"]), { pending });
  const after = rows(talk([otter, "on its way", 0, { client_id: "0198" }]));
  assert.equal(new Set(before.map(({ key }) => key)).size, before.length);
  assert.equal(before.at(-1).key, after.at(-1).key);
});

test("the unread line stands above the first message of others behind its place, once", () => {
  const messages = talk([ada, "read"], [otter, "own"], [ada, "new"], [ada, "newer"]);
  const all = rows(messages, { unreadLine: { after: 1, count: 2, isMore: false } });
  assert.deepEqual(kinds(all), ["day", "message", "message", "unread", "message", "message"]);
  assert.equal(all[3].count, 2);
  assert.ok(!kinds(rows(messages)).includes("unread"));
});

test("an own message is sent, delivered, and read once somebody answered or said so", () => {
  const messages = talk([otter, "one", 3, { state: "delivered" }], [otter, "two", 2, { state: "delivered" }], [otter, "three", 1], [ada, "four"]);
  assert.deepEqual(only(rows(messages, { readUpTo: 2 }), "status"), [["read"], ["delivered"], ["sent"], [null]]);
  assert.deepEqual(only(rows(messages, { readUpTo: 4 }), "status"), [["read"], ["read"], ["sent"], [null]]);
});

test("only the latest own message shows its status, and none where later ones are not on the page", () => {
  const messages = talk([otter, "one"], [otter, "two"], [ada, "three"]);
  assert.deepEqual(only(rows(messages), "latest"), [[undefined], [true], [undefined]]);
  assert.ok(rows(messages, { atEnd: false }).every(({ latest }) => !latest));
});

test("what waits stands at the end: being sent, queued, checked or refused", () => {
  const pending = [{ client_id: "1", content: "one", at: NOW }, { client_id: "2", content: "two", at: NOW, error: "internal" }];
  const statuses = (options) => only(rows(talk([ada, "zero"]), { pending, ...options }), "status").slice(1).flat();
  assert.deepEqual(statuses({}), ["sending", "refused"]);
  assert.deepEqual(statuses({ connected: false }), ["queued", "refused"]);
  assert.deepEqual(statuses({ isProving: true }), ["checking", "refused"]);
});

const TOOLS = [
  ["an own message", [otter, "x", 14], {}, ["reply", "react", "edit", "delete"]],
  ["one whose time is over", [otter, "x", 16], {}, ["reply", "react"]],
  ["one that did not reach the team", [otter, "x", 1, { state: "failed" }], {}, ["reply", "delete"]],
  ["somebody else's", [ada, "x"], {}, ["reply", "react"]],
  ["an own one in a conversation that has ended", [otter, "x", 1], { isOpen: false }, ["delete"]],
  ["a deleted one", [otter, "", 1, { deleted_at: timestamp(NOW) }], {}, []],
  ["a gap", [null, "", 1, { kind: "gap", gap_size: 2 }], {}, []],
  ["an event", [otter, "closed", 1, { kind: "event" }], {}, []],
];
for (const [name, message, options, expected] of TOOLS) {
  test(`what can be done with ${name}: ${expected.join(", ") || "nothing"}`, () => {
    assert.deepEqual(rows(talk(message), options).at(-1).tools, expected);
  });
}

test("an edit that waits is shown, with no further tools; a refused one is not shown, and says why", () => {
  const messages = talk([otter, "one"]);
  const row = (change) => rows(messages, { changes: new Map([[messages[0].uid, change]]) }).at(-1);
  const waiting = row({ kind: "edit", content: "two" });
  assert.deepEqual([waiting.content, waiting.tools, waiting.change.kind], ["two", [], "edit"]);
  const refused = row({ kind: "edit", content: "two", error: "not_permitted" });
  assert.deepEqual([refused.content, refused.change.error], ["one", "not_permitted"]);
});

test("a deleted message has no reactions, and nothing that waits changes it", () => {
  const messages = talk([otter, "", 0, { deleted_at: timestamp(NOW) }]);
  const changes = new Map([[messages[0].uid, { kind: "edit", content: "two" }]]);
  const [row] = rows(messages, { changes, reactions: () => [{ emoji: "👍", count: 1, own: false }] }).slice(1);
  assert.deepEqual([row.reactions, row.change, row.content], [[], undefined, ""]);
});

test("a notice stands below the message that was the latest when it came", () => {
  const notices = [0, 1, 1, 3].map((after, index) => ({ kind: "event", key: `n${index}`, after, at: new Date(NOW), content: `n${index}` }));
  const all = rows(talk([ada, "one"], [ada, "two"], [ada, "three"]), { notices });
  const order = all.slice(1).map(({ content }) => content);
  assert.deepEqual(order, ["n0", "one", "n1", "n2", "two", "three", "n3"]);
  // It parts a group.
  assert.deepEqual(only(all, "first"), [[true], [true], [false]]);
});

test("where the device's clock is wrong, the server's counts", () => {
  const sentAt = Date.now();
  assert.equal(clock.set(new Date(sentAt + 3_600_000).toISOString(), sentAt), true);
  assert.ok(Math.abs(clock.now() - Date.now() - 3_600_000) < 1_000);
  const [, row] = rows([], { pending: [{ client_id: "1", content: "one", at: NOW }] });
  assert.ok(Math.abs(row.at.getTime() - NOW - 3_600_000) < 1_000);
  assert.equal(clock.set(new Date(Date.now() + 3_600_000).toISOString(), Date.now()), false);
  clock.set(new Date().toISOString(), Date.now());
});
