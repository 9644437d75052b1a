// Who joined, left or was renamed in a room, as notices between its messages.

import { clock } from "../clock.js";

const MAX_NOTICES = 100;

export class RoomNotices {
  #notices = [];

  /** In order; those where nothing is left to tell are not among them. */
  get all() {
    return this.#notices.filter(({ joined, left, renamed }) => joined.size || left.size || renamed.size);
  }

  /** `more`: how many joined besides. `after`: the `seq` of the message above the notice. */
  addJoined(authors, more, after) {
    const notice = this.#noticeAfter(after);
    for (const { id, name } of authors) if (!notice.left.delete(id)) notice.joined.set(id, name);
    notice.more += more;
  }

  /** `clean`: they left, and did not just lose the connection. */
  addLeft({ id, name }, clean, after) {
    const notice = this.#noticeAfter(after);
    // Somebody who came and went between two messages is nobody's news.
    if (!notice.joined.delete(id)) notice.left.set(id, { name, clean });
  }

  /** `isKnown`: the page knew them by their previous name. */
  addRenamed({ id, name }, { previous, isKnown }, after) {
    const { joined, renamed } = this.#noticeAfter(after);
    if (joined.has(id)) joined.set(id, name);
    else if (isKnown) renamed.set(id, { from: renamed.get(id)?.from ?? previous, to: name });
  }

  /** Everything between two messages is one notice. */
  #noticeAfter(after) {
    const last = this.#notices.at(-1);
    if (last?.after === after) return last;
    const notice = {
      kind: "event",
      key: `notice:${after}:${Date.now()}`,
      after,
      at: new Date(clock.now()),
      joined: new Map(),
      left: new Map(),
      renamed: new Map(),
      more: 0,
    };
    this.#notices = [...this.#notices.slice(1 - MAX_NOTICES), notice];
    return notice;
  }
}
