import assert from "node:assert/strict";
import test from "node:test";
import { dayName } from "../../../static/bridge/text/dates.js";
import { customEmoji } from "../../../static/bridge/text/emoji.js";
import { fileSize } from "../../../static/bridge/text/file_size.js";
import { hue, initials } from "../../../static/bridge/text/initials.js";
import { excerpt, withQuote } from "../../../static/bridge/text/quotes.js";
import { texts } from "../../../static/bridge/text/texts.js";
import { relativeTime } from "../../../static/bridge/text/timestamps.js";
import { afterClose, afterRefusal } from "../../../static/bridge/wire/close_codes.js";

test("a day is today, yesterday, or a date, whatever the time of day", () => {
  const now = new Date(2026, 4, 4, 0, 30);
  assert.equal(dayName(new Date(2026, 4, 4, 23), now), "Today");
  assert.equal(dayName(new Date(2026, 4, 3, 0, 1), now), "Yesterday");
  assert.match(dayName(new Date(2026, 4, 2, 23, 59), now), /2/);
  assert.doesNotMatch(dayName(new Date(2026, 4, 2), now), /2026/);
  assert.match(dayName(new Date(2025, 4, 4), now), /2025/);
});

test("a relative time is in the largest unit that fits, and never more than has passed", () => {
  const now = Date.UTC(2026, 4, 4);
  for (const [seconds, pattern] of [[0, /now/], [-59, /59/], [61, /1 min/], [7_199, /1 hour/], [-86_400 * 20, /20 days/]])
    assert.match(relativeTime(new Date(now + seconds * 1000), now), pattern);
});

test("a server's own emoji is told from all others", () => {
  assert.deepEqual(customEmoji("wave:118000000000000041"), { animated: false, name: "wave", id: "118000000000000041" });
  assert.equal(customEmoji("a:wave:118000000000000041").animated, true);
  for (const emoji of ["👍", ":wave:", "wave:1", "a b:118000000000000041"]) assert.equal(customEmoji(emoji), null);
});

test("a file has its size in a unit that people read", () => {
  assert.match(fileSize(1), /1 byte/);
  assert.match(fileSize(1_499), /1 kB/);
  assert.match(fileSize(1_540_000), /1\.5 MB/);
});

test("initials are those of the first and the last word, whole characters at a time", () => {
  assert.equal(initials("ada king lovelace"), "AL");
  assert.equal(initials(" grace "), "G");
  assert.equal(initials("🦦 otter"), "🦦O");
  assert.equal(hue("ada"), hue("ada"));
  assert.ok(hue("grace") >= 0 && hue("grace") < 360);
});

test("an excerpt counts characters, and cuts none in two", () => {
  assert.equal(excerpt("🦦".repeat(201)), "🦦".repeat(200));
});

test("what answers something elsewhere stands below its beginning, without links or formatting", () => {
  assert.equal(withQuote("It comes **tomorrow**", "Thanks", 4000), "> It comes tomorrow\nThanks");
  assert.equal(withQuote("See https://a.example now", "Thanks", 4000), "> See … now\nThanks");
  assert.equal(withQuote("a".repeat(121), "b", 4000), `> ${"a".repeat(120)}…\nb`);
});

test("without room or anything to quote the content stands alone", () => {
  assert.equal(withQuote("", "Thanks", 4000), "Thanks");
  assert.equal(withQuote("abc", "12345", 11), "> abc\n12345");
  assert.equal(withQuote("abc", "12345", 10), "12345");
});

test("every reason to stop has its sentences", () => {
  const closed = [4400, 4403].map((code) => afterClose(code).stop);
  const proxies = ["proxy_port", "proxy_scheme"].map((reason) => afterClose(1008, reason).stop);
  const codes = ["blocked", "not_permitted", "not_identified", "not_found", "closed"];
  const refused = codes.map((code) => afterRefusal({ code, details: {} }).stop);
  for (const reason of [...closed, ...proxies, ...refused, "sign_in", "no_sockets"])
    assert.equal(typeof texts.banner[reason], "string", reason);
  for (const reason of [...closed, ...refused, "sign_in"]) assert.equal(typeof texts.composerDisabled[reason], "string", reason);
});

test("a notice names a few, and counts the others", () => {
  const nobody = { joined: [], more: 0, left: [], renamed: [] };
  const notice = (fields) => texts.roomNotice({ ...nobody, ...fields });
  assert.equal(notice({ joined: ["Ada"] }), "Ada joined");
  assert.equal(notice({ joined: ["Ada", "Bob"] }), "Ada and Bob joined");
  assert.equal(notice({ joined: ["Ada", "Bob"], more: 2 }), "Ada and 3 others joined");
  assert.equal(notice({ more: 1 }), "1 person joined");
  const left = [{ name: "Ada", clean: true }, { name: "Bob", clean: false }];
  const renamed = [{ from: "Cyd", to: "Cy" }];
  assert.equal(notice({ left, renamed }), "Ada left · Bob lost the connection · Cyd is now called Cy");
});

test("counts are singular and plural", () => {
  assert.deepEqual([0, 1, 2].map(texts.newer), ["Newest messages", "1 new message", "2 new messages"]);
  assert.equal(texts.unreadLine(3, true), "More than 3 new messages");
  assert.deepEqual([null, 1, 2].map(texts.gap), ["Some messages are missing here", "1 message is missing here", "2 messages are missing here"]);
  assert.equal(texts.typing(["Ada", "Bob", "Cyd"]), "Ada, Bob and Cyd are typing");
  const periods = { 1: "second", 30: "30 seconds", 60: "minute", 7200: "2 hours" };
  for (const [seconds, period] of Object.entries(periods))
    assert.equal(texts.slowMode(Number(seconds)), `Slow mode: one message every ${period}.`);
});
