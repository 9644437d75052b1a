import assert from "node:assert/strict";
import test from "node:test";
import { CommandFailed, ConnectionLost } from "../../../static/bridge/wire/errors.js";
import { upload } from "../../../static/bridge/wire/upload.js";

/** What the page uses of the browser's XMLHttpRequest; the test answers. */
class Request {
  static last = null;
  upload = {};
  headers = {};
  constructor() {
    Request.last = this;
  }
  open(method, url) {
    Object.assign(this, { method, url });
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  send(body) {
    this.body = body;
  }
  abort() {
    this.onabort();
  }
  answer(status, responseText) {
    Object.assign(this, { status, responseText });
    this.onload();
  }
}
globalThis.XMLHttpRequest = Request;

function send(file = { name: "a cat.png" }) {
  const parts = [];
  const sent = upload(file, { address: "/files/", inbox: "default", onProgress: (part) => parts.push(part) });
  return { ...sent, parts, request: Request.last };
}

test("a file is posted as it is, under its name, and its attachment comes back", async () => {
  const { done, parts, request } = send();
  assert.equal(`${request.method} ${request.url}`, "POST /files/?inbox=default&name=a+cat.png");
  assert.deepEqual(request.headers, { "Content-Type": "application/octet-stream" });
  assert.deepEqual(request.body, { name: "a cat.png" });
  request.upload.onprogress({ loaded: 1, total: 4 });
  request.upload.onprogress({ loaded: 0, total: 0 });
  assert.deepEqual(parts, [0.25, 0]);
  request.answer(201, '{"uid": "1"}');
  assert.deepEqual(await done, { uid: "1" });
});

test("a pasted picture without a name gets one", () => {
  assert.match(send({ name: "" }).request.url, /name=file$/);
});

test("what the server refuses has its code and its details", async () => {
  const { done, request } = send();
  request.answer(413, '{"error": {"code": "too_large", "message": "No.", "details": {"max": 10}}}');
  await assert.rejects(done, (failure) => failure instanceof CommandFailed && failure.details.max === 10);
});

test("what a proxy refuses is said to be the proxy's", async () => {
  const { done, request } = send();
  request.answer(413, "<h1>413 Request Entity Too Large</h1>");
  await assert.rejects(done, (failure) => failure.details.reason === "proxy");
});

test("what is no answer of ours is lost, as is what was stopped", async () => {
  const broken = send();
  broken.request.answer(502, "<h1>Bad gateway</h1>");
  await assert.rejects(broken.done, ConnectionLost);
  const stopped = send();
  stopped.stop();
  await assert.rejects(stopped.done, ConnectionLost);
});
