import assert from "node:assert/strict";
import test from "node:test";
import { startHeartbeat } from "../../../static/bridge/wire/heartbeat.js";
import { open, pass, settle } from "../support/page.js";

globalThis.document = Object.assign(new EventTarget(), { hidden: false });

async function withHeartbeat() {
  globalThis.window = new EventTarget();
  const page = await open();
  const pongs = [];
  startHeartbeat(page.socket, { onPong: (pong, sentAt) => pongs.push([pong, sentAt]) });
  return { ...page, socket: page.socket, server: page.server, pongs };
}

test("it pings now and then, well before the server gives a silent socket up", async () => {
  const { server, pongs } = await withHeartbeat();
  await pass(75_000, 1_000);
  assert.equal(server.commands("ping").length, 3);
  assert.equal(pongs.length, 3);
  assert.deepEqual(pongs[0][0].heads, {});
});

test("it pings at once when the network is back, or the tab is looked at again", async () => {
  const { server } = await withHeartbeat();
  window.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.equal(server.commands("ping").length, 2);
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  document.hidden = false;
  await settle();
  assert.equal(server.commands("ping").length, 2);
});

test("a ping without an answer ends the connection sooner than another command does", async () => {
  const { server } = await withHeartbeat();
  server.silent.add("ping");
  window.dispatchEvent(new Event("offline"));
  await pass(8_600);
  assert.equal(server.sockets.length, 2);
});

test("a visitor who comes back does not wait for the next try", async () => {
  const { socket, server } = await withHeartbeat();
  server.refuse("session.start", "not_identified", { reason: "sign_in" });
  server.close(1012);
  await pass(600);
  assert.equal(socket.stopReason, "sign_in");
  document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.equal(socket.state, "ready");
});

test("a refused ping is nothing but a ping less", async () => {
  const { socket, server, pongs } = await withHeartbeat();
  server.refuse("ping", "throttled", { retry_after: 5 });
  window.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(socket.state, "ready");
  assert.deepEqual(pongs, []);
});
