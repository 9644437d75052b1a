// The proof of work itself: numbers whose hash begins with enough zero bits. docs/protocol.md has the rule.

import { sha256 } from "../../vendor/noble-hashes/sha256.js";

const CHUNK = 500; // hashes between two looks at the clock, so that a page that solves it itself stays responsive

/** Yields now and then, and returns the answers to these `puzzles` of the challenge. */
export function* solve({ challenge, bits }, puzzles) {
  const encoder = new TextEncoder();
  const seed = sha256(encoder.encode(challenge));
  const answers = [];
  for (const puzzle of puzzles) {
    let number = 0;
    while (!hasZeroBits(sha256(concatenated(seed, encoder.encode(`${puzzle}:${number}`))), bits)) {
      number += 1;
      if (number % CHUNK === 0) yield;
    }
    answers.push(number);
  }
  return answers;
}

function concatenated(first, second) {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Up to 32 bits. */
function hasZeroBits(hash, bits) {
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) < 2 ** (32 - bits);
}
