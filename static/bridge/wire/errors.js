// Why a command has no reply with a payload.

/** The server refused it: a stable code, a sentence, and details such as `retry_after`. */
export class CommandFailed extends Error {
  constructor({ code, message, details = {} }) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** What to tell the visitor: the code, or something more precise from the details. */
  get reason() {
    if (this.details.muted_until) return "muted";
    if (this.details.reply_to) return "reply_gone";
    return this.details.filter ? `filter_${this.details.filter}` : this.code;
  }
}

/** The connection was lost first: nobody knows whether the server received it. */
export class ConnectionLost extends Error {
  name = "ConnectionLost";
}

/** For a failure that the next session, or the next try, repairs by itself. */
export function logFailure(what, failure) {
  console.debug(`${what}:`, failure.message || failure.name);
}
