// The page: which channel is shown, what is in it, and who is writing.

import * as api from "./api.js";
import { messageElement, threadElement } from "./message.js";
import { avatar, icon, wrap } from "./text.js";

const TYPING_MS = 10_000;
const FORUM = 15;
const world = { users: new Map(), channels: new Map() };
const state = { channel: null, messages: [], complete: false, replyTo: null, typing: new Map(), unread: new Set() };
const $ = (id) => document.getElementById(id);
const me = () => world.users.get($("who").value);

// ------------------------------------------------------------------ sidebar

function open(id, { close = true } = {}) {
  if (!world.channels.has(id)) return;
  state.channel = id;
  state.unread.delete(id);
  location.hash = id;
  setReply(null);
  if (close) toggleSidebar(false);
  drawChannels();
  drawHead();
  load();
}

function threadsOf(id) {
  const threads = [...world.channels.values()].filter((each) => each.parent_id === id && !each.deleted);
  return threads.sort((a, b) => newest(b) - newest(a));
}

const newest = (channel) => Number(BigInt(channel.last_message_id ?? channel.id) >> 12n);

function drawChannels() {
  const places = [...world.channels.values()].filter((each) => !each.parent_id && !each.deleted);
  const items = places.flatMap((place) => [
    channelButton(place),
    ...threadsOf(place.id)
      .filter((thread) => !thread.archived || thread.id === state.channel)
      .map((thread) => channelButton(thread, "thread")),
  ]);
  $("channels").replaceChildren(wrap("h3", "Text channels"), ...items);
}

function channelButton(channel, kind = "") {
  const button = wrap("button", "", `channel ${kind}`);
  button.type = "button";
  button.dataset.channel = channel.id;
  if (channel.id === state.channel) button.setAttribute("aria-current", "page");
  button.classList.toggle("unread", state.unread.has(channel.id));
  if (!kind) button.append(icon(channel.type === FORUM ? "forum" : "text"));
  button.append(wrap("span", channel.name, "channel-name"));
  if (channel.locked) button.append(icon("lock"));
  return button;
}

function drawMembers() {
  const groups = [
    ["Staff", (each) => each.staff],
    ["Members", (each) => !each.staff && !each.bot],
    ["Apps", (each) => each.bot],
  ];
  const parts = groups.flatMap(([title, belongs]) => {
    const people = [...world.users.values()].filter(belongs);
    return [wrap("h3", `${title} — ${people.length}`), ...people.map(memberElement)];
  });
  $("members").replaceChildren(...parts);
}

function memberElement(person) {
  const element = wrap("div", "", "member");
  const picture = document.createElement("span");
  avatar(picture, person);
  element.append(picture, wrap("span", person.name, person.staff ? "staff" : ""));
  if (person.bot) element.append(wrap("span", "APP", "badge"));
  return element;
}

function toggleSidebar(shown) {
  $("sidebar").classList.toggle("shown", shown);
  $("veil").hidden = !shown;
  $("menu").setAttribute("aria-expanded", String(shown));
}

// --------------------------------------------------------------------- head

function drawHead() {
  const channel = world.channels.get(state.channel);
  const thread = Boolean(channel.parent_id);
  $("head-icon").replaceChildren(icon(channel.type === FORUM ? "forum" : thread ? "thread" : "text"));
  $("title").textContent = channel.name;
  const parent = world.channels.get(channel.parent_id);
  const states = [channel.deleted && "deleted", channel.locked && "locked", channel.archived && "archived"];
  $("topic").textContent = thread ? [`in #${parent?.name}`, ...states.filter(Boolean)].join(" · ") : channel.topic;
  $("actions").replaceChildren(...(thread && !channel.deleted ? threadActions(channel) : []));
  $("text").placeholder = `Message ${thread ? channel.name : `#${channel.name}`}`;
  $("composer").hidden = channel.type === FORUM || channel.deleted;
}

