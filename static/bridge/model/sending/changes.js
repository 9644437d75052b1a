// Edits, deletions and retries of messages that the server has not confirmed yet: one for each message, the latest counts.
//
// They wait for the connection as new messages do, and survive a reload. If the time for changes is over by then, the
// server refuses, and the message stays as it was, with the reason below it.

import { Outbox } from "./outbox.js";

export class Changes extends Outbox {
  edit(uid, content) {
    this.add({ client_id: uid, kind: "edit", content });
  }

  delete(uid) {
    this.add({ client_id: uid, kind: "delete" });
  }

  /** Delivers a message again that did not reach the team. */
  redeliver(uid) {
    this.add({ client_id: uid, kind: "retry" });
  }

  get byMessage() {
    return new Map(this.entries.map((entry) => [entry.client_id, entry]));
  }
}
