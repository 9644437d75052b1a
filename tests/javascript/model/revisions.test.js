import assert from "node:assert/strict";
import test from "node:test";
import { Revisions } from "../../../static/bridge/model/conversation/revisions.js";
import { seeded, shuffled } from "../support/random.js";

test("what comes in order leaves no gap", () => {
  const revisions = new Revisions(3);
  revisions.cover(3, 4);
  revisions.cover(4, 7);
  assert.deepEqual([revisions.head, revisions.hasGap], [7, false]);
});

test("a hole is a gap until it is filled", () => {
  const revisions = new Revisions(3);
  revisions.cover(4, 5);
  assert.deepEqual([revisions.head, revisions.hasGap], [3, true]);
  revisions.cover(3, 4);
  assert.deepEqual([revisions.head, revisions.hasGap], [5, false]);
});

test("that the server is further on is a gap, and that it is not is none", () => {
  const revisions = new Revisions(3);
  revisions.cover(3, 3);
  assert.equal(revisions.hasGap, false);
  revisions.cover(4, 4);
  assert.equal(revisions.hasGap, true);
});

test("a restored database starts over, and what came of the lost one is forgotten", () => {
  const revisions = new Revisions(9);
  revisions.cover(12, 13);
  revisions.restart(4);
  assert.deepEqual([revisions.head, revisions.hasGap], [4, false]);
});

test("a newer page leaves what lies beyond it", () => {
  const revisions = new Revisions(2);
  revisions.cover(6, 7);
  revisions.restart(6);
  assert.deepEqual([revisions.head, revisions.hasGap], [7, false]);
});

test("in whatever order events come, and however often, they are known in the end and none is before its time", () => {
  const random = seeded(7);
  for (let run = 0; run < 300; run += 1) {
    const events = [];
    for (let since = 0; since < 30; ) {
      const revision = since + 1 + Math.floor(random() * 3);
      events.push({ since, revision });
      since = revision;
    }
    const twice = shuffled(random, [...events, ...events.filter(() => random() < 0.3)]);
    const revisions = new Revisions();
    const known = new Set();
    for (const { since, revision } of twice) {
      revisions.cover(since, revision);
      for (let at = since + 1; at <= revision; at += 1) known.add(at);
      let expected = 0;
      while (known.has(expected + 1)) expected += 1;
      assert.equal(revisions.head, expected);
      assert.equal(revisions.hasGap, known.size > expected);
    }
    assert.deepEqual([revisions.head, revisions.hasGap], [events.at(-1).revision, false]);
  }
});
