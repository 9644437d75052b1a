import assert from "node:assert/strict";
import test from "node:test";
import { Room } from "../../../static/bridge/model/room/room.js";
import { Page, open, pass, settle, stopClock } from "../support/page.js";
import { author, Server } from "../support/server.js";

const bob = author("Bob", "visitor");
const cyd = author("Cyd", "visitor");

/** A page in a room with Ada. `join` may change the answer of room.join. */
async function inRoom({ online = 2, connect = open } = {}) {
  const server = new Server();
  const { conversation, ada, visitor } = server;
  conversation.kind = "room";
  conversation.say(ada, "Welcome!");
  const info = { uid: conversation.uid, slug: "harbour", name: "The harbour", topic: "Boats", read_only: false, slow_mode: 0, online };
  server.handle("room.join", () => ({
    room: info,
    connection: conversation.head,
    you: visitor,
    messages: conversation.messages,
    has_more: false,
    members: [ada, visitor],
  }));
  server.handle("room.members", () => ({ online, members: [ada, visitor, bob] }));
  const page = await connect({ server, room: (socket) => new Room(socket, { slug: "harbour", key: "" }) });
  return { server, page, room: page.room, chat: page.chat };
}

const names = ({ members }) => members.map(({ name }) => name);

async function send(server, event, payload) {
  server.sendEvent(event, payload);
  await settle();
}

const joined = (participants, fields = {}) => ({ participants, more: 0, online: 2 + participants.length, ...fields });

test("a session joins the room, and its conversation is shown", async () => {
  const { page, room, server } = await inRoom();
  assert.deepEqual(server.commands("room.join"), [{ room: "harbour", key: "" }]);
  assert.deepEqual(page.contents, ["Welcome!"]);
  assert.deepEqual(names(room), ["Ada Lovelace", "Brave Otter"]);
  assert.equal(room.onlineCount, 2);
});

test("what is said in a room goes to it", async () => {
  const { page, chat, server } = await inRoom();
  chat.send({ content: "hello" });
  await settle();
  assert.equal(server.commands("message.send")[0].connection, server.conversation.uid);
  assert.deepEqual(page.contents, ["Welcome!", "hello"]);
});

test("who comes and goes is told, and who came and went between two messages is not", async () => {
  const { room, server } = await inRoom();
  await send(server, "participant.joined", joined([bob, cyd]));
  await send(server, "participant.left", { participants: [cyd.id], clean: true, online: 3 });
  assert.deepEqual(names(room), ["Ada Lovelace", "Bob", "Brave Otter"]);
  const [notice] = room.notices;
  assert.deepEqual([[...notice.joined.values()], notice.left.size, notice.after], [["Bob"], 0, 1]);
  server.answer("two");
  await settle();
  await send(server, "participant.left", { participants: [bob.id], clean: false, online: 2 });
  assert.deepEqual([...room.notices.at(-1).left.values()], [{ name: "Bob", clean: false }]);
  assert.equal(room.notices.at(-1).after, 2);
});

test("the visitor themselves is no news", async () => {
  const { room, server } = await inRoom();
  await send(server, "participant.joined", joined([server.visitor], { online: 2 }));
  await send(server, "participant.renamed", { participant: { ...server.visitor, name: "Otto" }, previous: "Brave Otter" });
  assert.deepEqual(room.notices, []);
  assert.equal(room.me.name, "Otto");
});

test("who is renamed twice between two messages is told of once, and is called so on what they said", async () => {
  const { room, chat, server } = await inRoom();
  for (const [previous, name] of [["Ada Lovelace", "Ada"], ["Ada", "Countess"]])
    await send(server, "participant.renamed", { participant: { ...server.ada, name }, previous });
  assert.deepEqual([...room.notices[0].renamed.values()], [{ from: "Ada Lovelace", to: "Countess" }]);
  assert.equal(chat.conversation.timeline.messages[0].author.name, "Countess");
});

