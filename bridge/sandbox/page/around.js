// What is around the messages: channels on the left, the head above, members on the right.

import { $, FORUM, current, state, threadsOf, world } from "./state.js";
import { avatar, icon, wrap } from "./text.js";

export function drawChannels() {
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

export function toggleSidebar(shown) {
  $("sidebar").classList.toggle("shown", shown);
  $("veil").hidden = !shown;
  $("menu").setAttribute("aria-expanded", String(shown));
}

export function drawHead() {
  const channel = current();
  const thread = Boolean(channel.parent_id);
  $("head-icon").replaceChildren(icon(channel.type === FORUM ? "forum" : thread ? "thread" : "text"));
  $("title").textContent = channel.name;
  $("topic").textContent = thread ? whereAndHow(channel) : channel.topic;
  $("actions").replaceChildren(...(thread && !channel.deleted ? threadActions(channel) : []));
  $("text").placeholder = `Message ${thread ? channel.name : `#${channel.name}`}`;
  $("composer").hidden = channel.type === FORUM || channel.deleted;
}

function whereAndHow(thread) {
  const states = [thread.deleted && "deleted", thread.locked && "locked", thread.archived && "archived"];
  return [`in #${world.channels.get(thread.parent_id)?.name}`, ...states.filter(Boolean)].join(" · ");
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

export function drawMembers() {
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
