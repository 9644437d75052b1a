// Solves a challenge of the server's on a few cores beside the page; where that cannot be, on the page, in pieces.

import { solving } from "./solving.0926361370da.js";

const MOST = 4; // workers
const PIECE = 8; // milliseconds on the page at once

/** What `message.send` takes as `proof`. `worker`: the address of worker.js. */
export async function prove(challenge, { worker }) {
  const shares = dealt(challenge.answers, Math.min(MOST, navigator.hardwareConcurrency || 1));
  const solved = await Promise.all(shares.map((puzzles) => solve(challenge, puzzles, worker)));
  const answers = [];
  shares.forEach((puzzles, at) => puzzles.forEach((puzzle, of) => (answers[puzzle] = solved[at][of])));
  return { challenge: challenge.challenge, answers };
}

function dealt(count, hands) {
  const shares = Array.from({ length: hands }, () => []);
  for (let puzzle = 0; puzzle < count; puzzle += 1) shares[puzzle % hands].push(puzzle);
  return shares;
}

async function solve(challenge, puzzles, address) {
  try {
    return await beside(challenge, puzzles, address);
  } catch (failure) {
    console.debug("no worker:", failure.message);
    return onThePage(solving(challenge, puzzles));
  }
}

function beside(challenge, puzzles, address) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(address, { type: "module" });
    const end = (settle) => (value) => {
      worker.terminate();
      settle(value);
    };
    worker.onmessage = end(({ data }) => resolve(data));
    worker.onerror = end((event) => {
      event.preventDefault();
      reject(new Error(event.message || "it could not be loaded"));
    });
    worker.postMessage({ challenge, puzzles });
  });
}

async function onThePage(work) {
  for (;;) {
    const until = performance.now() + PIECE;
    let step = work.next();
    while (!step.done && performance.now() < until) step = work.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setTimeout(resolve));
  }
}
