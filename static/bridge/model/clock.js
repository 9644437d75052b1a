// The server's time. Whatever the device believes, the server decides what may still be edited, and what “today” is.

let offset = 0; // milliseconds that the server's clock is ahead of the device's

export const clock = {
  /** Milliseconds since 1970, as Date.now. */
  now: () => Date.now() + offset,

  today: () => new Date(clock.now()).toDateString(),

  /** The server's time at a time of the device's clock. */
  corrected: (deviceTime) => deviceTime + offset,

  /** The server answered `time` to what was sent at `sentAt` by the device's clock. Returns whether that is a change. */
  set(time, sentAt) {
    const before = offset;
    // The server read its clock somewhere between the request and the answer.
    offset = Date.parse(time) - (sentAt + Date.now()) / 2;
    return Math.abs(offset - before) > 1_000;
  },
};
