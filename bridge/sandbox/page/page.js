// The page: which channel is open, what stands in it, and what is new.

import * as api from "./api.js";
import { drawChannels, drawHead, drawMembers, toggleSidebar } from "./around.js";
import { attempt, setReply, startComposer, toggleReaction, useTool } from "./composer.js";
import { messageElement, threadElement } from "./message.js";
import { $, FORUM, TYPING_MS, current, me, state, threadsOf, world } from "./state.js";
import { avatar, wrap } from "./text.js";

const PAGE = 50;
const NEAR = 80; // pixels from the end: who reads here reads the newest
let atEnd = true;
let lastTop = 0;

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

// ----------------------------------------------------------------- messages

async function load() {
  const id = state.channel;
  const heard = (state.heard = []);
  const page = current().type === FORUM ? [] : await api.messages(id);
  if (heard !== state.heard) return; // another load began meanwhile
  state.messages = page;
  state.complete = page.length < PAGE;
  state.heard = null;
  draw();
  heard.forEach(take);
  toEnd();
}

function toEnd() {
  atEnd = true;
  $("scroll").scrollTop = $("scroll").scrollHeight;
  lastTop = $("scroll").scrollTop;
}

function onScroll() {
  const { scrollHeight, scrollTop, clientHeight } = $("scroll");
  if (scrollHeight - scrollTop - clientHeight < NEAR) atEnd = true;
  else if (scrollTop < lastTop) atEnd = false; // else a picture has come, and not the reader gone
  lastTop = scrollTop;
  if (scrollTop < 120) loadOlder();
}

async function loadOlder() {
  const { channel, messages } = state;
  if (state.complete || !messages.length) return;
  state.complete = true; // until the answer is there: one request at a time
  const page = await api.messages(channel, messages[0].id);
  if (channel !== state.channel) return;
  state.messages = [...page, ...state.messages];
  state.complete = page.length < PAGE;
  const below = $("scroll").scrollHeight - $("scroll").scrollTop;
  draw();
  $("scroll").scrollTop = $("scroll").scrollHeight - below;
}

function draw() {
  const channel = current();
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
  $("messages").replaceChildren(...items, ...(items.length ? [] : [wrap("li", "No messages yet.", "hint")]));
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
  state.heard?.push(message);
  const follow = atEnd;
  const place = state.messages.findIndex((each) => each.id === message.id);
  if (message.deleted) state.messages = state.messages.filter((each) => each.id !== message.id);
  else if (place >= 0) state.messages[place] = message;
  else state.messages.push(message);
  draw();
  if (follow) toEnd();
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
  world.emoji = new Map(fresh.emoji.map((each) => [each.spelled, each]));
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

// -------------------------------------------------------------------- wiring

startComposer();
$("who").addEventListener("change", () => (avatar($("me-avatar"), me()), draw()));
$("menu").addEventListener("click", () => toggleSidebar(true));
$("veil").addEventListener("click", () => toggleSidebar(false));
$("scroll").addEventListener("scroll", onScroll);
$("messages").addEventListener("load", () => atEnd && toEnd(), { capture: true }); // a picture has its height from here on
$("channels").addEventListener("click", ({ target }) => open(target.closest("[data-channel]")?.dataset.channel));
$("actions").addEventListener("click", ({ target }) => target.dataset.act && attempt(target.dataset.act));
$("messages").addEventListener("click", ({ target }) => {
  const thread = target.closest("[data-channel]");
  if (thread) return open(thread.dataset.channel);
  const message = state.messages.find((each) => each.id === target.closest(".message")?.dataset.id);
  if (target.dataset.emoji) return toggleReaction(message, target.dataset.emoji);
  const tool = target.closest("[data-do]");
  return tool ? useTool(tool.dataset.do, message) : null;
});
addEventListener("hashchange", () => location.hash.slice(1) !== state.channel && open(location.hash.slice(1)));
api.listen({ onNews, onBack: refresh, onLost: () => ($("offline").hidden = false) });
