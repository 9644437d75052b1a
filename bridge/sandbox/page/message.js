// One message as an element.

import { avatar, clock, icon, link, wrap, write } from "./text.js";

const GROUPED_MS = 7 * 60 * 1000;
const SYSTEM = { 18: "started a thread:", 21: "started a thread" };

export function messageElement(said, { previous, quoted, thread, world, me }) {
  const message = said.starter ? { ...said.starter, reactions: [] } : said; // a thread begins with what it is about
  const element = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`.${name}`);
  element.dataset.id = said.id;
  element.classList.toggle("starter", Boolean(said.starter));
  for (const button of part("tools").children) button.append(icon(button.dataset.do));
  element.classList.toggle("grouped", follows(message, previous));
  avatar(part("avatar"), message.author);
  part("author").textContent = message.author.name;
  part("author").classList.toggle("staff", message.author.staff);
  part("badge").hidden = !message.author.bot;
  part("byline").querySelector("time").textContent = clock(message.timestamp);
  part("byline").querySelector("time").dateTime = message.timestamp;
  writeContent(part("content"), message, world);
  part("embeds").replaceChildren(...message.embeds.map((embed) => embedElement(embed, world)));
  part("files").replaceChildren(...message.attachments.map(fileElement));
  part("reactions").replaceChildren(...message.reactions.map((reaction) => reactionElement(reaction, me, world)));
  if (message.reply_to) showQuote(part("quote"), quoted);
  if (thread) part("thread-slot").append(threadElement(thread));
  if (message.type in SYSTEM) element.classList.add("system");
  return element;
}

function follows(message, previous) {
  return Boolean(
    previous &&
      !message.reply_to &&
      previous.author.id === message.author.id &&
      previous.author.name === message.author.name &&
      !(previous.type in SYSTEM) &&
      new Date(message.timestamp) - new Date(previous.timestamp) < GROUPED_MS,
  );
}

function writeContent(element, message, world) {
  const system = SYSTEM[message.type];
  write(element, system ? `${system} ${message.content}` : message.content, world);
  if (message.edited_timestamp) element.append(wrap("span", " (edited)", "edited"));
}

function showQuote(element, quoted) {
  element.hidden = false;
  element.append(wrap("b", quoted ? quoted.author.name : "Original message was deleted"));
  if (quoted) element.append(` ${quoted.content.slice(0, 120)}`);
}

function fileElement(file) {
  const element = link(file.url, `📎 ${file.filename}`);
  if (!/^image\/(png|jpeg|gif|webp)$/.test(file.content_type)) return element;
  const image = document.createElement("img");
  image.src = file.url;
  image.alt = file.filename;
  element.replaceChildren(image);
  return element;
}

function embedElement(embed, world) {
  const element = wrap("div", "", "embed");
  if (typeof embed.color === "number") {
    element.style.borderColor = `#${embed.color.toString(16).padStart(6, "0")}`;
  }
  if (embed.author?.name) element.append(wrap("div", embed.author.name, "embed-author"));
  if (embed.title) {
    const title = wrap("div", "", "embed-title");
    title.append(embed.url ? link(embed.url, embed.title) : embed.title);
    element.append(title);
  }
  if (embed.description) {
    const description = wrap("div", "", "embed-text");
    write(description, embed.description, world);
    element.append(description);
  }
  if (embed.fields?.length) element.append(fieldsElement(embed.fields, world));
  if (embed.footer?.text) element.append(wrap("div", embed.footer.text, "embed-footer"));
  return element;
}

function fieldsElement(fields, world) {
  const list = wrap("dl", "", "embed-fields");
  for (const field of fields) {
    const group = wrap("div", "", field.inline ? "inline" : "");
    const value = wrap("dd", "");
    write(value, field.value, world);
    group.append(wrap("dt", field.name), value);
    list.append(group);
  }
  return list;
}

/** The characters, or the picture of one of the server's own. */
export function emojiElement(spelled, emoji) {
  const own = emoji.get(spelled);
  if (!own) return document.createTextNode(spelled.split(":")[0]);
  const picture = wrap("img", "", "emoji");
  picture.src = `/emojis/${own.id}.${own.animated ? "gif" : "webp"}`;
  picture.alt = picture.title = `:${own.name}:`;
  return picture;
}

function reactionElement(reaction, me, { emoji }) {
  const button = wrap("button", "", "reaction");
  button.append(emojiElement(reaction.emoji, emoji), ` ${reaction.users.length}`);
  button.type = "button";
  button.dataset.emoji = reaction.emoji;
  button.setAttribute("aria-pressed", String(reaction.users.includes(me)));
  return button;
}

export function threadElement(thread) {
  const button = wrap("button", "", "thread-card");
  button.type = "button";
  button.dataset.channel = thread.id;
  const count = `${thread.message_count} message${thread.message_count === 1 ? "" : "s"}`;
  const state = [thread.locked && "locked", thread.archived && "archived"].filter(Boolean).join(", ");
  button.append(icon("thread"), wrap("b", thread.name), wrap("span", `${count} ›`, "thread-count"));
  if (state) button.append(wrap("small", state));
  return button;
}
