// The proof of work itself: numbers whose hash begins with so many zero bits. docs/protocol.md has the rule.

import { sha256 } from "../../vendor/noble-hashes/sha256.77fa0d02e0ac.js";

const PIECE = 500; // hashes between two looks at the clock, so that a page that solves it itself stays responsive

/** Yields now and then, and returns the answers to these `puzzles` of the challenge. */
export function* solving({ challenge, bits }, puzzles) {
  const text = new TextEncoder();
  const seed = sha256(text.encode(challenge));
  const answers = [];
  for (const puzzle of puzzles) {
    let number = 0;
    while (!fits(sha256(joined(seed, text.encode(`${puzzle}:${number}`))), bits)) {
      number += 1;
      if (number % PIECE === 0) yield;
    }
    answers.push(number);
  }
  return answers;
}

function joined(seed, words) {
  const bytes = new Uint8Array(seed.length + words.length);
  bytes.set(seed);
  bytes.set(words, seed.length);
  return bytes;
}

/** Up to 32 bits. */
function fits(hash, bits) {
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) < 2 ** (32 - bits);
}
