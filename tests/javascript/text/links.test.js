import assert from "node:assert/strict";
import test from "node:test";
import { addressAtStart, hrefOf, splitLinks } from "../../../static/bridge/text/links.js";
import { texts } from "../support/random.js";

const links = (text) => splitLinks(text).filter(({ href }) => href).map(({ text }) => text);

for (const [text, expected] of [
  ["see https://a.example/x_(y)?q=1. or (http://b.example/)", ["https://a.example/x_(y)?q=1", "http://b.example/"]],
  ["HTTPS://EXAMPLE.COM!", ["HTTPS://EXAMPLE.COM"]],
  ["„https://a.example“, “https://b.example”…", ["https://a.example“", "https://b.example"]],
  ["[https://a.example/[b]]", ["https://a.example/[b]"]],
  ["javascript:alert(1) data:text/html,x ftp://a.example www.example.com", []],
  ["https:// http://. https://a b", ["https://a"]],
]) {
  test(`the links of ${JSON.stringify(text)}`, () => assert.deepEqual(links(text), expected));
}

test("only web addresses lead anywhere", () => {
  assert.equal(hrefOf("https://example.com/a b"), "https://example.com/a%20b");
  for (const address of ["javascript:alert(1)", "//example.com", "https://", "https://a b.example", "https://a<b"])
    assert.equal(hrefOf(address), null, address);
});

test("an address is found at the start of a text alone", () => {
  assert.equal(addressAtStart("https://a.example. And"), "https://a.example");
  assert.equal(addressAtStart("see https://a.example"), null);
});

test("whatever the text, its pieces are the text, and every link leads to a web address within its piece", () => {
  const pieces = ["https://", "http://", "a.example", "/x", "(", ")", "[", "]", ".", ",", " ", "\n", "*", "”", "ä", "<", '"', "%"];
  for (const text of texts(1, pieces, { count: 3000, length: 12 })) {
    const split = splitLinks(text);
    assert.equal(split.map(({ text }) => text).join(""), text);
    for (const { text: piece, href } of split)
      if (href) assert.match(`${piece} ${href}`, /^https?:\/\/[^\s<>"]+ https?:\/\/[^\s<>"]+$/i);
  }
});
