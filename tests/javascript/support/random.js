// Random texts that are the same in each run.

/** Numbers between 0 and 1. mulberry32. */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick(random, choices) {
  return choices[Math.floor(random() * choices.length)];
}

/** `count` texts, each of `length` of these pieces. */
export function texts(seed, pieces, { count, length }) {
  const random = seeded(seed);
  return Array.from({ length: count }, () => Array.from({ length }, () => pick(random, pieces)).join(""));
}

export function shuffled(random, items) {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]);
}
