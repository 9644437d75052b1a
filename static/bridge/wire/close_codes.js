// What a close code, or a refused session, means for the page: whether to connect again, and when.

const STOP = new Map([
  [4400, "outdated"], // not this protocol: the page is older than the server
  [4403, "refused"], // the origin is refused, or the visitor is blocked
]);
const PAUSE = new Map([
  [4429, 10_000], // the visitor sends too much
  [1013, 1_000], // the page is too slow, or the server busy
]);
const PROXY_MISTAKES = new Set(["proxy_port", "proxy_scheme"]);
// These end without the page: the team unblocks the visitor, or they sign in elsewhere.
const TEMPORARY = new Set(["blocked", "sign_in"]);

export function isTemporary(stopReason) {
  return TEMPORARY.has(stopReason);
}

/** `stop`: why not to connect again, or null. `pause`: milliseconds to wait at least. */
export function afterClose(code, reason = "") {
  return { stop: PROXY_MISTAKES.has(reason) ? reason : (STOP.get(code) ?? null), pause: PAUSE.get(code) ?? 0 };
}

/** The same for an error reply to session.start, after which the socket is of no use. */
export function afterRefusal({ code, details }) {
  const stop = {
    blocked: "blocked",
    not_permitted: "refused",
    not_identified: details.reason === "sign_in" ? "sign_in" : "outdated",
    not_found: "missing",
    closed: "missing",
  };
  return { stop: stop[code] ?? null, pause: (details.retry_after ?? 0) * 1000 };
}
