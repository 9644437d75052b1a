import assert from "node:assert/strict";
import test from "node:test";
import { open, pass, settle } from "../support/page.js";
import { Server } from "../support/server.js";

const GAP = 1_100; // milliseconds; longer than a gap may stay open

async function talking(...contents) {
  const server = new Server();
  for (const content of contents) server.conversation.say(server.ada, content);
  server.conversation.read_seq = contents.length;
  return { server, page: await open({ server }) };
}

test("a missed event is noticed by the next one, and asked for", async () => {
  const { server, page } = await talking("one");
  server.conversation.say(server.ada, "two, whose event is lost");
  server.answer("three");
  await settle();
  assert.deepEqual(page.contents, ["one", "three"]);
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "two, whose event is lost", "three"]);
  assert.deepEqual(server.commands("connection.sync"), [{ connection: server.conversation.uid, since: 1 }]);
});

test("events that overtake each other need no sync", async () => {
  const { server, page } = await talking("one");
  const [two, three] = ["two", "three"].map((content) => server.conversation.say(server.ada, content));
  server.announce("message.posted", three);
  server.announce("message.posted", two);
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "two", "three"]);
  assert.deepEqual(server.commands("connection.sync"), []);
});

test("a lost last event is noticed by the pong", async () => {
  const { server, page } = await talking("one");
  server.conversation.say(server.ada, "two, whose event is lost");
  page.chat.pong(await page.socket.command("ping"), Date.now());
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "two, whose event is lost"]);
});

test("after a restart of the server the page asks for what it missed, and for nothing else", async () => {
  const { server, page } = await talking("one");
  server.close(1012);
  server.conversation.say(server.ada, "meanwhile");
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "meanwhile"]);
  assert.deepEqual(server.commands("connection.sync"), [{ connection: server.conversation.uid, since: 1 }]);
  server.close(1012);
  await pass(GAP);
  assert.equal(server.commands("connection.sync").length, 1);
});

test("what was missed comes page by page, and stands complete", async () => {
  const { server, page } = await talking("one");
  server.close(1012);
  for (let number = 0; number < 120; number += 1) server.conversation.say(server.ada, `missed ${number}`);
  await pass(GAP);
  assert.equal(page.contents.length, 121);
  assert.deepEqual(server.commands("connection.sync").map(({ since }) => since), [1, 51, 101]);
});

test("a sync that is refused is tried again, after the time that the server names", async () => {
  const { server, page } = await talking("one");
  server.refuse("connection.sync", "throttled", { retry_after: 5 });
  server.conversation.say(server.ada, "two, whose event is lost");
  server.answer("three");
  await pass(5_000);
  assert.equal(server.commands("connection.sync").length, 1);
  await pass(2_500);
  assert.deepEqual(page.contents, ["one", "two, whose event is lost", "three"]);
});

test("a page that is ahead of a restored database starts over, and hears what comes then", async () => {
  const { server, page } = await talking("one", "two", "three");
  const { conversation } = page.chat;
  server.conversation.restore(1);
  page.chat.pong(await page.socket.command("ping"), Date.now());
  await settle();
  assert.deepEqual(page.contents, ["one"]);
  assert.equal(conversation.readState.own, 1);
  server.answer("two, of today");
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "two, of today"]);
  assert.equal(conversation.unread.length, 1);
  assert.equal(server.commands("connection.sync").length, 1);
});

test("the same with a new session", async () => {
  const { server, page } = await talking("one", "two", "three");
  server.conversation.restore(2);
  server.close(1012);
  await pass(GAP);
  assert.deepEqual(page.contents, ["one", "two"]);
});

test("a state that is older than what the page knows changes nothing", async () => {
  const { server, page } = await talking("one");
  const { uid, kind } = server.conversation;
  server.setState(server.conversation, "closed", "connection.closed");
  await settle();
  assert.equal(page.chat.conversation.state, "closed");
  const late = { connection: { uid, kind, state: "open" } };
  server.sendEvent("connection.reopened", late, { since: 0, revision: 1 });
  await settle();
  assert.equal(page.chat.conversation.state, "closed");
});

test("older messages come before the first one, and are asked for by its place", async () => {
  const server = new Server();
  for (let number = 1; number <= 80; number += 1) server.conversation.say(server.ada, `message ${number}`);
  const page = await open({ server });
  assert.equal(page.contents[0], "message 31");
  await page.chat.conversation.loadOlder();
  assert.equal(page.contents[0], "message 1");
  assert.equal(page.chat.conversation.timeline.hasOlder, false);
  assert.deepEqual(server.commands("history.page"), [{ connection: server.conversation.uid, before: 31, limit: 50 }]);
});

test("events of other apps do nothing to the page, however much they look like ours", async () => {
  const { server, page } = await talking("one");
  const { socket } = page;
  const frame = { event: "shop.message", connection: server.conversation.uid, since: 1, revision: 9 };
  socket.dispatchEvent(new CustomEvent("event", { detail: { ...frame, payload: { messages: server.conversation.messages } } }));
  await pass(GAP);
  assert.deepEqual(page.contents, ["one"]);
  assert.deepEqual(server.commands("connection.sync"), []);
});
