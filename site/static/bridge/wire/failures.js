// What can become of a command that was not answered with its payload.

/** The server refused: a stable code, a sentence, and details such as retry_after. */
export class CommandFailed extends Error {
  constructor({ code, message, details = {} }) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** What to tell about it: the code, or more precisely where the details know more. */
  get reason() {
    if (this.details.muted_until) return "muted";
    if (this.details.reply_to) return "reply_gone";
    return this.details.filter ? `filter_${this.details.filter}` : this.code;
  }
}

/** The socket went away first: nobody knows whether the server has it. */
export class ConnectionLost extends Error {
  name = "ConnectionLost";
}
