// How an emoji is written in the protocol: its characters, or `name:id` of a Discord server's own, `a:name:id` if animated.

const CUSTOM = /^(a:)?(\w{1,32}):(\d{15,19})$/;

/** {name, id, animated} of a server's own emoji, null for all others. */
export function customEmoji(emoji) {
  const match = CUSTOM.exec(emoji);
  return match && { animated: Boolean(match[1]), name: match[2], id: match[3] };
}
