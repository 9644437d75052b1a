import assert from "node:assert/strict";
import test from "node:test";
import { cleaned, Draft, lengthOf } from "../../../static/bridge/model/sending/draft.js";
import { uuid } from "../../../static/bridge/model/sending/uuid.js";
import { LocalStore } from "../../../static/bridge/storage/local_store.js";
import { MemoryStorage } from "../../../static/bridge/storage/memory_storage.js";
import { open, Page, pass, settle, stopClock } from "../support/page.js";

const sent = (server) => server.commands("message.send").map(({ content }) => content);
const errors = ({ chat }) => chat.outbox.entries.map(({ error }) => error);

test("messages are sent one by one in the order of writing, and leave the outbox", async () => {
  const { chat, server } = await open();
  for (const content of ["one", "two", "three"]) chat.send({ content });
  await settle();
  assert.deepEqual(server.conversation.messages.map(({ content }) => content), ["one", "two", "three"]);
  assert.deepEqual(chat.outbox.entries, []);
});

test("a message without an answer survives a reload and is sent under the same id, before the later ones", async () => {
  const page = await open();
  const { server, storage } = page;
  server.silent.add("message.send");
  for (const content of ["one", "two"]) page.chat.send({ content });
  await settle();
  page.leave();
  server.silent.clear();
  const reloaded = await new Page({ server, storage }).connect();
  assert.deepEqual(sent(server), ["one", "one", "two"]);
  const ids = server.commands("message.send").map(({ client_id }) => client_id);
  assert.equal(ids[0], ids[1]);
  assert.equal(storage.length, 0);
  assert.deepEqual(reloaded.contents, ["one", "two"]);
});

test("a message that did arrive, whose answer was lost, is there once", async () => {
  const { chat, server } = await open();
  server.conversation.say(server.visitor, "hello", { client_id: uuid() });
  const [{ client_id }] = server.conversation.messages;
  chat.outbox.add({ client_id, content: "hello" });
  await settle();
  assert.equal(server.conversation.messages.length, 1);
  assert.deepEqual(chat.outbox.entries, []);
  assert.equal(chat.conversation.timeline.messages.length, 1);
});

test("what is written without a connection waits for the next session", async () => {
  const { chat, server } = await open();
  server.close(1012);
  chat.send({ content: "kept" });
  await settle();
  assert.deepEqual(chat.pendingMessages.map(({ content }) => content), ["kept"]);
  await pass(1_000);
  assert.deepEqual(sent(server), ["kept"]);
  assert.deepEqual(chat.pendingMessages, []);
});

for (const [code, details, wait] of [["throttled", { retry_after: 3 }, 3_000], ["unavailable", {}, 2_000]]) {
  test(`a message that is ${code} waits for ${wait} ms, and those after it wait too`, async () => {
    const { chat, server } = await open();
    server.refuse("message.send", code, details);
    for (const content of ["one", "two"]) chat.send({ content });
    await pass(wait - 100);
    assert.deepEqual(sent(server), ["one"]);
    await pass(200);
    assert.deepEqual(sent(server), ["one", "one", "two"]);
  });
}

for (const [details, reason] of [
  [{}, "not_permitted"],
  [{ filter: "words" }, "filter_words"],
  [{ filter: "links" }, "filter_links"],
  [{ muted_until: "2099-01-01T12:00:00Z" }, "muted"],
]) {
  test(`a message that is refused as ${reason} stays with that reason, over a reload, and stops no other`, async () => {
    const page = await open();
    const { chat, server, storage } = page;
    server.refuse("message.send", "not_permitted", details);
    for (const content of ["refused", "taken"]) chat.send({ content });
    await settle();
    assert.deepEqual(errors(page), [reason]);
    assert.deepEqual(server.conversation.messages.map(({ content }) => content), ["taken"]);
    page.leave();
    const reloaded = await new Page({ server, storage }).connect();
    assert.deepEqual(errors(reloaded), [reason]);
    const [{ client_id }] = reloaded.chat.outbox.entries;
    reloaded.chat.outbox.retry(client_id);
    await settle();
    assert.deepEqual(errors(reloaded), []);
    const [first, , again] = server.commands("message.send");
    assert.deepEqual(again, first);
  });
}

test("a reply whose message was deleted can be sent without it", async () => {
  const page = await open();
  const { chat, server } = page;
  const answered = server.answer("gone in a moment");
  await settle();
  server.refuse("message.send", "not_found", { reply_to: answered.uid });
  chat.send({ content: "Thanks", quote: { uid: answered.uid } });
  await settle();
  assert.deepEqual(errors(page), ["reply_gone"]);
  chat.outbox.retry(chat.outbox.entries[0].client_id, { quote: undefined });
  await settle();
  assert.deepEqual(server.commands("message.send").map(({ reply_to }) => reply_to), [answered.uid, undefined]);
});

test("a message that was given up is not sent, and not in another tab either", async () => {
  const { chat, server, storage } = await open();
  server.refuse("message.send", "internal");
  chat.send({ content: "never mind" });
  await settle();
  chat.outbox.remove(chat.outbox.entries[0].client_id);
  assert.equal(storage.length, 0);
  await pass(60_000, 1_000);
  assert.equal(sent(server).length, 1);
});

