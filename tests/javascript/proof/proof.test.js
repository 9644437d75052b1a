import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { prove } from "../../../static/bridge/proof/prover.js";
import { solve } from "../../../static/bridge/proof/solver.js";

const CHALLENGE = { challenge: "a challenge of the server's", bits: 10, answers: 5 };

/** By the rule in docs/protocol.md, with another library. */
function zeroBits({ challenge }, puzzle, number) {
  const seed = createHash("sha256").update(challenge).digest();
  const hash = createHash("sha256").update(seed).update(`${puzzle}:${number}`).digest();
  return Math.clz32(hash.readUInt32BE(0));
}

function useNavigator(value) {
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
}

function solved(challenge, puzzles) {
  const work = solve(challenge, puzzles);
  let step = work.next();
  let pauses = 0;
  for (; !step.done; step = work.next()) pauses += 1;
  return { answers: step.value, pauses };
}

test("each answer is the first number that has enough zero bits", () => {
  const { answers } = solved(CHALLENGE, [0, 1, 2]);
  answers.forEach((answer, puzzle) => {
    assert.ok(zeroBits(CHALLENGE, puzzle, answer) >= CHALLENGE.bits);
    for (let number = 0; number < answer; number += 1) assert.ok(zeroBits(CHALLENGE, puzzle, number) < CHALLENGE.bits);
  });
});

test("it pauses now and then, so that a page stays responsive", () => {
  const { answers, pauses } = solved(CHALLENGE, [0, 1, 2, 3]);
  const expected = answers.reduce((sum, answer) => sum + Math.floor(answer / 500), 0);
  assert.ok(expected > 0);
  assert.equal(pauses, expected);
});

test("without workers it is solved on the page, every puzzle in its place", async () => {
  useNavigator({ hardwareConcurrency: 3 });
  const proof = await prove(CHALLENGE, { worker: "/worker.js" });
  assert.equal(proof.challenge, CHALLENGE.challenge);
  assert.deepEqual(proof.answers, solved(CHALLENGE, [0, 1, 2, 3, 4]).answers);
});

test("with workers the puzzles are dealt to four at most, and each is let go", async () => {
  useNavigator({ hardwareConcurrency: 64 });
  const workers = [];
  globalThis.Worker = class {
    constructor(url, options) {
      workers.push(Object.assign(this, { url, options, isRunning: true }));
    }
    postMessage({ challenge, puzzles }) {
      queueMicrotask(() => this.onmessage({ data: solved(challenge, puzzles).answers }));
    }
    terminate() {
      this.isRunning = false;
    }
  };
  const proof = await prove(CHALLENGE, { worker: "/worker.js" });
  assert.deepEqual(proof.answers, solved(CHALLENGE, [0, 1, 2, 3, 4]).answers);
  assert.deepEqual(workers.map(({ url, options, isRunning }) => [url, options.type, isRunning]), Array(4).fill(["/worker.js", "module", false]));
});

test("a worker that cannot be loaded is replaced by the page", async () => {
  useNavigator({ hardwareConcurrency: 2 });
  globalThis.Worker = class {
    postMessage() {
      queueMicrotask(() => this.onerror({ preventDefault() {}, message: "" }));
    }
    terminate() {}
  };
  const { answers } = await prove(CHALLENGE, { worker: "/worker.js" });
  assert.deepEqual(answers, solved(CHALLENGE, [0, 1, 2, 3, 4]).answers);
});
