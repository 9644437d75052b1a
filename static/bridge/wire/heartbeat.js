// Keeps a socket honest: a ping now and then whose answer says how far each connection is, and at once when the
// network or the reader comes back.

const EVERY = 25_000; // the server gives up a socket that was silent for 75 s
const PATIENCE = 8_000;

export function beat(socket, { onHeads }) {
  const ping = async () => {
    if (socket.state !== "ready") return;
    try {
      onHeads((await socket.command("ping", {}, PATIENCE)).heads);
    } catch (failure) {
      // Refused (throttled) or lost: the next one asks again, and a lost socket comes back by itself.
      console.debug("ping:", failure.message || failure.name);
    }
  };
  const wake = () => (socket.state === "waiting" ? socket.connect() : ping());

  setInterval(ping, EVERY);
  window.addEventListener("online", wake);
  window.addEventListener("offline", ping);
  document.addEventListener("visibilitychange", () => document.hidden || wake());
}