test("an entry that another tab wrote is seen here", async () => {
  const { chat, storage } = await open();
  const entry = { client_id: uuid(), content: "from there", at: 1 };
  new LocalStore("chatbridge.default.outbox.", storage).put(entry.client_id, entry);
  window.dispatchEvent(Object.assign(new Event("storage"), { key: `chatbridge.default.outbox.${entry.client_id}` }));
  assert.deepEqual(chat.outbox.entries, [entry]);
});

test("an edit shows at once, and is confirmed; of two edits the later one counts", async () => {
  const { chat, server } = await open();
  const message = server.conversation.say(server.visitor, "one");
  server.announce("message.posted", message);
  await settle();
  chat.changes.edit(message.uid, "two");
  chat.changes.edit(message.uid, "three");
  assert.equal(chat.changes.byMessage.get(message.uid).content, "three");
  await settle();
  assert.equal(chat.conversation.timeline.get(message.uid).content, "three");
  assert.deepEqual(chat.changes.entries, []);
});

test("a change that came too late stays with its reason until it is discarded or tried again", async () => {
  const { chat, server } = await open();
  const message = server.answer("one");
  await settle();
  server.refuse("message.edit", "not_permitted", { window: 900 });
  chat.changes.edit(message.uid, "two");
  await settle();
  assert.equal(chat.changes.byMessage.get(message.uid).error, "not_permitted");
  assert.equal(chat.conversation.timeline.get(message.uid).content, "one");
  chat.changes.retry(message.uid);
  await settle();
  assert.equal(chat.conversation.timeline.get(message.uid).content, "two");
});

test("a deletion of what is gone already is no failure", async () => {
  const { chat, server } = await open();
  const message = server.answer("one");
  await settle();
  server.refuse("message.delete", "not_found", { message: message.uid });
  chat.changes.delete(message.uid);
  await settle();
  assert.deepEqual(chat.changes.entries, []);
});

test("a message that did not reach the team is delivered again", async () => {
  const { chat, server } = await open();
  const message = server.conversation.say(server.visitor, "hello", { state: "failed", failure: "unknown" });
  server.announce("message.posted", message);
  await settle();
  chat.changes.redeliver(message.uid);
  await settle();
  assert.deepEqual(server.commands("message.retry"), [{ message: message.uid }]);
  assert.equal(chat.conversation.timeline.get(message.uid).state, "sent");
});

const CHALLENGE = { challenge: "signed", bits: 4, answers: 3, reason: "proof" };

test("where the server asks for a proof it is made, shown to be made, and sent with the same message", async () => {
  const solved = deferred();
  const page = await open({ prove: () => solved.promise });
  const { chat, server } = page;
  server.refuse("message.send", "proof_required", CHALLENGE);
  chat.send({ content: "hello" });
  await settle();
  assert.equal(chat.isProving, true);
  solved.resolve({ challenge: "signed", answers: [1, 2, 3] });
  await settle();
  assert.equal(chat.isProving, false);
  const [first, second] = server.commands("message.send");
  assert.deepEqual(second, { ...first, proof: { challenge: "signed", answers: [1, 2, 3] } });
});

test("a proof is used once, and kept where the message was refused for another reason", async () => {
  const { chat, server } = await open({ prove: async () => ({ challenge: "signed", answers: [1, 2, 3] }) });
  server.refuse("message.send", "proof_required", CHALLENGE);
  server.refuse("message.send", "throttled", { retry_after: 1 });
  for (const content of ["one", "two"]) chat.send({ content });
  await pass(1_100);
  assert.deepEqual(server.commands("message.send").map(({ content, proof }) => [content, Boolean(proof)]), [
    ["one", false],
    ["one", true],
    ["one", true],
    ["two", false],
  ]);
});

test("that the visitor types is told now and then, and again after what they sent", async () => {
  const { chat, server } = await open();
  chat.sendTyping();
  assert.equal(server.commands("typing.start").length, 0); // there is no conversation yet
  server.answer("hello");
  await pass(1_000);
  const typed = async () => {
    chat.sendTyping();
    await settle();
    return server.commands("typing.start").length;
  };
  assert.equal(await typed(), 1);
  await pass(4_000);
  assert.equal(await typed(), 1);
  await pass(1_000);
  assert.equal(await typed(), 2);
  chat.send({ content: "one" });
  await settle();
  assert.equal(await typed(), 3);
});

test("ids rise with time, and are of version 7", () => {
  stopClock();
  const first = uuid();
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(first.replace("-", "").slice(0, 12), 16), Date.now());
  stopClock(Date.now() + 1);
  assert.ok(uuid() > first);
  assert.equal(new Set(Array.from({ length: 1_000 }, uuid)).size, 1_000);
});

test("a draft is there over a reload, and nothing is left of an empty one", () => {
  const storage = new MemoryStorage();
  new Draft(new LocalStore("draft.", storage)).text = "half a sent";
  const draft = new Draft(new LocalStore("draft.", storage));
  assert.equal(draft.text, "half a sent");
  draft.text = "";
  assert.equal(draft.text, "");
  assert.equal(storage.length, 0);
});

test("what the server would refuse is not sent: control characters, and what makes text look like something else", () => {
  assert.equal(cleaned("  a\u0000b\r\nc\rd\u202Ee\tf \n"), "ab\nc\ndef".replace("ef", "e\tf"));
  assert.equal(lengthOf("🦦🦦"), 2);
});

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
