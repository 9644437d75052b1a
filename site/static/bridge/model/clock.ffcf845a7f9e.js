// The server's time: whatever the device believes, the server decides what may still be edited, and what “today” is.

let ahead = 0; // milliseconds that the server's clock is ahead of this device's

export const clock = {
  /** Milliseconds since 1970, as Date.now. */
  now: () => Date.now() + ahead,

  /** When something was, that this device's own clock was asked about. */
  corrected: (at) => at + ahead,

  /** The server said `time` in an answer to what was asked at `asked`, by this device's clock. Returns whether that is news. */
  set(time, asked) {
    const before = ahead;
    // It said so somewhere between the two.
    ahead = Date.parse(time) - (asked + Date.now()) / 2;
    return Math.abs(ahead - before) > 1_000;
  },
};
