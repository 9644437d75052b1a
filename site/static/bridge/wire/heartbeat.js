// Keeps a socket honest: a ping now and then whose answer says how far each connection is, and at once when the
// network or the reader comes back.

const EVERY = 25_000; // the server gives up a socket that was silent for 75 s
const PATIENCE = 8_000;

export function beat(socket, { onPong }) {
  const ping = async () => {
    if (socket.state !== "ready") return;
    try {
      const asked = Date.now();
      onPong(await socket.command("ping", {}, PATIENCE), asked);
    } catch (failure) {
      // Refused (throttled) or lost: the next one asks again, and a lost socket comes back by itself.
      console.debug("ping:", failure.message || failure.name);
    }
  };
  // Whoever comes back may have signed in meanwhile.
  const wake = () => (socket.state === "ready" ? ping() : socket.connect());

  setInterval(ping, EVERY);
  window.addEventListener("online", wake);
  window.addEventListener("offline", ping);
  document.addEventListener("visibilitychange", () => document.hidden || wake());
}
