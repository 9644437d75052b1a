// Solves puzzles beside the page.

import { solving } from "./solving.js";

self.onmessage = ({ data: { challenge, puzzles } }) => {
  const work = solving(challenge, puzzles);
  let step = work.next();
  while (!step.done) step = work.next();
  self.postMessage(step.value);
};
