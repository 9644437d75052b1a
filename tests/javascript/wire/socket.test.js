import assert from "node:assert/strict";
import test from "node:test";
import { CommandFailed, ConnectionLost } from "../../../static/bridge/wire/errors.js";
import { open, Page, pass, settle, stopClock } from "../support/page.js";

const DAY = 86_400_000;

function events(socket, type) {
  const heard = [];
  socket.addEventListener(type, ({ detail }) => heard.push(detail ?? socket.state));
  return heard;
}

test("a session is started on each connection, and the page hears of it", async () => {
  stopClock();
  const page = new Page();
  const [states, sessions] = [events(page.socket, "state"), events(page.socket, "session")];
  await page.connect();
  assert.deepEqual(states, ["connecting", "ready"]);
  assert.equal(sessions[0].nick, "Brave Otter");
  assert.equal(sessions[0].sentAt, Date.now());
  assert.deepEqual([page.server.sockets[0].url, page.server.sockets[0].protocol], ["ws://chat.example/ws/", "chatbridge.v1"]);
});

test("each command gets its own reply, whatever comes first", async () => {
  const { socket, server } = await open();
  server.silent.add("typing.start");
  const silent = socket.command("typing.start", { connection: server.conversation.uid });
  server.refuse("message.retry", "not_found", { message: "1" });
  const refused = socket.command("message.retry", { message: server.ada.id });
  assert.deepEqual((await socket.command("ping")).heads, {});
  await assert.rejects(refused, (failure) => failure instanceof CommandFailed && failure.code === "not_found");
  server.close(1012);
  await assert.rejects(silent, ConnectionLost);
});

test("a refusal says what to tell the visitor", () => {
  const reason = (code, details) => new CommandFailed({ code, message: "No.", details }).reason;
  assert.equal(reason("internal"), "internal");
  assert.equal(reason("not_permitted", { muted_until: "2099-01-01T12:00:00Z" }), "muted");
  assert.equal(reason("not_permitted", { filter: "words" }), "filter_words");
  assert.equal(reason("not_found", { reply_to: "1" }), "reply_gone");
});

test("without a connection a command is lost at once", async () => {
  const { socket, server } = await open();
  server.close(1012);
  await assert.rejects(socket.command("ping"), ConnectionLost);
  assert.equal(server.commands("ping").length, 0);
});

test("a reply that does not come ends the connection, and a new one takes its place", async () => {
  const { socket, server } = await open();
  server.silent.add("ping");
  const lost = assert.rejects(socket.command("ping"), ConnectionLost);
  await pass(14_900);
  assert.equal(socket.state, "ready");
  await pass(1_000);
  await lost;
  await pass(500);
  assert.equal(socket.state, "ready");
  assert.equal(server.sockets.length, 2);
});

test("a connection that never opens is given up after 15 s", async () => {
  stopClock();
  const page = new Page();
  page.server.isUp = "hanging";
  await page.connect();
  await pass(14_900);
  assert.equal(page.server.sockets.length, 1);
  page.server.isUp = true;
  await pass(1_000);
  assert.equal(page.socket.state, "ready");
});

test("while the server is away it is asked less and less often, and no more than every 30 s", async () => {
  const { socket, server } = await open();
  server.isUp = false;
  server.close(1012);
  const tries = async (milliseconds) => {
    const before = server.sockets.length;
    await pass(milliseconds, 500);
    return server.sockets.length - before;
  };
  const [first, later] = [await tries(60_000), await tries(600_000)];
  assert.ok(first > 4, `${first} in the first minute`);
  assert.ok(later < 600 / 5, `${later} in the ten minutes after it`); // half of 30 s in the mean
  assert.equal(socket.state, "waiting");
  server.isUp = true;
  await pass(30_000, 500);
  assert.equal(socket.state, "ready");
});

for (const [code, reason] of [[4400, "outdated"], [4403, "refused"]]) {
  test(`after close code ${code} it does not come back`, async () => {
    const { socket, server } = await open();
    server.close(code);
    assert.deepEqual([socket.state, socket.stopReason], ["stopped", reason]);
    socket.connect();
    await pass(DAY, DAY);
    assert.equal(server.sockets.length, 1);
  });
}

