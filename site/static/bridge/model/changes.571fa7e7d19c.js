// Edits, deletions and second tries that the server has not confirmed yet: one for each message, of which the latest counts.
//
// They wait for the connection as messages do, and outlive a reload. If the time for changes is over by then the
// server says so, and the message stays as it was, with the reason below it.

import { Outbox } from "./outbox.a85dd34e5fae.js";

export class Changes extends Outbox {
  edit(uid, content) {
    this.add({ client_id: uid, kind: "edit", content });
  }

  delete(uid) {
    this.add({ client_id: uid, kind: "delete" });
  }

  /** Carry a message once more that did not reach the team. */
  again(uid) {
    this.add({ client_id: uid, kind: "retry" });
  }

  get byMessage() {
    return new Map(this.entries.map((entry) => [entry.client_id, entry]));
  }
}
