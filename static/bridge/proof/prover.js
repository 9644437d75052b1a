// Solves a challenge of the server's in a few workers, or on the page in short slices where there can be none.

import { solve } from "./solver.js";

const MAX_WORKERS = 4;
const SLICE = 8; // milliseconds on the page at once

/** What `message.send` takes as `proof`. `worker`: the address of worker.js. */
export async function prove(challenge, { worker }) {
  const shares = dealOut(challenge.answers, Math.min(MAX_WORKERS, navigator.hardwareConcurrency || 1));
  const solutions = await Promise.all(shares.map((puzzles) => solveShare(challenge, puzzles, worker)));
  const answers = [];
  shares.forEach((puzzles, share) =>
    puzzles.forEach((puzzle, index) => (answers[puzzle] = solutions[share][index])),
  );
  return { challenge: challenge.challenge, answers };
}

/** The numbers of the puzzles for each worker. */
function dealOut(count, workers) {
  const shares = Array.from({ length: workers }, () => []);
  for (let puzzle = 0; puzzle < count; puzzle += 1) shares[puzzle % workers].push(puzzle);
  return shares;
}

async function solveShare(challenge, puzzles, workerUrl) {
  try {
    return await solveInWorker(challenge, puzzles, workerUrl);
  } catch (failure) {
    console.debug("no worker:", failure.message);
    return solveOnPage(solve(challenge, puzzles));
  }
}

function solveInWorker(challenge, puzzles, url) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      reject(new Error(event.message || "it could not be loaded"));
    };
    worker.postMessage({ challenge, puzzles });
  });
}

async function solveOnPage(work) {
  for (;;) {
    const end = performance.now() + SLICE;
    let step = work.next();
    while (!step.done && performance.now() < end) step = work.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setTimeout(resolve));
  }
}