test("who joined and was renamed just joined, under the new name", async () => {
  const { room, server } = await inRoom();
  await send(server, "participant.joined", joined([bob]));
  await send(server, "participant.renamed", { participant: { ...bob, name: "Bobby" }, previous: "Bob" });
  assert.deepEqual([...room.notices[0].joined.values()], ["Bobby"]);
  assert.equal(room.notices[0].renamed.size, 0);
});

test("where more came than were named, the list is asked for once, in a moment", async () => {
  const { room, server } = await inRoom();
  for (let time = 0; time < 3; time += 1) await send(server, "participant.joined", joined([], { more: 1, online: 3 }));
  assert.equal(server.commands("room.members").length, 0);
  await pass(3_100);
  assert.equal(server.commands("room.members").length, 1);
  assert.deepEqual(names(room), ["Ada Lovelace", "Bob", "Brave Otter"]);
});

test("in a room of thousands the list is not asked for, since it names 200 at most", async () => {
  const { server } = await inRoom();
  await send(server, "participant.joined", joined([], { more: 50, online: 3_000 }));
  await pass(3_100);
  assert.equal(server.commands("room.members").length, 0);
});

test("what overtook the answer to room.join counts all the same", async () => {
  const { server, room } = await inRoom({
    connect: async (options) => {
      stopClock();
      const page = new Page(options);
      const { server } = options;
      const { ada, visitor, conversation } = server;
      let answer;
      server.silent.add("room.join");
      await page.connect();
      assert.equal(server.commands("room.join").length, 1);
      await send(server, "participant.joined", joined([bob]));
      const reply = { room: { uid: conversation.uid, slug: "harbour", name: "The harbour", topic: "", read_only: false, slow_mode: 0, online: 3 } };
      answer = { ...reply, connection: conversation.head, you: visitor, messages: conversation.messages, has_more: false, members: [ada, visitor] };
      server.sockets.at(-1).receive({ reply: "2", ok: true, payload: answer });
      await settle();
      return page;
    },
  });
  assert.deepEqual(names(room), ["Ada Lovelace", "Bob", "Brave Otter"]);
  assert.deepEqual(server.commands("room.members"), []);
});

test("events of another room are none of ours", async () => {
  const { room, server } = await inRoom();
  server.sendEvent("participant.joined", joined([bob]), {}, server.ada.id);
  await settle();
  assert.deepEqual(names(room), ["Ada Lovelace", "Brave Otter"]);
});

test("a name that is taken is refused, and a free one is the visitor's at once", async () => {
  const { room, server } = await inRoom();
  server.refuse("nick.set", "conflict");
  await assert.rejects(room.rename("Ada"), { code: "conflict" });
  assert.equal(room.me.name, "Brave Otter");
  await room.rename("Otto");
  assert.equal(room.me.name, "Otto");
  assert.ok(names(room).includes("Otto"));
});

test("a room that refuses the visitor is as a refused session: the page stops, and asks for nothing more", async () => {
  const { server, page } = await inRoom({
    connect: async (options) => {
      stopClock();
      options.server.refuse("room.join", "not_permitted");
      return new Page(options).connect();
    },
  });
  assert.deepEqual([page.socket.state, page.socket.stopReason], ["stopped", "refused"]);
  await pass(60_000, 1_000);
  assert.equal(server.commands("room.join").length, 1);
});

test("a room that is joined again after a restart has who is there then", async () => {
  const { server, room, page } = await inRoom();
  await send(server, "participant.joined", joined([cyd]));
  server.close(1012);
  server.conversation.say(server.ada, "meanwhile");
  await pass(1_500);
  assert.deepEqual(names(room), ["Ada Lovelace", "Brave Otter"]);
  assert.deepEqual(page.contents, ["Welcome!", "meanwhile"]);
});

test("the oldest notices go, so that a page of a busy room does not grow for ever", async () => {
  const { room, server } = await inRoom();
  for (let number = 0; number < 130; number += 1) {
    server.answer(`message ${number}`);
    await send(server, "participant.joined", joined([author(`Visitor ${number}`, "visitor")]));
  }
  assert.equal(room.notices.length, 100);
  assert.deepEqual([...room.notices.at(-1).joined.values()], ["Visitor 129"]);
});
