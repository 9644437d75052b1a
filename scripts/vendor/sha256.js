// What static/vendor/noble-hashes/ is made of: SHA-256 alone, for pages to which plain HTTP gives no SubtleCrypto.
export { sha256 } from "@noble/hashes/sha2.js";
