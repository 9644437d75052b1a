import assert from "node:assert/strict";
import test from "node:test";
import { ReadState } from "../../../static/bridge/model/unread/read_state.js";
import { UnreadLine } from "../../../static/bridge/model/unread/unread_line.js";
import { open, pass, settle } from "../support/page.js";
import { author, Server, StoredConversation } from "../support/server.js";

const ada = author("Ada", "staff");
const otter = author("Brave Otter", "visitor");

function talk(count, by = ada) {
  const conversation = new StoredConversation({ participant: otter.id });
  for (let number = 1; number <= count; number += 1) conversation.say(by, `message ${number}`);
  return conversation;
}

function readUpTo(seq) {
  const readState = new ReadState();
  readState.start(seq);
  return readState;
}

test("unread is what others said after what was read: no own message, no gap, no deleted one", () => {
  const conversation = talk(3);
  conversation.say(otter, "my own");
  conversation.say(null, "", { kind: "gap", gap_size: 2 });
  conversation.say(null, "closed", { kind: "event" });
  conversation.say(ada, "", { deleted_at: conversation.messages[0].created_at });
  conversation.say(ada, "the last");
  const unread = readUpTo(2).unread(conversation.messages, otter.id);
  assert.deepEqual(unread.map(({ seq }) => seq), [3, 8]);
});

test("what is read goes forward only, on whatever page", () => {
  const readState = readUpTo(5);
  assert.equal(readState.advance(4), false);
  assert.equal(readState.advance(7), true);
  readState.receive({ seq: 6 }, true);
  assert.equal(readState.own, 7);
  readState.receive({ seq: 9 }, true);
  assert.equal(readState.own, 9);
});

test("a session that knows less is told, and one that knows more is believed", () => {
  const readState = readUpTo(5);
  readState.advance(8);
  assert.equal(readState.start(6), true);
  assert.equal(readState.own, 8);
  assert.equal(readState.start(10), false);
  assert.equal(readState.own, 10);
});

test("others have read what they sent receipts for, and what they answered", () => {
  const conversation = talk(2, otter);
  const readState = new ReadState();
  assert.equal(readState.readByOthers(conversation.messages), 0);
  readState.receive({ seq: 1 }, false);
  assert.equal(readState.readByOthers(conversation.messages), 1);
  conversation.say(ada, "an answer");
  assert.equal(readState.readByOthers(conversation.messages), 3);
  readState.receive({ seq: 3 }, false);
  readState.restart(2);
  assert.equal(readState.readByOthers(talk(4, otter).messages), 2);
});

test("the line stands above the first unread message, and goes on counting while nobody has read to its end", () => {
  const conversation = talk(5);
  const readState = readUpTo(2);
  const line = new UnreadLine();
  const state = () => ({ readState, messages: conversation.messages, me: otter.id });
  assert.equal(line.update({ ...state(), watching: false }), true);
  assert.deepEqual([line.after, line.count(state())], [2, 3]);
  conversation.say(ada, "one more");
  assert.equal(line.update({ ...state(), watching: true }), false);
  assert.deepEqual([line.after, line.count(state())], [2, 4]);
});

test("what comes while the reader watches gets no line, and one that was read stays where it is", () => {
  const conversation = talk(3);
  const readState = readUpTo(1);
  const line = new UnreadLine();
  const state = () => ({ readState, messages: conversation.messages, me: otter.id });
  line.update({ ...state(), watching: false });
  readState.advance(3);
  conversation.say(ada, "seen at once");
  assert.equal(line.update({ ...state(), watching: true }), false);
  assert.deepEqual([line.after, line.count(state())], [1, 2]);
  assert.equal(line.update({ ...state(), watching: false }), true);
  assert.deepEqual([line.after, line.count(state())], [3, 1]);
  line.remove();
  assert.equal(line.count(state()), 0);
});

async function unreadPage(count, { kind = "private" } = {}) {
  const server = new Server();
  server.conversation.kind = kind;
  for (let number = 1; number <= count; number += 1) server.conversation.say(server.ada, `message ${number}`);
  const page = await open({ server });
  return { server, conversation: page.chat.conversation };
}

test("a receipt is sent at once, and the next ones together", async () => {
  const { server, conversation } = await unreadPage(9);
  for (let seq = 1; seq <= 5; seq += 1) conversation.markRead(seq);
  await settle();
  assert.deepEqual(server.commands("receipt.read").map(({ seq }) => seq), [1]);
  await pass(2_000);
  assert.deepEqual(server.commands("receipt.read").map(({ seq }) => seq), [1, 5]);
  conversation.markRead(3);
  await pass(5_000);
  assert.equal(server.commands("receipt.read").length, 2);
});

test("in a room a receipt waits, so that not all readers send one for each message", async () => {
  const { server, conversation } = await unreadPage(9, { kind: "room" });
  conversation.markRead(4);
  await pass(22_000, 1_000);
  assert.equal(server.commands("receipt.read").length, 0);
  conversation.markRead(9);
  await pass(46_000, 1_000);
  assert.deepEqual(server.commands("receipt.read").map(({ seq }) => seq), [9]);
});

test("a receipt that was lost is sent again by the next session", async () => {
  const { server, conversation } = await unreadPage(3);
  server.refuse("receipt.read", "throttled", { retry_after: 1 });
  conversation.markRead(3);
  await settle();
  server.close(1012);
  await pass(3_000);
  assert.deepEqual(server.commands("receipt.read").map(({ seq }) => seq), [3, 3]);
  assert.equal(server.conversation.read_seq, 3);
});

for (const [kind, expected] of [["private", [1, 3]], ["room", []]]) {
  test(`what was read is told when a ${kind} conversation leaves the screen: ${expected.join(", ") || "nothing"}`, async () => {
    const { server, conversation } = await unreadPage(3, { kind });
    conversation.markRead(1);
    conversation.markRead(3);
    conversation.end();
    await pass(100_000, 10_000);
    assert.deepEqual(server.commands("receipt.read").map(({ seq }) => seq), expected);
  });
}
