import assert from "node:assert/strict";
import test from "node:test";
import { Backoff } from "../../../static/bridge/wire/backoff.js";

function longest(backoff, tries) {
  return Array.from({ length: tries }, () => backoff.next());
}

test("each wait is below a ceiling that doubles up to the largest", () => {
  for (let run = 0; run < 200; run += 1) {
    const waits = longest(new Backoff({ first: 500, max: 3_000 }), 6);
    waits.forEach((wait, index) => assert.ok(wait >= 0 && wait < [500, 1_000, 2_000, 3_000, 3_000, 3_000][index]));
  }
});

test("those who were cut off together do not come back together", () => {
  const first = Array.from({ length: 1_000 }, () => new Backoff({ first: 1_000 }).next());
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const count = first.filter((wait) => Math.floor(wait / 100) === tenth).length;
    assert.ok(count > 40 && count < 180, `${count} in one tenth of the time`);
  }
});

test("after a success it begins anew", () => {
  const backoff = new Backoff({ first: 10, max: 1_000_000 });
  longest(backoff, 15);
  backoff.reset();
  assert.ok(backoff.next() < 10);
});
