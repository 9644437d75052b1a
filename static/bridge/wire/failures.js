// What can become of a command that was not answered with its payload.

/** The server refused: a stable code, a sentence, and details such as retry_after. */
export class CommandFailed extends Error {
  constructor({ code, message, details = {} }) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The socket went away first: nobody knows whether the server has it. */
export class ConnectionLost extends Error {
  name = "ConnectionLost";
}
