// The chat page: wires the model to the views.

import { Chat } from "./model/chat.js";
import { Kept } from "./model/kept.js";
import { Room } from "./model/room.js";
import { Uploads } from "./model/uploads.js";
import { prove } from "./proof/prover.js";
import { texts } from "./texts.js";
import { Banner } from "./view/banner.js";
import { Composer } from "./view/composer.js";
import { ConversationView } from "./view/conversation.js";
import { EarlierView } from "./view/earlier.js";
import { Frame } from "./view/frame.js";
import { Header } from "./view/header.js";
import { Intent } from "./view/intent.js";
import { Lightbox } from "./view/lightbox.js";
import { note } from "./view/note.js";
import { part, root, template } from "./view/page.js";
import { Picker } from "./view/picker.js";
import { RoomView } from "./view/room.js";
import { Stay } from "./view/stay.js";
import { Tray } from "./view/tray.js";
import { beat } from "./wire/heartbeat.js";
import { Socket } from "./wire/socket.js";
import { upload } from "./wire/upload.js";

const { inbox, socket: path, protocol, limit, files, room: slug, roomKey: key } = root.dataset;
const place = slug ? `room.${slug}` : inbox; // what is kept for one is not the other's

const frame = new Frame();
const socket = new Socket({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`,
  protocol,
  // The visitor's token travels in a cookie that no script can read.
  session: () => ({
    inbox,
    locale: navigator.language.slice(0, 35),
    page: frame.page,
  }),
});
window.chatbridge = socket; // for the site's own scripts: other apps' commands and events
const room = slug ? new Room(socket, { slug, key }) : null;
const chat = new Chat(
  socket,
  new Kept(`chatbridge.${place}.outbox.`),
  new Kept(`chatbridge.${place}.changes.`),
  { limit: Number(limit), room, prove: (challenge) => prove(challenge, { worker: root.dataset.proofWorker }) },
);

const uploads = new Uploads((file, { progress }) => upload(file, { address: files, inbox, progress }));
const composer = new Composer(
  { form: part("composer"), text: part("text"), button: part("send"), attach: part("attach"), counter: part("counter"), why: part("barred") },
  {
    limit: Number(limit),
    uploads,
    drafts: new Kept(`chatbridge.${place}.draft.`),
    send: (content) => {
      if (intent.done(content)) view.sent();
    },
    typing: () => chat.typing(),
    shortcut: (key) => (key === "Escape" ? intent.end() : editLast()),
  },
);
const intent = new Intent(
  { box: part("intent"), text: part("intent-text"), cancel: part("intent-cancel") },
  { chat, composer, uploads },
);
const tray = new Tray(
  {
    list: part("uploads"),
    status: part("uploads-status"),
    button: part("attach"),
    input: part("choose"),
    text: part("text"),
    area: root,
  },
  { uploads },
);
new Lightbox(
  {
    dialog: part("lightbox"),
    image: part("lightbox-image"),
    name: part("lightbox-name"),
    save: part("lightbox-save"),
    close: part("lightbox-close"),
  },
  { within: part("rows") },
);
const view = new ConversationView(chat, {
  rewrite: (content) => composer.restore(content),
  leave: () => composer.focus(),
  frame,
});
view.tools.on("reply", (row) => intent.reply(row));
const picker = new Picker(
  { box: part("picker"), text: part("picker-text"), place: part("picker-place") },
  { data: root.dataset.pickerData },
);
view.tools.on("react", (row, button) => picker.open(button, (emoji) => view.react(row, emoji)));
view.tools.on("edit", (row) => intent.edit(row));
view.tools.on("delete", (row) => askToDelete(row));
chat.addEventListener("refused", ({ detail }) =>
  note(part("note"), texts.notReacted[detail.code] ?? texts.notReactedOther),
);
const banner = new Banner(
  { box: part("banner"), text: part("banner-text"), action: part("banner-action") },
  { socket, appeared: () => show() },
);
const header = new Header({
  title: part("title"),
  greeting: part("greeting"),
  nick: part("nick"),
  presence: part("presence"),
  end: part("end"),
  closed: part("closed"),
});

const names = ["line", "text", "open", "form", "input", "save", "cancel", "error"];
const parts = () => Object.fromEntries(names.map((name) => [name, part(`stay-${name}`)]));
const stay = room ? null : new Stay({ box: part("stay"), ...parts() }, { chat });
const inList = ["toggle", "badge", "number", "hint", "hint-text", "hint-open", "visit", "visit-text", "back", "title", "status", "rows", "further"];
const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const earlier = room
  ? null
  : new EarlierView(
      { panel: part("earlier"), shut: part("earlier-close"), ...Object.fromEntries(inList.map((name) => [camel(name), part(`earlier-${name}`)])) },
      { chat, template, changed: () => show(), leave: () => composer.focus() },
    );
const roomView = room && new RoomView(room);

// Many changes in one turn are one rendering. Not requestAnimationFrame: hidden tabs count unread messages, too.
let due = false;
chat.addEventListener("change", () => {
  if (due) return;
  due = true;
  queueMicrotask(() => {
    due = false;
    show();
  });
});

function show() {
  banner.show();
  composer.bar(socket.reason ? (texts.barred[socket.reason] ?? texts.barred.refused) : "");
  intent.check();
  view.show();
  const unread = view.unread.length + (chat.earlier?.unread ?? 0);
  header.show(chat, { unread, cutOff: banner.shown });
  earlier?.show();
  root.classList.toggle("listing", Boolean(earlier?.open));
  stay?.show();
  roomView?.show({ cutOff: banner.shown });
  if (chat.inbox) uploads.limit(chat.inbox);
  tray.show();
  frame.tell({ unread, conversation: Boolean(chat.conversation) });
  root.dataset.state = socket.state;
}

const ask = part("ask");
part("end").addEventListener("click", () => ask.showModal());
ask.addEventListener("close", () => {
  if (ask.returnValue === "yes") end();
  ask.returnValue = "";
});

/** The button goes with what it ended: the focus goes to where it says so, above the place to write again. */
async function end() {
  try {
    await chat.end();
    show();
    part("closed").focus();
  } catch (failure) {
    console.debug("end:", failure.message); // lost: the button is still there
  }
}

const askDelete = part("ask-delete");
let toDelete = null;
askDelete.addEventListener("close", () => {
  if (askDelete.returnValue === "yes") chat.changes.delete(toDelete.uid);
  askDelete.returnValue = "";
  if (matchMedia("(pointer: fine)").matches) composer.focus();
});

function askToDelete(row) {
  toDelete = row;
  part("asked").textContent = row.content || texts.file;
  askDelete.showModal();
}

/** He looks at it from now on, and may type at once. On a phone the keyboard would cover the page. */
function begin() {
  if (frame.shown && matchMedia("(pointer: fine)").matches) composer.focus();
}

/** Arrow up in an empty composer. Returns whether there was something to edit. */
function editLast() {
  const row = view.lastEditable;
  if (row) intent.edit(row);
  return Boolean(row);
}

for (const event of ["online", "offline"]) window.addEventListener(event, show);
frame.addEventListener("shown", () => {
  begin();
  show();
});
begin();
beat(socket, { onPong: (pong, asked) => chat.pong(pong, asked) });
show();
// A mail leads to the conversation that it is about.
const wanted = new URLSearchParams(location.hash.slice(1)).get("conversation");
if (wanted && !room) socket.addEventListener("session", () => chat.visit(wanted), { once: true });
socket.connect();
