import assert from "node:assert/strict";
import test from "node:test";
import { open, pass, settle } from "../support/page.js";
import { Server, StoredConversation, timestamp } from "../support/server.js";

/** A visitor with an open conversation and an earlier one that has ended, with an answer in it. */
async function twoConversations() {
  const server = new Server();
  const earlier = new StoredConversation({ participant: server.visitor.id });
  earlier.say(server.visitor, "Where is my parcel?");
  earlier.say(server.ada, "It comes tomorrow. See https://post.example/1");
  earlier.state = "closed";
  server.others.push(earlier);
  server.conversation.say(server.visitor, "Another question");
  server.earlier = { connections: 1, unread: 1 };
  server.listed = [listed(earlier, 1), listed(server.conversation, 0)];
  const page = await open({ server });
  return { server, earlier, page, chat: page.chat, conversations: page.chat.conversations };
}

function listed(conversation, unread) {
  return { ...conversation.head, title: conversation.messages[0].content, unread, created_at: timestamp(), active_at: timestamp() };
}

test("a conversation that another tab opened takes the place of none, and of one that ended", async () => {
  const { chat, server } = await open();
  assert.equal(chat.conversation, null);
  server.conversation.say(server.visitor, "from the other tab");
  server.setState(server.conversation, "open", "connection.opened");
  await settle();
  assert.equal(chat.conversation.uid, server.conversation.uid);
  assert.equal(chat.conversation.timeline.messages.length, 1);
});

test("the first message opens a conversation, and shows it", async () => {
  const page = await open();
  page.chat.send({ content: "hello" });
  await settle();
  assert.deepEqual(page.contents, ["hello"]);
  assert.equal(page.chat.conversation.uid, page.server.conversation.uid);
});

test("an answer in an earlier conversation does not take the screen: it is counted", async () => {
  const { page, chat, server, earlier } = await twoConversations();
  earlier.say(server.ada, "One more thing");
  server.listed[0].unread = 2;
  server.announce("message.posted", earlier.messages.at(-1));
  await pass(500);
  assert.deepEqual(page.contents, ["Another question"]);
  assert.equal(chat.list.unreadCount, 2);
  assert.equal(chat.list.onlyUnread.uid, earlier.uid);
});

test("several events at once are one look at the list", async () => {
  const { server, earlier } = await twoConversations();
  for (const content of ["a", "b", "c"]) {
    earlier.say(server.ada, content);
    server.announce("message.posted", earlier.messages.at(-1));
    await pass(100);
  }
  await pass(1_000);
  assert.equal(server.commands("connection.list").length, 1);
});

test("an earlier conversation is read without leaving the current one", async () => {
  const { page, chat, server, earlier, conversations } = await twoConversations();
  assert.equal(await conversations.show(earlier.uid), true);
  assert.equal(page.contents.length, 2);
  assert.deepEqual([conversations.isEarlierShown, conversations.isOneOpenElsewhere], [true, true]);
  await conversations.showCurrent();
  assert.deepEqual(page.contents, ["Another question"]);
  assert.equal(conversations.isEarlierShown, false);
  assert.equal(chat.list.rows.find(({ uid }) => uid === server.conversation.uid)?.unread ?? 0, 0);
});

test("a reader of an earlier conversation stays there when a new session begins", async () => {
  const { page, server, earlier, conversations } = await twoConversations();
  await conversations.show(earlier.uid);
  earlier.say(server.ada, "meanwhile");
  server.close(1012);
  await pass(1_500);
  assert.equal(page.contents.at(-1), "meanwhile");
  assert.equal(conversations.isEarlierShown, true);
});

test("a conversation that cannot be loaded leaves the screen as it is", async () => {
  const { page, server, earlier, conversations } = await twoConversations();
  server.refuse("connection.sync", "not_found");
  assert.equal(await conversations.show(earlier.uid), false);
  assert.deepEqual(page.contents, ["Another question"]);
});

test("what is written in an earlier conversation while one is open goes there, below what it answers", async () => {
  const { page, chat, server, earlier, conversations } = await twoConversations();
  await conversations.show(earlier.uid);
  chat.send({ content: "Thank you!" });
  await settle();
  const said = server.conversation.messages.at(-1);
  assert.equal(said.content, "> It comes tomorrow. See …\nThank you!");
  assert.equal(page.contents.at(-1), said.content);
  assert.equal(conversations.isEarlierShown, false);
});

test("where none is open, what is written in an earlier conversation opens that again", async () => {
  const { chat, server, earlier, conversations, page } = await twoConversations();
  server.setState(server.conversation, "closed", "connection.closed");
  await settle();
  await conversations.show(earlier.uid);
  assert.equal(conversations.isOneOpenElsewhere, false);
  chat.send({ content: "Still waiting" });
  await settle();
  assert.deepEqual(server.commands("connection.reopen"), [{ connection: earlier.uid }]);
  assert.equal(earlier.messages.at(-1).content, "Still waiting");
  assert.equal(page.contents.at(-1), "Still waiting");
  assert.equal(conversations.isEarlierShown, false);
});

