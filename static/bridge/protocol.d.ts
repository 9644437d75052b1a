// The wire protocol of ChatBridge, version 1: `manage.py protocol_schema typescript` makes this file.

export interface AttachmentOut {
  uid: string;
  name: string;
  /** `pending`: it is being copied from the service it was sent in; `remote`: only that service has it. */
  state: "stored" | "pending" | "remote";
  /**
   * Our own address, which opens only for those who may read the conversation. Empty while `pending`; the
   * service's address if `remote`.
   */
  url: string;
  /** The address of a small version of an image; otherwise empty. */
  thumbnail: string;
  content_type: string;
  /** In bytes. */
  size: number;
  width: number | null;
  height: number | null;
}

export interface Author {
  id: string;
  name: string;
  role: "visitor" | "staff";
  service: string;
  avatar: string;
  /** “#rrggbb”, the colour of their role in their service; otherwise empty. */
  colour: string;
}

export interface ConnectionChanged {
  connection: ConnectionOut;
}

export interface ConnectionList {
  /** The last conversation of the previous page. */
  before?: string | null;
  limit?: number;
}

export interface ConnectionOnly {
  connection: string;
}

export interface ConnectionOut {
  uid: string;
  kind: "private" | "room";
  state: "open" | "closed";
  revision: number;
  /** The reader's own `author.id` here. */
  participant: string;
  read_seq: number;
}

export interface ConnectionPayload {
  connection: ConnectionState;
}

/** What everyone in a connection may know about it. Replies add what is personal. */
export interface ConnectionState {
  uid: string;
  kind: "private" | "room";
  state: "open" | "closed";
}

export interface ConnectionSync {
  connection: string;
  since: number;
}

export interface ConnectionSynced {
  messages: MessageOut[];
  has_more: boolean;
  connection: ConnectionOut;
  revision: number;
  reset: boolean;
}

export interface ConnectionsListed {
  connections: ListedConnection[];
  has_more: boolean;
}

export interface ContactChanged {
  contact: ContactOut;
}

/** What is known about the visitor. */
export interface ContactOut {
  name: string;
  email: string;
  /** Whether their site vouches for them. */
  identified: boolean;
}

/** The visitor's contact details. An omitted field is not changed, and an empty text removes the value. */
export interface ContactSet {
  name?: string | null;
  email?: string | null;
}

/** The visitor's conversations that have ended, without the one that the session continues. */
export interface Earlier {
  /** At most 100 are counted. */
  connections: number;
  /** Messages of others in them that the visitor has not read; only the twenty conversations used last count. */
  unread: number;
}

export interface HistoryPage {
  connection: string;
  before?: number | null;
  limit?: number;
}

export interface HistoryRead {
  messages: MessageOut[];
  has_more: boolean;
}

export interface InboxOut {
  name: string;
  title: string;
  greeting: string;
  /** Seconds during which visitors can edit and delete their messages. 0: never. */
  edit_window: number;
  /** Maximum size of a file in bytes. 0: files are not accepted. */
  max_upload: number;
  /** Media types, such as `image/*`. */
  upload_types: string[];
  /** Minutes after which an unread answer is sent to the visitor's e-mail address. 0: never. */
  email_after: number;
}

/** The visitors who have just arrived, several in one event. */
export interface JoinedPayload {
  /** At most 50 of them; `more` is the number of the others. */
  participants: Author[];
  more: number;
  online: number;
}

export interface LeftPayload {
  /** Their `author.id`s. */
  participants: string[];
  /** True if they left, false if their connection was lost. */
  clean: boolean;
  online: number;
}

/** One of the visitor's own conversations in their list. */
export interface ListedConnection {
  uid: string;
  kind: "private" | "room";
  state: "open" | "closed";
  revision: number;
  /** The reader's own `author.id` here. */
  participant: string;
  read_seq: number;
  /** The beginning of its first text, at most 200 characters; empty if it contains only files. */
  title: string;
  /** Messages of others after the visitor's read position; at most 100 are counted. */
  unread: number;
  created_at: string;
  active_at: string;
}

/** Visitors who are in the room now, by name; at most MAX_MEMBERS of them. */
export interface MembersOut {
  online: number;
  members: Author[];
}

export interface MessageChanged {
  message: MessageOut;
}

export interface MessageEdit {
  message: string;
  content: string;
}

export interface MessageOnly {
  message: string;
}

