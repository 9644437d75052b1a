// Whether the server is away, or something in between lets pages through and stops WebSockets.

/** Asks for the socket's address as for a page. 426 is the answer of our own server. */
export async function onlySocketsAreStopped(url) {
  try {
    return (await fetch(url.replace(/^ws/, "http"), { cache: "no-store" })).status === 426;
  } catch {
    return false; // nothing comes through
  }
}
