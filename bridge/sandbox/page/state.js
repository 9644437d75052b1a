// What the page knows: the world as the sandbox tells it, and what this reader is looking at.

export const FORUM = 15;
export const TYPING_MS = 10_000;

export const world = { users: new Map(), channels: new Map(), emoji: new Map() };

export const state = {
  channel: null,
  messages: [],
  heard: null, // what came live while `messages` are loaded: their answer may be older
  complete: false, // nothing older than `messages`
  replyTo: null,
  typing: new Map(),
  unread: new Set(),
};

export const $ = (id) => document.getElementById(id);
export const me = () => world.users.get($("who").value);
export const current = () => world.channels.get(state.channel);

const newest = (channel) => Number(BigInt(channel.last_message_id ?? channel.id) >> 12n);

// The threads of a channel, the liveliest first.
export function threadsOf(id) {
  const threads = [...world.channels.values()].filter((each) => each.parent_id === id && !each.deleted);
  return threads.sort((a, b) => newest(b) - newest(a));
}
