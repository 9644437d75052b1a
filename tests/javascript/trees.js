// For test_markdown.py: the trees that the page makes of texts.

import { readFileSync } from "node:fs";
import { parse } from "../../static/bridge/text/markdown.js";

const { texts, options } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => parse(text, options))));
