// Reads a list as Discord does: lines that begin with “-”, “*” or a number, deeper ones indented.

const ITEM = /^( *)([-*]|\d{1,9}\.) +(\S[^]*)$/;
const GOES_ON = /^ {2,}(\S[^]*)$/;
const DEEPEST = 6;

/** The list at the beginning of a text, as [its text, {ordered, start, items: [{text, lists}]}]; null where there is none. */
export function listAt(source) {
  if (!ITEM.test(line(source, 0))) return null;
  const root = { lists: [] };
  const open = []; // the lists that the next line may belong to, outermost first: {indent, list}
  let at = 0;
  let item = null;
  while (at < source.length) {
    const text = line(source, at);
    const found = ITEM.exec(text);
    if (found) item = add(root, open, found);
    else if (GOES_ON.test(text)) item.text += "\n" + text.trim();
    else break;
    at += text.length + 1;
    // A list of another kind on the outermost level is a list of its own.
    if (root.lists.length > 1) {
      root.lists.pop();
      at -= text.length + 1;
      break;
    }
  }
  return [source.slice(0, at), root.lists[0]];
}

function add(root, open, [, { length: indent }, mark, text]) {
  while (open.length > 1 && indent < open.at(-1).indent) open.pop();
  const ordered = mark.endsWith(".");
  const here = open.at(-1);
  const below = here && indent > here.indent + 1 && open.length < DEEPEST;
  const item = { text, lists: [] };
  if (here && !below && here.list.ordered === ordered) {
    here.list.items.push(item);
    return item;
  }
  const list = { ordered, start: ordered ? Number.parseInt(mark, 10) : 1, items: [item] };
  if (!below) open.pop();
  const parent = open.at(-1)?.list.items.at(-1) ?? root;
  parent.lists.push(list);
  open.push({ indent, list });
  return item;
}

function line(source, at) {
  const end = source.indexOf("\n", at);
  return source.slice(at, end < 0 ? undefined : end);
}
