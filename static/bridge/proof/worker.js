// Solves puzzles in a thread beside the page.

import { solve } from "./solver.js";

self.onmessage = ({ data: { challenge, puzzles } }) => {
  const work = solve(challenge, puzzles);
  let step = work.next();
  while (!step.done) step = work.next();
  self.postMessage(step.value);
};
