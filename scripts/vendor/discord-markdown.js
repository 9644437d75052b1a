// What static/vendor/discord-markdown/ is made from: the parts of discord-markdown-parser that the page uses.

import SimpleMarkdown from "discord-markdown-parser/dist/simple-markdown/index.js";
import { blockQuote } from "discord-markdown-parser/dist/rules/blockQuote.js";
import { br } from "discord-markdown-parser/dist/rules/br.js";
import { em } from "discord-markdown-parser/dist/rules/em.js";
import { emoticon } from "discord-markdown-parser/dist/rules/emoticon.js";
import { autolink } from "discord-markdown-parser/dist/rules/autolink.js";
import { emoji } from "discord-markdown-parser/dist/rules/discord/emoji.js";
import { timestamp } from "discord-markdown-parser/dist/rules/discord/time.js";
import { heading } from "discord-markdown-parser/dist/rules/heading.js";
import { spoiler } from "discord-markdown-parser/dist/rules/spoiler.js";
import { strikethrough } from "discord-markdown-parser/dist/rules/strike.js";
import { subtext } from "discord-markdown-parser/dist/rules/subtext.js";
import { url } from "discord-markdown-parser/dist/rules/url.js";

const { escape, strong, u: underline, text, inlineCode, link } = SimpleMarkdown.defaultRules;

export const { parserFor } = SimpleMarkdown;
export const rules = {
  autolink,
  blockQuote,
  br,
  em,
  emoji,
  emoticon,
  escape,
  heading,
  inlineCode,
  link,
  spoiler,
  strikethrough,
  strong,
  subtext,
  text,
  timestamp,
  underline,
  url,
};
