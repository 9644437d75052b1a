import assert from "node:assert/strict";
import test from "node:test";
import { Timeline } from "../../../static/bridge/model/conversation/timeline.js";
import { indexOfSeq } from "../../../static/bridge/model/order.js";
import { seeded, shuffled } from "../support/random.js";
import { author, quoteOf, StoredConversation } from "../support/server.js";

const ada = author("Ada", "staff");
const otter = author("Brave Otter", "visitor");

function talk(count) {
  const conversation = new StoredConversation({ participant: otter.id });
  for (let number = 1; number <= count; number += 1) conversation.say(ada, `message ${number}`);
  return conversation;
}

const seqs = ({ messages }) => messages.map(({ seq }) => seq);
const contents = ({ messages }) => messages.map(({ content }) => content);

test("messages stand in their order, each once, whatever order and however often they come", () => {
  const random = seeded(3);
  const { messages } = talk(12);
  for (let run = 0; run < 200; run += 1) {
    const timeline = new Timeline();
    for (const message of shuffled(random, [...messages, ...messages.slice(3, 9)])) timeline.apply([message]);
    assert.deepEqual(seqs(timeline), messages.map(({ seq }) => seq));
  }
});

test("of two states of a message the later one stays, whichever comes first", () => {
  const conversation = talk(2);
  const before = { ...conversation.messages[0] };
  const after = conversation.change(conversation.messages[0], { content: "changed" });
  for (const order of [[before, after], [after, before]]) {
    const timeline = new Timeline();
    for (const message of order) timeline.apply([message]);
    assert.deepEqual(contents(timeline), ["changed"]);
    assert.equal(timeline.get(after.uid).content, "changed");
  }
});

test("a page comes before what is there, and what was there already stays once", () => {
  const { messages } = talk(10);
  const timeline = new Timeline();
  timeline.addPage(messages.slice(6), true);
  timeline.addPage(messages.slice(3, 8).reverse(), true);
  assert.deepEqual(seqs(timeline), [4, 5, 6, 7, 8, 9, 10]);
  assert.equal(timeline.hasOlder, true);
  timeline.addPage(messages.slice(0, 3), false);
  assert.deepEqual([timeline.firstSeq, timeline.hasOlder], [1, false]);
});

test("a change of a message before the first loaded one is left to its page", () => {
  const conversation = talk(5);
  const timeline = new Timeline();
  timeline.addPage(conversation.messages.slice(3), true);
  timeline.apply([conversation.change(conversation.messages[0], { content: "changed" })]);
  assert.deepEqual(seqs(timeline), [4, 5]);
});

test("a quote follows the message that it quotes, which may not be loaded", () => {
  const conversation = talk(3);
  const [first] = conversation.messages;
  conversation.say(otter, "about that", { reply_to: quoteOf(first) });
  const timeline = new Timeline();
  timeline.addPage(conversation.messages.slice(2), true);
  const quote = () => timeline.messages.at(-1).reply_to;
  timeline.apply([conversation.change(first, { content: "x".repeat(300), edited_at: first.created_at })]);
  assert.deepEqual([quote().content, quote().deleted], ["x".repeat(200), false]);
  timeline.apply([conversation.change(first, { content: "", deleted_at: first.created_at })]);
  assert.deepEqual([quote().content, quote().deleted, quote().name], ["", true, "Ada"]);
});

test("who is renamed has their new name on what they said before, and nobody else has", () => {
  const conversation = talk(1);
  conversation.say(otter, "hello");
  const timeline = new Timeline();
  timeline.addPage(conversation.messages, false);
  timeline.rename({ ...ada, name: "Lady Lovelace" });
  assert.deepEqual(timeline.messages.map((message) => message.author.name), ["Lady Lovelace", "Brave Otter"]);
  assert.equal(timeline.get(conversation.messages[0].uid).author.name, "Lady Lovelace");
});

test("an own message is known by the id of its client, and by its author alone", () => {
  const conversation = talk(0);
  conversation.say(otter, "hello", { client_id: "0198" });
  const timeline = new Timeline();
  timeline.apply(conversation.messages);
  assert.equal(timeline.has("0198", otter.id), true);
  assert.equal(timeline.has("0198", ada.id), false);
});

test("after a reset nothing of before is there", () => {
  const conversation = talk(6);
  conversation.messages[5].client_id = "0198";
  const timeline = new Timeline();
  timeline.addPage(conversation.messages, false);
  timeline.reset(talk(9).messages.slice(4));
  assert.deepEqual([seqs(timeline), timeline.hasOlder], [[5, 6, 7, 8, 9], true]);
  assert.equal(timeline.get(conversation.messages[5].uid), undefined);
  assert.equal(timeline.has("0198", ada.id), false);
});

test("the index of a place is that of the first message from there on", () => {
  const messages = [2, 3, 7].map((seq) => ({ seq }));
  assert.deepEqual([1, 2, 3, 4, 7, 8].map((seq) => indexOfSeq(messages, seq)), [0, 0, 1, 2, 2, 3]);
});