test("a proxy that is set up wrongly is named", async () => {
  const { socket, server } = await open();
  server.close(1008, "proxy_scheme");
  assert.deepEqual([socket.state, socket.stopReason], ["stopped", "proxy_scheme"]);
});

for (const [code, pause] of [[4429, 10_000], [1013, 1_000]]) {
  test(`after close code ${code} it stays away for ${pause} ms at least`, async () => {
    const { socket, server } = await open();
    server.close(code);
    await pass(pause - 100);
    assert.equal(server.sockets.length, 1);
    await pass(700);
    assert.equal(socket.state, "ready");
  });
}

test("a throttled session waits as long as the server says", async () => {
  stopClock();
  const page = new Page();
  page.server.refuse("session.start", "throttled", { retry_after: 20 });
  await page.connect();
  await pass(19_900);
  assert.equal(page.server.commands("session.start").length, 1);
  await pass(700);
  assert.equal(page.socket.state, "ready");
  page.server.close(1012);
  await pass(600);
  assert.equal(page.socket.state, "ready");
});

test("after a session it comes back as soon as the first time, however long it was away before", async (context) => {
  context.mock.method(Math, "random", () => 0.99);
  const { socket, server } = await open();
  server.isUp = false;
  server.close(1012);
  await pass(300_000, 500);
  server.isUp = true;
  await pass(30_000, 500);
  assert.equal(socket.state, "ready");
  server.close(1012);
  await pass(500);
  assert.equal(socket.state, "ready");
});

test("who is refused again is asked for as soon as the first time", async (context) => {
  context.mock.method(Math, "random", () => 0.99);
  const { socket, server } = await open();
  for (const refusals of [4, 1]) {
    for (let time = 0; time < refusals; time += 1) server.refuse("session.start", "blocked");
    server.close(1012);
    await pass(refusals === 1 ? 500 + 20_000 : 400_000, 500);
    assert.equal(socket.state, "ready");
  }
});

for (const [refusal, details, reason] of [
  ["blocked", {}, "blocked"],
  ["not_identified", { reason: "sign_in" }, "sign_in"],
]) {
  test(`who is refused as ${reason} is asked for again now and then, and goes on when that is over`, async () => {
    stopClock();
    const page = new Page();
    const { socket, server } = page;
    for (let time = 0; time < 4; time += 1) server.refuse("session.start", refusal, details);
    await page.connect();
    assert.deepEqual([socket.state, socket.stopReason], ["stopped", reason]);
    await pass(9_900);
    assert.equal(server.commands("session.start").length, 1);
    while (server.commands("session.start").length < 5) {
      assert.equal(socket.state, "stopped");
      await pass(1_000, 1_000);
    }
    assert.deepEqual([socket.state, socket.stopReason], ["ready", null]);
  });
}

for (const [code, reason] of [["not_found", "missing"], ["closed", "missing"], ["not_permitted", "refused"], ["not_identified", "outdated"]]) {
  test(`a session that is refused as ${code} is not asked for again`, async () => {
    stopClock();
    const page = new Page();
    page.server.refuse("session.start", code);
    await page.connect();
    assert.equal(page.socket.stopReason, reason);
    await pass(DAY, DAY);
    assert.equal(page.server.commands("session.start").length, 1);
  });
}

test("a visitor who is blocked while they are here is told before the socket closes", async () => {
  const { socket, server } = await open();
  server.block();
  await settle();
  assert.deepEqual([socket.state, socket.stopReason], ["stopped", "blocked"]);
  server.close(4403);
  assert.equal(socket.stopReason, "blocked");
});

test("where pages come through and sockets never open, it says so", async () => {
  stopClock();
  const page = new Page();
  page.server.isUp = false;
  const asked = [];
  globalThis.fetch = async (url) => (asked.push(url), { status: 426 });
  await page.connect();
  assert.equal(page.socket.obstacle, null);
  await pass(1_000);
  assert.equal(page.socket.obstacle, "no_sockets");
  assert.deepEqual(asked, ["http://chat.example/ws/"]);
  page.server.isUp = true;
  await pass(30_000, 500);
  assert.deepEqual([page.socket.state, page.socket.obstacle], ["ready", null]);
});

test("where nothing comes through, sockets are not blamed", async () => {
  stopClock();
  const page = new Page();
  page.server.isUp = false;
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  await page.connect();
  await pass(10_000);
  assert.equal(page.socket.obstacle, null);
});