export interface MessageOut {
  uid: string;
  connection: string;
  kind: "message" | "gap" | "event";
  seq: number;
  revision: number;
  client_id: string | null;
  author: Author | null;
  content: string;
  gap_size: number | null;
  created_at: string;
  edited_at: string | null;
  deleted_at: string | null;
  state: "sent" | "delivered" | "failed";
  failure: string;
  reply_to: Quote | null;
  attachments: AttachmentOut[];
  reactions: ReactionOut[];
  own?: boolean;
}

export interface MessageSend {
  client_id: string;
  /** The `uid` of files that the visitor uploaded. */
  attachments?: string[];
  /** Can be empty only if there are attachments. */
  content?: string;
  /** The uid of the message that this one answers, in the same conversation. */
  reply_to?: string | null;
  proof?: Proof | null;
  connection?: string | null;
}

export interface MessageSent {
  message: MessageOut;
}

export interface MessagesPayload {
  messages: MessageOut[];
}

export interface NickChanged {
  nick: string;
}

export interface NickSet {
  nick: string;
  connection?: string | null;
}

/** For commands without a payload. */
export type NoPayload = Record<string, never>;

export type Nothing = Record<string, never>;

/** The page the visitor is on, for the card that staff see. */
export interface Page {
  url?: string;
  title?: string;
  referrer?: string;
}

export interface Pong {
  heads: Record<string, number>;
  /** The server's, RFC 3339. */
  time: string;
}

export interface PresencePayload {
  staff_online: boolean;
}

/** The solution of a challenge of `proof_required`. */
export interface Proof {
  challenge: string;
  answers: number[];
}

/** The message that is answered, as it was when this frame was sent. */
export interface Quote {
  uid: string;
  seq: number;
  name: string;
  /** The role of its author: `visitor`, `staff` or `system`; empty if it has no author. */
  role: string;
  /** Its beginning, at most 200 characters; empty if it was deleted or contains only files. */
  content: string;
  deleted: boolean;
}

export interface ReactionChange {
  message: string;
  emoji: string;
}

export interface ReactionOut {
  /** The characters, or `name:id` for a custom emoji and `a:name:id` for an animated one. */
  emoji: string;
  count: number;
  own?: boolean;
}

export interface ReactionsPayload {
  messages: MessageOut[];
  /** Whose reaction it is; null if all reactions of staff were removed. */
  participant: string | null;
  /** Null if all emoji were removed. */
  emoji: string | null;
  added: boolean;
}

export interface ReceiptPayload {
  participant: string;
  seq: number;
}

export interface ReceiptRead {
  connection: string;
  seq: number;
}

export interface RenamedPayload {
  participant: Author;
  previous: string;
}

export interface RoomJoin {
  room: string;
  /** The unguessable part of a link room's address. */
  key?: string;
  nick?: string | null;
}

export interface RoomJoined {
  messages: MessageOut[];
  has_more: boolean;
  room: RoomOut;
  connection: ConnectionOut;
  you: Author;
  members: Author[];
}

export interface RoomOnly {
  room: string;
}

export interface RoomOut {
  uid: string;
  slug: string;
  name: string;
  topic: string;
  read_only: boolean;
  /** Minimum seconds between two messages of one visitor. */
  slow_mode: number;
  online: number;
}

export interface RoomsListed {
  rooms: RoomOut[];
}

export interface SessionStart {
  inbox?: string;
  token?: string | null;
  /** A JWT by which a site vouches for its user. */
  identity?: string | null;
  nick?: string | null;
  locale?: string;
  page?: Page;
}

export interface SessionStarted {
  messages: MessageOut[];
  has_more: boolean;
  visitor: string;
  token: string;
  nick: string;
  contact: ContactOut;
  connection: ConnectionOut | null;
  earlier: Earlier;
  staff_online: boolean;
  inbox: InboxOut;
  /** The server's, RFC 3339. */
  time: string;
}

export interface TypingPayload {
  author: Author;
}

export interface ErrorFrame {
  reply: string | null;
  ok: false;
  error: {
    code: "invalid_frame" | "unknown_command" | "invalid_payload" | "not_identified" | "not_permitted" | "not_found" | "conflict" | "throttled" | "too_large" | "closed" | "blocked" | "proof_required" | "unavailable" | "internal";
    message: string;
    details: Record<string, unknown>;
  };
}

