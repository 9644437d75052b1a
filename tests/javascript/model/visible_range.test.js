import assert from "node:assert/strict";
import test from "node:test";
import { VisibleRange } from "../../../static/bridge/model/rows/visible_range.js";
import { pick, seeded } from "../support/random.js";

const SCREEN = 900; // pixels
const MAX = 60;

function start(count, { height = SCREEN, first = 1 } = {}) {
  const messages = Array.from({ length: count }, (_, index) => ({ seq: first + index }));
  return { messages, range: new VisibleRange({ height: () => height }) };
}

function seqs(range, messages) {
  const visible = range.of(messages);
  return [visible.messages[0]?.seq, visible.messages.at(-1)?.seq];
}

test("it begins at the end, with a few", () => {
  const { messages, range } = start(100);
  assert.deepEqual(seqs(range, messages), [93, 100]);
  assert.deepEqual(range.of([]), { messages: [], atStart: true, atEnd: true });
  const { atStart, atEnd } = range.of(messages.slice(0, 5));
  assert.deepEqual([atStart, atEnd], [true, true]);
});

test("what comes at the end is there at once, where the end is on the page", () => {
  const { messages, range } = start(100);
  range.moveToEnd(messages);
  messages.push({ seq: 101 });
  assert.equal(seqs(range, messages)[1], 101);
});

test("what comes at the end is not there, where the reader is further up", () => {
  const { messages, range } = start(200);
  range.moveTo(messages, 50);
  const before = seqs(range, messages);
  messages.push({ seq: 201 });
  assert.deepEqual(seqs(range, messages), before);
  assert.equal(range.of(messages).atEnd, false);
});

test("a message that is looked for has some before it, and some after it", () => {
  const { messages, range } = start(200);
  range.moveTo(messages, 50);
  assert.deepEqual(seqs(range, messages), [47, 54]);
  range.moveTo(messages, 1);
  assert.deepEqual(seqs(range, messages), [1, 8]);
  range.moveTo(messages, 200);
  assert.deepEqual(seqs(range, messages), [193, 200]);
});

test("back at the end there are a few again, and where the end was near there is no jump", () => {
  const { messages, range } = start(200);
  range.moveTo(messages, 50);
  range.moveToEnd(messages);
  assert.deepEqual(seqs(range, messages), [193, 200]);
  range.extendUp(messages);
  range.moveToEnd(messages);
  assert.deepEqual(seqs(range, messages), [185, 200]);
});

test("messages that come before the first one change nothing on the page", () => {
  const { messages, range } = start(50, { first: 51 });
  range.moveTo(messages, 60);
  const before = seqs(range, messages);
  messages.unshift(...start(50).messages);
  assert.deepEqual(seqs(range, messages), before);
});

test("on a large screen more are on the page", () => {
  const { messages, range } = start(400, { height: 6_000 });
  for (let step = 0; step < 60; step += 1) range.extendUp(messages);
  assert.equal(range.of(messages).messages.length, 200);
});

test("another conversation begins at its end", () => {
  const { messages, range } = start(100);
  range.moveTo(messages, 10);
  range.reset();
  assert.deepEqual(seqs(range, messages), [93, 100]);
});

test("however one moves, the page is never empty nor too full, and both ends are reached", () => {
  const random = seeded(11);
  for (let run = 0; run < 200; run += 1) {
    const { messages, range } = start(300);
    const moves = [
      () => range.extendUp(messages),
      () => range.extendDown(messages),
      () => range.moveTo(messages, 1 + Math.floor(random() * messages.length)),
      () => range.moveToEnd(messages),
      () => messages.push({ seq: messages.length + 1 }),
    ];
    for (let step = 0; step < 40; step += 1) {
      pick(random, moves)();
      const { length } = range.of(messages).messages;
      assert.ok(length >= 8 && length <= MAX, String(length));
    }
    for (let step = 0; step < 100 && !range.of(messages).atEnd; step += 1) range.extendDown(messages);
    assert.ok(range.of(messages).atEnd);
    for (let step = 0; step < 100 && !range.of(messages).atStart; step += 1) range.extendUp(messages);
    assert.ok(range.of(messages).atStart);
  }
});
