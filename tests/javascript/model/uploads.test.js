import assert from "node:assert/strict";
import test from "node:test";
import { Uploads } from "../../../static/bridge/model/sending/uploads.js";
import { CommandFailed, ConnectionLost } from "../../../static/bridge/wire/errors.js";

const settle = () => new Promise(setImmediate);
const states = ({ items }) => items.map(({ state }) => state);

/** Uploads whose files arrive, or do not, as the test says. */
function start() {
  const requests = [];
  const uploads = new Uploads((file, { onProgress }) => {
    const request = { file, onProgress, isStopped: false };
    const done = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
    requests.push(request);
    return { done, stop: () => (request.isStopped = true) };
  });
  uploads.setLimits({ max_upload: 100, upload_types: ["image/*"] });
  return { uploads, requests };
}

function file(name, size = 10, type = "text/plain") {
  return new File([new Uint8Array(size)], name, { type });
}

test("a file is sent at once, and goes with the next message when it is there", async () => {
  const { uploads, requests } = start();
  uploads.add([file("a.txt")]);
  requests[0].onProgress(0.5);
  assert.deepEqual([uploads.areSending, uploads.areReady, uploads.items[0].progress], [true, false, 0.5]);
  requests[0].resolve({ uid: "1" });
  await settle();
  assert.deepEqual([uploads.areSending, uploads.areReady], [false, true]);
  assert.deepEqual(uploads.take(), [{ uid: "1" }]);
  assert.deepEqual(uploads.items, []);
});

test("what is still on its way, or was refused, stays when a message is sent", async () => {
  const { uploads, requests } = start();
  uploads.add([file("a.txt"), file("b.txt"), file("c.txt", 101)]);
  requests[0].resolve({ uid: "1" });
  await settle();
  uploads.take();
  assert.deepEqual(uploads.items.map(({ name }) => name), ["b.txt", "c.txt"]);
});

test("a file that is too large, empty or one too many is not sent at all", () => {
  const { uploads, requests } = start();
  uploads.add([file("large", 101), file("empty", 0), ...Array.from({ length: 9 }, (_, at) => file(`${at}`))]);
  const refused = uploads.items.filter(({ state }) => state === "refused");
  assert.deepEqual(refused.map(({ name, reason }) => [name, reason]), [["large", "too_large"], ["empty", "empty"], ["8", "many"]]);
  assert.equal(requests.length, 8);
});

test("why a file was refused is the most precise that is known", async () => {
  const { uploads, requests } = start();
  uploads.add([file("a"), file("b"), file("c")]);
  requests[0].reject(new CommandFailed({ code: "not_permitted", message: "No.", details: { reason: "type" } }));
  requests[1].reject(new CommandFailed({ code: "throttled", message: "No." }));
  requests[2].reject(new ConnectionLost());
  await settle();
  assert.deepEqual(uploads.items.map(({ reason }) => reason), ["type", "throttled", "lost"]);
});

test("a file that was lost is sent again as a whole", async () => {
  const { uploads, requests } = start();
  uploads.add([file("a")]);
  requests[0].reject(new ConnectionLost());
  await settle();
  uploads.retry(uploads.items[0].id);
  assert.deepEqual([states(uploads), uploads.items[0].reason], [["sending"], null]);
  requests[1].resolve({ uid: "1" });
  await settle();
  assert.equal(uploads.areReady, true);
});

test("a file that was removed is stopped, and nothing that it still does matters", async () => {
  const { uploads, requests } = start();
  uploads.add([file("a.png", 10, "image/png")]);
  assert.match(uploads.items[0].preview, /^blob:/);
  uploads.remove(uploads.items[0].id);
  assert.equal(requests[0].isStopped, true);
  requests[0].resolve({ uid: "1" });
  await settle();
  assert.deepEqual([uploads.items, uploads.areReady], [[], false]);
});

test("an inbox that takes no files says so", () => {
  const { uploads } = start();
  assert.equal(uploads.areAllowed, true);
  uploads.setLimits({ max_upload: 0, upload_types: [] });
  assert.equal(uploads.areAllowed, false);
});