/** The payload of each command, and of its reply. */
export interface Commands {
  "history.page": {
    payload: HistoryPage;
    reply: HistoryRead;
  };
  "connection.sync": {
    payload: ConnectionSync;
    reply: ConnectionSynced;
  };
  "connection.list": {
    payload?: ConnectionList;
    reply: ConnectionsListed;
  };
  "connection.close": {
    payload: ConnectionOnly;
    reply: ConnectionChanged;
  };
  "connection.reopen": {
    payload: ConnectionOnly;
    reply: ConnectionChanged;
  };
  "typing.start": {
    payload: ConnectionOnly;
    reply: Nothing;
  };
  "receipt.read": {
    payload: ReceiptRead;
    reply: Nothing;
  };
  "message.send": {
    payload: MessageSend;
    reply: MessageSent;
  };
  "message.edit": {
    payload: MessageEdit;
    reply: MessageChanged;
  };
  "message.delete": {
    payload: MessageOnly;
    reply: MessageChanged;
  };
  "message.retry": {
    payload: MessageOnly;
    reply: MessageChanged;
  };
  "reaction.add": {
    payload: ReactionChange;
    reply: MessageChanged;
  };
  "reaction.remove": {
    payload: ReactionChange;
    reply: MessageChanged;
  };
  "room.list": {
    payload?: NoPayload;
    reply: RoomsListed;
  };
  "room.join": {
    payload: RoomJoin;
    reply: RoomJoined;
  };
  "room.leave": {
    payload: RoomOnly;
    reply: Nothing;
  };
  "room.members": {
    payload: RoomOnly;
    reply: MembersOut;
  };
  "nick.set": {
    payload: NickSet;
    reply: NickChanged;
  };
  "session.start": {
    payload?: SessionStart;
    reply: SessionStarted;
  };
  "contact.set": {
    payload?: ContactSet;
    reply: ContactChanged;
  };
  ping: {
    payload?: NoPayload;
    reply: Pong;
  };
}

/** The frame of each event. */
export interface Events {
  "message.posted": {
    event: "message.posted";
    payload: MessagesPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "message.edited": {
    event: "message.edited";
    payload: MessagesPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "message.deleted": {
    event: "message.deleted";
    payload: MessagesPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "message.delivered": {
    event: "message.delivered";
    payload: MessagesPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "message.failed": {
    event: "message.failed";
    payload: MessagesPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "reaction.changed": {
    event: "reaction.changed";
    payload: ReactionsPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "connection.opened": {
    event: "connection.opened";
    payload: ConnectionPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "connection.closed": {
    event: "connection.closed";
    payload: ConnectionPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "connection.reopened": {
    event: "connection.reopened";
    payload: ConnectionPayload;
    connection: string;
    since: number;
    revision: number;
  };
  "typing.started": {
    event: "typing.started";
    payload: TypingPayload;
    connection: string;
    since?: number;
    revision?: number;
  };
  "receipt.read": {
    event: "receipt.read";
    payload: ReceiptPayload;
    connection: string;
    since?: number;
    revision?: number;
  };
  "presence.changed": {
    event: "presence.changed";
    payload: PresencePayload;
    connection?: string;
    since?: number;
    revision?: number;
  };
  "participant.joined": {
    event: "participant.joined";
    payload: JoinedPayload;
    connection: string;
    since?: number;
    revision?: number;
  };
  "participant.left": {
    event: "participant.left";
    payload: LeftPayload;
    connection: string;
    since?: number;
    revision?: number;
  };
  "participant.renamed": {
    event: "participant.renamed";
    payload: RenamedPayload;
    connection: string;
    since?: number;
    revision?: number;
  };
}

export type ErrorCode = ErrorFrame["error"]["code"];
export type CommandName = keyof Commands;
export type EventName = keyof Events;
export type EventFrame = Events[EventName];

/** What a command is rejected with that the server refused. */
export interface CommandFailed extends Error {
  code: ErrorCode;
  details: Record<string, unknown>;
}

/** What the chat's page gives to the site's own scripts: `window.chatbridge`. */
export interface ChatSocket extends EventTarget {
  readonly state: "connecting" | "ready" | "waiting" | "stopped";
  /** Rejects with CommandFailed, or with another error where the connection is lost. */
  command<Name extends CommandName>(
    name: Name,
    payload?: Commands[Name]["payload"],
  ): Promise<Commands[Name]["reply"]>;
  addEventListener(type: "event", listener: (event: CustomEvent<EventFrame>) => void): void;
  addEventListener(
    type: "session",
    listener: (event: CustomEvent<Commands["session.start"]["reply"]>) => void,
  ): void;
  addEventListener(type: "state", listener: (event: Event) => void): void;
}

/** Where `{% chat_widget %}` is: dispatches "socket" once it has one. */
export interface ChatWidget extends HTMLElement {
  readonly socket: ChatSocket | null;
}

declare global {
  interface Window {
    chatbridge: ChatSocket;
  }
  interface HTMLElementTagNameMap {
    "chatbridge-widget": ChatWidget;
  }
}