function threadActions(thread) {
  const actions = [
    thread.archived ? ["unarchive", "Reopen"] : ["archive", "Archive"],
    thread.locked ? ["unlock", "Unlock"] : ["lock", "Lock"],
    ["remove", "Delete"],
  ];
  return actions.map(([name, text]) => {
    const button = wrap("button", text, "plain");
    button.type = "button";
    button.dataset.act = name;
    return button;
  });
}

// ----------------------------------------------------------------- messages

async function load() {
  const id = state.channel;
  const channel = world.channels.get(id);
  const page = channel.type === FORUM ? [] : await api.messages(id);
  if (id !== state.channel) return;
  state.messages = page;
  state.complete = page.length < 50;
  draw();
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

async function loadOlder() {
  const { channel, messages } = state;
  if (state.complete || !messages.length) return;
  state.complete = true; // until the answer is there: one request at a time
  const page = await api.messages(channel, messages[0].id);
  if (channel !== state.channel) return;
  state.messages = [...page, ...state.messages];
  state.complete = page.length < 50;
  const below = $("scroll").scrollHeight - $("scroll").scrollTop;
  draw();
  $("scroll").scrollTop = $("scroll").scrollHeight - below;
}

function draw() {
  const channel = world.channels.get(state.channel);
  if (channel.type === FORUM) {
    const posts = threadsOf(channel.id).map(postElement);
    $("messages").replaceChildren(...(posts.length ? posts : [wrap("li", "No posts yet.", "hint")]));
    return;
  }
  const byId = new Map(state.messages.map((each) => [each.id, each]));
  const items = state.messages.map((message, place) =>
    messageElement(message, {
      previous: state.messages[place - 1],
      quoted: byId.get(message.reply_to),
      thread: channel.parent_id ? null : startedFrom(message),
      world,
      me: me()?.id,
    }),
  );
  $("messages").replaceChildren(...items, ...(items.length ? [] : [wrap("li", "Nothing has been said here yet.", "hint")]));
}

function startedFrom(message) {
  const thread = world.channels.get(message.id);
  return thread && !thread.deleted ? thread : null;
}

function postElement(thread) {
  const item = wrap("li", "", "post");
  item.append(threadElement(thread));
  return item;
}

function take(message) {
  if (message.channel_id !== state.channel) {
    if (!message.edited_timestamp && !message.deleted) state.unread.add(message.channel_id);
    return;
  }
  const bottom = $("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < 80;
  const place = state.messages.findIndex((each) => each.id === message.id);
  if (message.deleted) state.messages = state.messages.filter((each) => each.id !== message.id);
  else if (place >= 0) state.messages[place] = message;
  else state.messages.push(message);
  draw();
  if (bottom) $("scroll").scrollTop = $("scroll").scrollHeight;
}

// --------------------------------------------------------------------- news

function onNews({ message, channel, typing }) {
  if (channel) {
    world.channels.set(channel.id, channel);
    if (channel.id === state.channel) drawHead();
    draw();
  }
  if (message) {
    const place = world.channels.get(message.channel_id);
    if (place && !message.deleted && BigInt(place.last_message_id ?? 0) < BigInt(message.id)) {
      place.last_message_id = message.id;
      place.message_count += 1;
    }
    state.typing.delete(`${message.channel_id} ${message.author.id}`);
    take(message);
    if (place?.parent_id === state.channel) draw();
    drawTyping();
  }
  if (typing) {
    const until = Date.now() + TYPING_MS;
    state.typing.set(`${typing.channel_id} ${typing.who.id}`, { ...typing, until });
    setTimeout(drawTyping, TYPING_MS + 50);
    drawTyping();
  }
  drawChannels();
}

function drawTyping() {
  const names = [...state.typing.values()]
    .filter((each) => each.channel_id === state.channel && each.until > Date.now() && each.who.id !== me()?.id)
    .map((each) => each.who.name);
  $("typing").textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing …` : "";
}

async function refresh() {
  const fresh = await api.world();
  $("offline").hidden = true;
  $("guild").textContent = fresh.guild.name;
  world.users = new Map(fresh.users.map((each) => [each.id, each]));
  world.channels = new Map(fresh.channels.map((each) => [each.id, each]));
  if (!$("who").children.length) {
    const people = fresh.users.filter((each) => !each.bot);
    $("who").replaceChildren(...people.map((each) => new Option(each.name, each.id)));
    avatar($("me-avatar"), me());
  }
  drawMembers();
  const wanted = state.channel ?? location.hash.slice(1);
  const first = fresh.channels.find((each) => each.name === "support") ?? fresh.channels[0];
  open(world.channels.has(wanted) ? wanted : first.id, { close: false });
}

// ----------------------------------------------------------------- composer

function setReply(message) {
  state.replyTo = message;
  $("replying").hidden = !message;
  if (message) $("replying-text").textContent = `Replying to ${message.author.name}`;
}

async function attempt(name, body) {
  $("error").hidden = true;
  try {
    return await api.act(name, { as: $("who").value, channel: state.channel, ...body });
  } catch (error) {
    $("error").textContent = error.message;
    $("error").hidden = false;
    return null;
  }
}

async function send() {
  const content = $("text").value.trim();
  if (!content) return;
  $("text").value = "";
  grow();
  const body = { content, reply_to: state.replyTo?.id ?? null };
  setReply(null);
  const sent = await attempt("post", body);
  if (!sent && !$("text").value) $("text").value = content;
}

let typedAt = 0;
function onType() {
  grow();
  if (Date.now() - typedAt < TYPING_MS - 2000 || !$("text").value) return;
  typedAt = Date.now();
  attempt("type", {});
}

function grow() {
  $("text").style.height = "auto";
  $("text").style.height = `${Math.min($("text").scrollHeight, 200)}px`;
}

function onTool(button, message) {
  const emoji = { react: "👍", check: "✅" }[button.dataset.do];
  if (emoji) return toggleReaction(message, emoji);
  if (button.dataset.do === "reply") {
    setReply(message);
    return $("text").focus();
  }
  if (button.dataset.do === "delete") return attempt("delete", { message: message.id });
  const content = prompt("Change the message", message.content);
  return content ? attempt("edit", { message: message.id, content }) : null;
}

function toggleReaction(message, emoji) {
  const mine = message.reactions.some((each) => each.emoji === emoji && each.users.includes(me().id));
  return attempt(mine ? "unreact" : "react", { message: message.id, emoji });
}

// -------------------------------------------------------------------- wiring

$("composer").addEventListener("submit", (event) => event.preventDefault());
$("text").addEventListener("input", onType);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
  typedAt = 0;
});
$("who").addEventListener("change", () => (avatar($("me-avatar"), me()), draw()));
$("reply-cancel").addEventListener("click", () => setReply(null));
$("menu").addEventListener("click", () => toggleSidebar(true));
$("veil").addEventListener("click", () => toggleSidebar(false));
$("scroll").addEventListener("scroll", () => $("scroll").scrollTop < 120 && loadOlder());
$("channels").addEventListener("click", ({ target }) => open(target.closest("[data-channel]")?.dataset.channel));
$("actions").addEventListener("click", ({ target }) => target.dataset.act && attempt(target.dataset.act, {}));
$("messages").addEventListener("click", ({ target }) => {
  const thread = target.closest("[data-channel]");
  if (thread) return open(thread.dataset.channel);
  const message = state.messages.find((each) => each.id === target.closest(".message")?.dataset.id);
  if (target.dataset.emoji) return toggleReaction(message, target.dataset.emoji);
  const tool = target.closest("[data-do]");
  return tool ? onTool(tool, message) : null;
});
addEventListener("hashchange", () => location.hash.slice(1) !== state.channel && open(location.hash.slice(1)));
api.listen({ onNews, onBack: refresh, onLost: () => ($("offline").hidden = false) });
