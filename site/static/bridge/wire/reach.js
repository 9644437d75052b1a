// Whether it is the server that is away, or something between that lets pages through and WebSockets not.

/** Of the socket's address, asked as a page would be: 426 is the answer of our own server. */
export async function onlySocketsAreStopped(url) {
  try {
    return (await fetch(url.replace(/^ws/, "http"), { cache: "no-store" })).status === 426;
  } catch {
    return false; // nothing comes through
  }
}
