// Notices a dead connection, and events that were lost: pings now and then, and as soon as the network or the reader is
// back. A pong has the revision of each conversation.

import { logFailure } from "./errors.js";

const EVERY = 25_000; // the server gives up a socket that was silent for 75 s
const TIMEOUT = 8_000;

/** `onPong(pong, sentAt)`: `sentAt` in milliseconds since 1970, by the device's clock. */
export function startHeartbeat(socket, { onPong }) {
  const ping = async () => {
    if (socket.state !== "ready") return;
    try {
      const sentAt = Date.now();
      onPong(await socket.command("ping", {}, TIMEOUT), sentAt);
    } catch (failure) {
      // Throttled: the next ping asks again. Lost: the socket connects again by itself.
      logFailure("ping", failure);
    }
  };
  // A visitor who comes back may have signed in meanwhile.
  const wake = () => (socket.state === "ready" ? ping() : socket.connect());

  setInterval(ping, EVERY);
  window.addEventListener("online", wake);
  window.addEventListener("offline", ping);
  document.addEventListener("visibilitychange", () => document.hidden || wake());
}
