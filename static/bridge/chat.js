// The chat page: builds the model and the views, and connects them.

import { Chat } from "./model/chat.js";
import { Room } from "./model/room/room.js";
import { Draft } from "./model/sending/draft.js";
import { Uploads } from "./model/sending/uploads.js";
import { prove } from "./proof/prover.js";
import { LocalStore } from "./storage/local_store.js";
import { texts } from "./text/texts.js";
import { Composer } from "./view/composer/composer.js";
import { ComposerMode } from "./view/composer/composer_mode.js";
import { UploadList } from "./view/composer/upload_list.js";
import { EmailLine } from "./view/contact/email_line.js";
import { ConversationView } from "./view/conversation/conversation_view.js";
import { ConversationListView } from "./view/conversation_list/conversation_list_view.js";
import { EmojiPicker } from "./view/emoji/picker.js";
import { HostPage } from "./view/frame/host_page.js";
import { addLightbox } from "./view/messages/lightbox.js";
import { Banner } from "./view/page/banner.js";
import { confirmation } from "./view/page/confirmation.js";
import { part, root } from "./view/page/elements.js";
import { showHeader } from "./view/page/header.js";
import { hasKeyboard } from "./view/page/keys.js";
import { RoomView } from "./view/room/room_view.js";
import { startHeartbeat } from "./wire/heartbeat.js";
import { Socket } from "./wire/socket.js";
import { upload } from "./wire/upload.js";

const { inbox, socket: path, protocol, files, room: slug, roomKey: key, proofWorker } = root.dataset;
const limit = Number(root.dataset.limit); // characters of a message

// ---------------------------------------------------------------- the model

const hostPage = new HostPage();
const socket = new Socket({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`,
  protocol,
  // The visitor's token travels in a cookie that no script can read.
  session: () => ({ inbox, locale: navigator.language.slice(0, 35), page: hostPage.page }),
});
window.chatbridge = socket; // for the site's own scripts: other apps' commands and events

/** What is stored for a room is not shown in the inbox's own chat. */
function store(name) {
  return new LocalStore(`chatbridge.${slug ? `room.${slug}` : inbox}.${name}.`);
}

const room = slug ? new Room(socket, { slug, key }) : null;
const chat = new Chat(socket, {
  stores: { outbox: store("outbox"), changes: store("changes") },
  limit,
  room,
  prove: (challenge) => prove(challenge, { worker: proofWorker }),
});
const uploads = new Uploads((file, { onProgress }) => upload(file, { address: files, inbox, onProgress }));

// ---------------------------------------------------------------- the views

const composer = new Composer({
  limit,
  draft: new Draft(store("draft")),
  uploads,
  onSend: (content) => {
    if (composerMode.submit(content)) conversationView.sent();
  },
  onTyping: () => chat.sendTyping(),
  onShortcut: (key) => (key === "Escape" ? composerMode.cancel() : editLatest()),
});
const composerMode = new ComposerMode({ chat, composer, uploads });
const uploadList = new UploadList(uploads);
const focusComposer = () => composer.focus();
const conversationView = new ConversationView(chat, {
  rewrite: (content) => composer.restore(content),
  leave: focusComposer,
  hostPage,
});
const picker = new EmojiPicker();
const banner = new Banner(socket, { onShow: show });
const emailLine = room ? null : new EmailLine(chat);
const listView = room ? null : new ConversationListView(chat, { onToggle: show, leave: focusComposer });
const roomView = room && new RoomView(room);
addLightbox(part("rows"));

const { toolbars } = conversationView;
toolbars.on("reply", (row) => composerMode.reply(row));
toolbars.on("react", (row, button) => picker.open(button, (emoji) => conversationView.react(row, emoji)));
toolbars.on("edit", (row) => composerMode.edit(row));
toolbars.on("delete", (row) => {
  part("asked").textContent = row.content || texts.file;
  confirmDeletion(() => chat.changes.delete(row.uid));
});
const confirmDeletion = confirmation(part("ask-delete"), { closed: () => hasKeyboard() && composer.focus() });
const confirmEnd = confirmation(part("ask"));
part("end").addEventListener("click", () => confirmEnd(end));

/** Arrow up in an empty composer. Returns whether there was something to edit. */
function editLatest() {
  const row = conversationView.lastEditable;
  if (row) composerMode.edit(row);
  return Boolean(row);
}

/** The button disappears with what it ended, so the focus goes to the sentence about that, above the composer. */
async function end() {
  try {
    await chat.close();
    show();
    part("closed").focus();
  } catch (failure) {
    console.debug("end:", failure.message); // lost: the button is still there
  }
}

// ---------------------------------------------------------------- what is shown, and when

// Many changes in one turn are one rendering. Not requestAnimationFrame: hidden tabs count unread messages too.
let isDue = false;
chat.onChange(() => {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    show();
  });
});

function show() {
  const { stopReason, state } = socket;
  banner.show();
  composer.disable(stopReason ? (texts.composerDisabled[stopReason] ?? texts.composerDisabled.refused) : "");
  composerMode.check();
  conversationView.show();
  const unread = (chat.conversation?.unread.length ?? 0) + (chat.list?.unreadCount ?? 0);
  showHeader(chat, { unread, isCutOff: banner.isShown });
  listView?.show();
  root.classList.toggle("listing", Boolean(listView?.isOpen));
  emailLine?.show();
  roomView?.show({ isCutOff: banner.isShown });
  if (chat.inbox) uploads.setLimits(chat.inbox);
  uploadList.show();
  hostPage.sendState({ unread, conversation: Boolean(chat.conversation) });
  root.dataset.state = state;
}

/** A visitor who looks at the chat may type at once. */
function focusIfShown() {
  if (hostPage.isChatShown && hasKeyboard()) composer.focus();
}

for (const event of ["online", "offline"]) window.addEventListener(event, show);
hostPage.addEventListener("shown", () => {
  focusIfShown();
  show();
});
focusIfShown();
startHeartbeat(socket, { onPong: (pong, sentAt) => chat.pong(pong, sentAt) });
show();
// A link in a mail leads to its conversation.
const linked = new URLSearchParams(location.hash.slice(1)).get("conversation");
if (linked && !room)
  socket.addEventListener("session", () => chat.conversations.show(linked), { once: true });
socket.connect();
