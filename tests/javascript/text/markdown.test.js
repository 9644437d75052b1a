import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parse, plainText } from "../../../static/bridge/text/markdown.js";
import { texts } from "../support/random.js";

const CORPUS = JSON.parse(readFileSync(new URL("../../text/markdown.json", import.meta.url), "utf8"));
const PIECES = ["*", "**", "_", "__", "~~", "||", "`", "```", "\n", "> ", "- ", "1. ", "# ", "[a](", "https://a.b/c_d", ")", "\\", "a", " ", "<t:1:R>"];
const GROWING = {
  stars: "*",
  bold: "**a",
  spoilers: "||",
  mixed: "**_~~||",
  brackets: "[",
  links: "[a](https://a",
  ticks: "`a",
  fences: "```a\n",
  "new lines": "\n",
  quotes: "> > ",
  lists: "- a\n",
  headings: "# a\n",
  angles: "<t:1",
  escapes: "\\",
  addresses: "https://a(",
  spaces: "* ",
  letters: "a",
};

/** All nodes of a tree, those inside others too. */
function* all(nodes) {
  if (typeof nodes === "string") return;
  for (const node of nodes) {
    yield node;
    yield* all(node.content ?? []);
    for (const item of node.items ?? []) yield* all(item);
  }
}

function depth(nodes) {
  if (!Array.isArray(nodes)) return 0;
  return 1 + Math.max(0, ...nodes.map(({ content, items }) => depth(content ?? items)));
}

test("a text in one line, without its formatting", () => {
  const text = "# The **kettle**\n> is *back*\n```\nnow\n```\n- ||secret|| `code`\n- <:wave:118000000000000041> [a](https://a.b)";
  assert.equal(plainText(text, { masked: true }), "The kettle is back now • ▒▒▒ code • :wave: a");
});

test("a link behind other words is for staff alone", () => {
  const text = "[win](https://evil.example)";
  assert.deepEqual([...all(parse(text, { masked: true }))].map(({ type }) => type), ["link", "text"]);
  assert.deepEqual([...all(parse(text))].filter(({ target }) => target).map(({ content }) => content), ["https://evil.example"]);
});

test("whatever the text, every link in it leads to a web address", () => {
  const hostile = ["[a](javascript:alert(1))", "<javascript:alert(1)>", '[x](https://e.example" onclick="a)', "<t:99999999999999:R>"];
  for (const text of [...CORPUS, ...hostile, ...texts(2, PIECES, { count: 1500, length: 20 })])
    for (const { target } of all(parse(text, { masked: true })))
      if (target !== undefined) assert.match(String(target), /^(null|https?:\/\/[^\s<>"]+)$/);
});

test("a text without marks is one node of it", () => {
  assert.deepEqual(parse("just words, and 1 + 2"), [{ type: "text", content: "just words, and 1 + 2" }]);
});

test("what would be too much work is shown as it was written, with its links", () => {
  const costly = "\\".repeat(10_001);
  assert.deepEqual(parse(costly), [{ type: "text", content: costly }]);
  const long = `${"a".repeat(20_000)} https://a.example`;
  assert.deepEqual(parse(long).map(({ type }) => type), ["text", "url"]);
});

test("nothing is nested without end", () => {
  assert.ok(depth(parse(`> ${"**__".repeat(300)}x${"__**".repeat(300)}`)) <= 15);
});

for (const [name, part] of Object.entries(GROWING)) {
  test(`${name} cost no more than their length`, () => {
    const cost = (length) => {
      const text = part.repeat(length / part.length);
      // Of the processor, not of the clock: other programs are running, too.
      const times = Array.from({ length: 7 }, () => {
        const began = process.cpuUsage();
        parse(text, { masked: true });
        const { user, system } = process.cpuUsage(began);
        return (user + system) / 1000;
      });
      return Math.min(...times);
    };
    const [short, long] = [cost(2_000), cost(16_000)];
    // In proportion it is 8; below a quarter of a millisecond other things count.
    assert.ok(long < 40 * Math.max(short, 0.25), `${short} ms, then ${long} ms`);
  });
}
