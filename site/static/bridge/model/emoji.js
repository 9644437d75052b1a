// How an emoji is written on the wire: its characters, or `name:id` of a Discord server's own, `a:name:id` if it moves.

const OWN = /^(a:)?(\w{1,32}):(\d{15,19})$/;

/** {name, id, animated} of a server's own, null for the others. */
export function ownEmoji(spelled) {
  const found = OWN.exec(spelled);
  return found && { animated: Boolean(found[1]), name: found[2], id: found[3] };
}
