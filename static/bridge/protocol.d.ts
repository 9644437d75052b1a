// The wire protocol of ChatBridge, version 1: `manage.py protocol_schema typescript` makes this file.

export interface AttachmentOut {
  uid: string;
  name: string;
  /** `pending`: it is being copied from where it was sent; `remote`: only that service has it. */
  state: "stored" | "pending" | "remote";
  /**
   * Our own address, which only who may read the conversation can open. Empty while `pending`, the service's
   * address where `remote`.
   */
  url: string;
  /** A small picture of an image, else empty. */
  thumbnail: string;
  content_type: string;
  /** Bytes. */
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
  /** “#rrggbb”, of his role over there; else empty. */
  colour: string;
}

export interface ConnectionChanged {
  connection: ConnectionOut;
}

export interface ConnectionList {
  /** The last one of the page before. */
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

/** What everybody in a connection may know of it; replies add what is personal. */
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

/** What is known of the visitor himself. */
export interface ContactOut {
  name: string;
  email: string;
  /** His site vouches for him. */
  identified: boolean;
}

/** What the visitor says of himself; what is left out stays as it is, an empty text takes it back. */
export interface ContactSet {
  name?: string | null;
  email?: string | null;
}

/** The visitor's conversations that have ended, without the one that the session goes on with. */
export interface Earlier {
  /** At most 100 are counted. */
  connections: number;
  /** Messages of others that the visitor has not read in them: in the twenty used last. */
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
  /** Seconds in which a visitor may edit and delete what he wrote. 0: never. */
  edit_window: number;
  /** Bytes that one file may have; 0: no files are taken. */
  max_upload: number;
  /** Media types, such as `image/*`. */
  upload_types: string[];
  /** Minutes after which an answer that nobody read goes to the visitor's address; 0: never. */
  email_after: number;
}

/** Who came within the last moment, several in one event. */
export interface JoinedPayload {
  /** At most 50 of them; `more` says how many others came. */
  participants: Author[];
  more: number;
  online: number;
}

export interface LeftPayload {
  /** Their `author.id`s. */
  participants: string[];
  /** They went; else they were lost: a cut line, a crash. */
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
  /** The first words said in it, at most 200 characters; empty where there are only files. */
  title: string;
  /** Messages of others behind the visitor's mark; at most 100 are counted. */
  unread: number;
  created_at: string;
  active_at: string;
}

/** Visitors who are here now, by name; at most MAX_MEMBERS of them. */
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
  /** Empty only beside attachments. */
  content?: string;
  /** The uid of the message that this one answers, of the same conversation. */
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

/** The message that is answered, as it was when this was sent out. */
export interface Quote {
  uid: string;
  seq: number;
  name: string;
  /** Its author's: `visitor`, `staff` or `system`; empty where it has none. */
  role: string;
  /** Its beginning, at most 200 characters; empty once it was deleted, and where it is nothing but files. */
  content: string;
  deleted: boolean;
}

export interface ReactionChange {
  message: string;
  emoji: string;
}

export interface ReactionOut {
  /** The characters, or `name:id` of a custom emoji, `a:name:id` where it moves. */
  emoji: string;
  count: number;
  own?: boolean;
}

export interface ReactionsPayload {
  messages: MessageOut[];
  /** Whose reaction it is; null where staff's were cleared. */
  participant: string | null;
  /** Null where all were cleared. */
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
  /** Seconds between two messages of one visitor. */
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
