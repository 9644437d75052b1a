// What a close code of the protocol asks of the page.

const FINAL = new Map([
  [4400, "outdated"], // not this protocol: the page is older than the server
  [4403, "refused"], // origin refused, or the visitor is blocked
]);
const PAUSE = new Map([
  [4429, 10_000], // flooding
  [1013, 1_000], // too slow, or not now
]);

const MISTAKES = new Set(["proxy_port", "proxy_scheme"]); // of who set up the proxy in front
// These end without the page: the team takes the visitor back, or they sign in elsewhere.
const PASSING = new Set(["blocked", "sign_in"]);

export function passes(reason) {
  return PASSING.has(reason);
}

/** Why not to come back (or null), and how long to stay away at least. */
export function afterClose(code, reason = "") {
  return { stop: MISTAKES.has(reason) ? reason : (FINAL.get(code) ?? null), pause: PAUSE.get(code) ?? 0 };
}

/** The same for an error reply to session.start, after which the socket is of no use. */
export function afterRefusal({ code, details }) {
  const final = {
    blocked: "blocked",
    not_permitted: "refused",
    not_identified: details.reason === "sign_in" ? "sign_in" : "outdated",
    not_found: "missing",
    closed: "missing",
  };
  return { stop: final[code] ?? null, pause: (details.retry_after ?? 0) * 1000 };
}