test("if a newer one was opened meanwhile, it goes to that, and quotes nothing of another", async () => {
  const { chat, server, earlier, conversations, page } = await twoConversations();
  server.setState(server.conversation, "closed", "connection.closed");
  await settle();
  await conversations.show(earlier.uid);
  server.refuse("connection.reopen", "conflict");
  server.conversation.state = "open";
  chat.send({ content: "Still waiting", quote: { uid: earlier.messages[0].uid } });
  await settle();
  assert.deepEqual(server.commands("message.send").map(({ connection, reply_to }) => [connection, reply_to]), [
    [earlier.uid, earlier.messages[0].uid],
    [undefined, undefined],
  ]);
  assert.equal(server.conversation.messages.at(-1).content, "Still waiting");
  assert.deepEqual(page.contents, ["Another question", "Still waiting"]);
});

test("in an earlier conversation only what waits for it is shown, and in the current one all of it", async () => {
  const { chat, server, earlier, conversations } = await twoConversations();
  server.silent.add("message.send");
  chat.send({ content: "to the current one" });
  await conversations.show(earlier.uid);
  assert.deepEqual(chat.pendingMessages, []);
  await conversations.showCurrent();
  assert.deepEqual(chat.pendingMessages.map(({ content }) => content), ["to the current one"]);
});

test("the end of a conversation is shown from the reply, and is no reason to leave it", async () => {
  const { page, chat, server } = await twoConversations();
  await chat.close();
  assert.equal(chat.conversation.state, "closed");
  assert.deepEqual(page.contents, ["Another question"]);
  assert.deepEqual(server.commands("connection.close"), [{ connection: server.conversation.uid }]);
});

test("the pong tells of a conversation that was opened elsewhere, whose events were lost", async () => {
  const { chat, server, socket } = await open();
  server.conversation.say(server.ada, "hello");
  chat.pong(await socket.command("ping"), Date.now());
  await settle();
  assert.equal(chat.conversation.uid, server.conversation.uid);
});

test("the list is loaded page by page, and a page that is loaded again keeps those behind it", async () => {
  const { chat, server } = await twoConversations();
  const [first, second] = server.listed;
  const third = { ...first, uid: server.ada.id, unread: 0 };
  server.handle("connection.list", ({ before }) =>
    before ? { connections: [third], has_more: false } : { connections: [first, second], has_more: true },
  );
  await chat.list.refresh();
  assert.deepEqual([chat.list.rows.length, chat.list.hasMore], [2, true]);
  await chat.list.loadMore();
  assert.equal(server.commands("connection.list").at(-1).before, second.uid);
  assert.deepEqual([chat.list.rows.length, chat.list.hasMore], [3, false]);
  await chat.list.refresh();
  assert.deepEqual(chat.list.rows.map(({ uid }) => uid), [first.uid, second.uid, third.uid]);
  assert.equal(chat.list.hasMore, false);
});

test("a list that could not be loaded says so, until it could", async () => {
  const { chat, server } = await twoConversations();
  server.refuse("connection.list", "throttled", { retry_after: 1 });
  await chat.list.refresh();
  assert.equal(chat.list.failed, true);
  await chat.list.refresh();
  assert.deepEqual([chat.list.failed, chat.list.rows.length], [false, 2]);
});

test("where several have something unread, none is the one to go to", async () => {
  const { chat, server, earlier } = await twoConversations();
  server.listed = [listed(earlier, 1), { ...listed(earlier, 2), uid: server.ada.id }];
  await chat.list.refresh();
  assert.deepEqual([chat.list.onlyUnread, chat.list.unreadCount], [null, 3]);
});

test("a conversation that is opened elsewhere does not take the screen from a reader of an earlier one", async () => {
  const { page, chat, server, earlier, conversations } = await twoConversations();
  await conversations.show(earlier.uid);
  const opened = new StoredConversation({ participant: server.visitor.id });
  opened.say(server.visitor, "from another tab");
  server.others.push(opened);
  server.setState(opened, "open", "connection.opened");
  await pass(500);
  assert.equal(page.contents[0], "Where is my parcel?");
  assert.equal(server.commands("connection.list").length > 0, true);
  await conversations.showCurrent();
  assert.equal(chat.conversation.uid, opened.uid);
});

test("somebody else who signed in on the same page gets their own conversation, and not the one that was read", async () => {
  const { chat, server, earlier, conversations } = await twoConversations();
  await conversations.show(earlier.uid);
  const theirs = new StoredConversation({ participant: server.ada.id });
  theirs.say(server.ada, "Somebody else's");
  server.changeSession = { visitor: "another", connection: theirs.head, messages: theirs.messages };
  server.close(1012);
  await pass(1_500);
  assert.equal(chat.conversation.uid, theirs.uid);
});

test("a conversation that comes onto the screen is read at once, in the list too", async () => {
  const { chat, earlier, conversations } = await twoConversations();
  await chat.list.refresh();
  assert.equal(chat.list.unreadCount, 1);
  await conversations.show(earlier.uid);
  assert.equal(chat.list.unreadCount, 0);
  assert.equal(chat.list.rows.find(({ uid }) => uid === earlier.uid).unread, 0);
});
