// Everything that the reader does: writing, replying, reacting, changing, deleting.

import * as api from "./api.js";
import { emojiElement } from "./message.js";
import { $, TYPING_MS, me, state, world } from "./state.js";
import { wrap, write } from "./text.js";

const EMOJI = { react: "👍", check: "✅" };
const FACES = ["👍", "❤️", "😂", "😮", "😢", "🙏", "🎉", "👀", "🔥", "💯"];
let typedAt = 0;

export function setReply(message) {
  state.replyTo = message;
  $("replying").hidden = !message;
  if (message) $("replying-text").textContent = `Replying to ${message.author.name}`;
}

// Asks the sandbox; what it refuses is shown under the composer.
export async function attempt(name, body = {}) {
  $("error").hidden = true;
  try {
    await api.act(name, { as: $("who").value, channel: state.channel, ...body });
    return true;
  } catch (error) {
    $("error").textContent = error.message;
    $("error").hidden = false;
    return false;
  }
}

async function send() {
  const content = $("text").value.trim();
  const files = await Promise.all([...$("files").files].map(encoded));
  if (!content && !files.length) return;
  $("text").value = "";
  $("files").value = "";
  showFiles();
  grow();
  typedAt = 0;
  const body = { content, reply_to: state.replyTo?.id ?? null, files };
  setReply(null);
  const sent = await attempt("post", body);
  if (!sent && !$("text").value) $("text").value = content;
}

async function encoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return { name: file.name, data: btoa(binary) };
}

function showFiles() {
  const names = [...$("files").files].map(({ name }) => name);
  $("chosen").textContent = names.join(", ");
  $("chosen").hidden = !names.length;
}

function onType() {
  grow();
  if (Date.now() - typedAt < TYPING_MS - 2000 || !$("text").value) return;
  typedAt = Date.now();
  attempt("type");
}

function grow() {
  $("text").style.height = "auto";
  $("text").style.height = `${Math.min($("text").scrollHeight, 200)}px`;
}

// One of the buttons beside a message.
export function useTool(name, message) {
  if (name in EMOJI) return toggleReaction(message, EMOJI[name]);
  if (name === "reply") {
    setReply(message);
    return $("text").focus();
  }
  if (name === "apps") return showApps(message);
  if (name === "more") return showFaces(message);
  if (name === "delete") return attempt("delete", { message: message.id });
  const content = prompt("Edit the message", message.content);
  return content ? attempt("edit", { message: message.id, content }) : null;
}

function showFaces(message) {
  const buttons = [...FACES, ...world.emoji.keys()].map((face) => {
    const button = wrap("button", "");
    button.type = "button";
    button.append(emojiElement(face, world.emoji));
    button.addEventListener("click", () => ($("faces").close(), toggleReaction(message, face)));
    return button;
  });
  $("faces-list").replaceChildren(...buttons);
  $("faces").showModal();
}

// What the bot offers for this message, and what it answers: only whoever asked sees it.
async function showApps(message) {
  const names = await api.commands($("who").value, state.channel);
  const buttons = names.map((name) => {
    const button = wrap("button", name);
    button.type = "button";
    button.addEventListener("click", () => invoke(message, name));
    return button;
  });
  $("apps-list").replaceChildren(...(buttons.length ? buttons : ["No app has commands here."]));
  $("apps-answer").textContent = "";
  $("apps").showModal();
}

async function invoke(message, command) {
  $("apps-answer").textContent = "…";
  const body = { as: $("who").value, channel: state.channel, message: message.id, command };
  const answer = await api.act("invoke", body).catch((error) => ({ content: error.message }));
  write($("apps-answer"), answer.content, world);
}

export function toggleReaction(message, emoji) {
  const mine = message.reactions.some((each) => each.emoji === emoji && each.users.includes(me().id));
  return attempt(mine ? "unreact" : "react", { message: message.id, emoji });
}

export function startComposer() {
  $("composer").addEventListener("submit", (event) => event.preventDefault());
  $("text").addEventListener("input", onType);
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  $("files").addEventListener("change", () => {
    showFiles();
    $("text").focus();
  });
  $("reply-cancel").addEventListener("click", () => setReply(null));
}
