// The visitor's other conversations: how many there are, what is unread in them, and the list as far as it was loaded.
//
// Dispatches "change".

const MOMENT = 400; // several events that come together are one look

export class Earlier extends EventTarget {
  rows = []; // as connection.list has them, latest activity first
  more = false;
  count = 0; // conversations that have ended
  unread = 0; // messages in those that are not on the screen
  failed = false;
  #shown = null; // the uid of the one that is on the screen
  #timer = null;
  #busy = null;

  constructor(socket) {
    super();
    this.socket = socket;
  }

  /** What a new session says; `shown`: the conversation that it goes on with. */
  begin({ connections, unread }) {
    this.count = connections;
    this.unread = unread;
    if (this.rows.length) this.refresh();
    this.#changed();
  }

  show(uid) {
    if (uid === this.#shown) return;
    const left = this.#shown;
    this.#shown = uid;
    // What is looked at is read, as the server learns in a moment.
    this.rows = this.rows.map((row) => (row.uid === uid ? { ...row, unread: 0 } : row));
    if (this.rows.length) this.#count();
    if (left && (this.rows.length || this.unread)) this.news();
  }

  /** Something came in one that is not on the screen. */
  news() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.refresh();
    }, MOMENT);
  }

  /** The first page anew; what was loaded behind it stays. */
  refresh() {
    this.#busy ??= this.#load({}).finally(() => (this.#busy = null));
    return this.#busy;
  }

  further() {
    this.#busy ??= this.#load({ before: this.rows.at(-1).uid }).finally(() => (this.#busy = null));
    return this.#busy;
  }

  /** The one to go to where something is unread: null where it may be in several. */
  get unreadOne() {
    const found = this.rows.filter((row) => row.unread && row.uid !== this.#shown);
    return found.length === 1 ? found[0] : null;
  }

  get busy() {
    return this.#busy !== null;
  }

  async #load({ before }) {
    this.failed = false;
    try {
      const { connections, has_more } = await this.socket.command("connection.list", before ? { before } : {});
      const fresh = new Set(connections.map(({ uid }) => uid));
      const others = this.rows.filter(({ uid }) => !fresh.has(uid));
      this.rows = before ? [...others, ...connections] : [...connections, ...others];
      if (before || !others.length) this.more = has_more;
      this.#count();
    } catch (failure) {
      console.debug("conversations:", failure.message || failure.name);
      this.failed = true;
    }
    this.#changed();
  }

  #count() {
    const others = this.rows.filter(({ uid }) => uid !== this.#shown);
    this.unread = others.reduce((sum, { unread }) => sum + unread, 0);
    this.count = Math.max(this.count, this.rows.filter(({ state }) => state === "closed").length);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
