// Reads a list as Discord does: lines that begin with “-”, “*” or a number, nested ones indented.

const ITEM = /^( *)([-*]|\d{1,9}\.) +(\S[^]*)$/;
const CONTINUATION = /^ {2,}(\S[^]*)$/;
const MAX_DEPTH = 6;

/** The list at the start of a text, as [its source, {ordered, start, items: [{text, lists}]}]; null where there is none. */
export function listAtStart(source) {
  if (!ITEM.test(lineAt(source, 0))) return null;
  const root = { lists: [] };
  const open = []; // the lists that the next line may belong to, outermost first: {indent, list}
  let position = 0;
  let item = null;
  while (position < source.length) {
    const line = lineAt(source, position);
    const match = ITEM.exec(line);
    if (match) item = addItem(root, open, match);
    else if (CONTINUATION.test(line)) item.text += "\n" + line.trim();
    else break;
    // On the outermost level, a list of another kind is a list of its own.
    if (root.lists.length > 1) break;
    position += line.length + 1;
  }
  return [source.slice(0, position), root.lists[0]];
}

function addItem(root, open, [, { length: indent }, marker, text]) {
  while (open.length > 1 && indent < open.at(-1).indent) open.pop();
  const ordered = marker.endsWith(".");
  const current = open.at(-1);
  const isNested = current && indent > current.indent + 1 && open.length < MAX_DEPTH;
  const item = { text, lists: [] };
  if (current && !isNested && current.list.ordered === ordered) {
    current.list.items.push(item);
    return item;
  }
  const list = { ordered, start: ordered ? Number.parseInt(marker, 10) : 1, items: [item] };
  if (!isNested) open.pop();
  const parent = open.at(-1)?.list.items.at(-1) ?? root;
  parent.lists.push(list);
  open.push({ indent, list });
  return item;
}

function lineAt(source, position) {
  const end = source.indexOf("\n", position);
  return source.slice(position, end < 0 ? undefined : end);
}
