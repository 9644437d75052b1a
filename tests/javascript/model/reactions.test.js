import assert from "node:assert/strict";
import test from "node:test";
import { open, pass, settle } from "../support/page.js";
import { Server } from "../support/server.js";

async function reacted(reactions = [{ emoji: "👍", count: 2, own: true }]) {
  const server = new Server();
  const message = server.conversation.say(server.ada, "hello", { reactions, own: false });
  const { chat } = await open({ server });
  const shown = () => chat.conversation.reactions.of(chat.conversation.timeline.get(message.uid));
  return { server, message, chat, shown };
}

/** Somebody adds or removes one, and everybody hears of it. */
async function react(server, message, emoji, added, participant, counts) {
  const reactions = Object.entries(counts).map(([emoji, count]) => ({ emoji, count }));
  const { own, ...changed } = server.conversation.change(message, { reactions });
  const payload = { messages: [changed], participant, emoji, added };
  server.sendEvent("reaction.changed", payload, { since: changed.revision - 1, revision: changed.revision });
  await settle();
}

test("events do not say what is one's own, and it is known all the same", async () => {
  const { server, message, shown } = await reacted();
  assert.deepEqual(shown(), [{ emoji: "👍", count: 2, own: true }]);
  await react(server, message, "🎉", true, server.ada.id, { "🎉": 1, "👍": 2 });
  assert.deepEqual(shown().map(({ emoji, own }) => [emoji, own]), [["🎉", false], ["👍", true]]);
  // In another tab of the visitor's.
  await react(server, message, "👍", false, server.visitor.id, { "👍": 1 });
  assert.deepEqual(shown(), [{ emoji: "👍", count: 1, own: false }]);
});

test("one that is pressed shows at once, and is there in the end", async () => {
  const { chat, server, message, shown } = await reacted([{ emoji: "👍", count: 1, own: false }]);
  chat.conversation.reactions.toggle(message, "👍");
  chat.conversation.reactions.toggle(message, "🎉");
  const expected = [{ emoji: "👍", count: 2, own: true }, { emoji: "🎉", count: 1, own: true }];
  assert.deepEqual(shown(), expected);
  server.handle("reaction.add", ({ emoji }) => {
    const reactions = expected.slice(0, emoji === "👍" ? 1 : 2);
    const { own, ...changed } = server.conversation.change(message, { reactions });
    return { message: { ...changed, own: false } };
  });
  await settle();
  assert.deepEqual(shown(), expected);
});

test("one that is refused goes again, and says why", async () => {
  const { chat, server, message, shown } = await reacted([{ emoji: "👍", count: 1, own: false }]);
  server.refuse("reaction.add", "conflict");
  const refused = assert.rejects(chat.conversation.reactions.toggle(message, "👍"), { code: "conflict" });
  assert.equal(shown()[0].count, 2);
  await refused;
  assert.deepEqual(shown(), [{ emoji: "👍", count: 1, own: false }]);
});

test("one's own that is pressed again is taken back", async () => {
  const { chat, server, message, shown } = await reacted([{ emoji: "👍", count: 1, own: true }]);
  chat.conversation.reactions.toggle(message, "👍");
  assert.deepEqual(shown(), []);
  await settle();
  assert.deepEqual(server.commands("reaction.remove"), [{ message: message.uid, emoji: "👍" }]);
});

test("somebody who writes is named until their message is there, or for ten seconds", async () => {
  const { chat, server } = await reacted();
  const names = () => chat.conversation.typing.names;
  const type = async (author) => {
    server.sendEvent("typing.started", { author });
    await settle();
  };
  await type(server.visitor);
  assert.deepEqual(names(), []);
  await type(server.ada);
  assert.deepEqual(names(), ["Ada Lovelace"]);
  server.answer("done");
  await settle();
  assert.deepEqual(names(), []);
  await type(server.ada);
  await pass(9_000);
  await type(server.ada);
  await pass(9_900);
  assert.deepEqual(names(), ["Ada Lovelace"]);
  await pass(200);
  assert.deepEqual(names(), []);
});

test("what is older than what is known changes nothing, whether an event or a reply brings it", async () => {
  const { chat, server, message, shown } = await reacted([{ emoji: "👍", count: 1, own: false }]);
  const old = structuredClone(message);
  await react(server, message, "👍", true, server.visitor.id, { "👍": 2 });
  const payload = { messages: [old], participant: server.visitor.id, emoji: "👍", added: false };
  server.sendEvent("reaction.changed", payload, { since: old.revision - 1, revision: old.revision });
  await settle();
  assert.deepEqual(shown(), [{ emoji: "👍", count: 2, own: true }]);
  chat.conversation.apply([old]);
  assert.deepEqual(shown(), [{ emoji: "👍", count: 2, own: true }]);
  // A newer reply says it all.
  server.conversation.change(message, { reactions: [{ emoji: "👍", count: 1, own: false }] });
  chat.conversation.apply([message]);
  assert.deepEqual(shown(), [{ emoji: "👍", count: 1, own: false }]);
});
