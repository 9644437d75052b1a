// The visitor's conversations: how many have ended, what is unread in those that are not on the screen, and the list as
// far as it was loaded.

import { logFailure } from "../wire/errors.js";
import { Observable } from "./observable.js";

const DEBOUNCE = 400; // milliseconds; several events that come together are one request

export class ConversationList extends Observable {
  rows = []; // as connection.list has them, the latest activity first
  hasMore = false;
  endedCount = 0;
  unreadCount = 0; // messages in conversations that are not on the screen
  failed = false;
  #shown = null; // the uid of the conversation on the screen
  #timer = null;
  #loading = null; // promise

  constructor(socket) {
    super();
    this.socket = socket;
  }

  /** The counts of a new session. */
  start({ connections, unread }) {
    this.endedCount = connections;
    this.unreadCount = unread;
    if (this.rows.length) this.refresh();
    this.changed();
  }

  /** Another conversation is on the screen. */
  show(uid) {
    if (uid === this.#shown) return;
    const previous = this.#shown;
    this.#shown = uid;
    // What is on the screen is read, as the server learns in a moment.
    this.rows = this.rows.map((row) => (row.uid === uid ? { ...row, unread: 0 } : row));
    if (this.rows.length) this.#count();
    if (previous && (this.rows.length || this.unreadCount)) this.refreshSoon();
  }

  /** Something happened in a conversation that is not on the screen. */
  refreshSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.refresh();
    }, DEBOUNCE);
  }

  /** Loads the first page again; what was loaded behind it stays. */
  refresh() {
    return this.#loadOnce({});
  }

  loadMore() {
    return this.#loadOnce({ before: this.rows.at(-1).uid });
  }

  /** The one other conversation with something unread; null where there are several, or none is known. */
  get onlyUnread() {
    const rows = this.rows.filter((row) => row.unread && row.uid !== this.#shown);
    return rows.length === 1 ? rows[0] : null;
  }

  get isLoading() {
    return this.#loading !== null;
  }

  #loadOnce(payload) {
    this.#loading ??= this.#load(payload).finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load(payload) {
    this.failed = false;
    try {
      const { connections, has_more } = await this.socket.command("connection.list", payload);
      this.#merge(connections, has_more, Boolean(payload.before));
      this.#count();
    } catch (failure) {
      logFailure("conversations", failure);
      this.failed = true;
    }
    this.changed();
  }

  #merge(page, hasMore, isLaterPage) {
    const uids = new Set(page.map(({ uid }) => uid));
    const others = this.rows.filter(({ uid }) => !uids.has(uid));
    this.rows = isLaterPage ? [...others, ...page] : [...page, ...others];
    if (isLaterPage || !others.length) this.hasMore = hasMore;
  }

  #count() {
    const others = this.rows.filter(({ uid }) => uid !== this.#shown);
    this.unreadCount = others.reduce((sum, { unread }) => sum + unread, 0);
    this.endedCount = Math.max(this.endedCount, this.rows.filter(({ state }) => state === "closed").length);
  }
}
