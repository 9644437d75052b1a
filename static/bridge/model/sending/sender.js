// Sends what the outbox has: with a proof of work where the server asks for one, and into a conversation that has ended
// by opening it again.

import { CommandFailed } from "../../wire/errors.js";

export class Sender {
  isProving = false; // this browser solves the server's challenge
  #proof = null; // kept until it was used, since the server may refuse the message for another reason first

  /** `prove(challenge)` resolves to its solution; `onProving` is called when that begins and ends. */
  constructor(socket, { prove, onProving }) {
    Object.assign(this, { socket, prove, onProving });
  }

  /** A new message. Resolves to it as stored. `room`: the uid of the room that it goes to. */
  async send({ client_id, content, quote, attachments, connection }, room) {
    // Without a connection, the server looks among the visitor's own messages, then opens one where none is open.
    const payload = { client_id, content, ...(quote && { reply_to: quote.uid }) };
    if (attachments) payload.attachments = attachments.map(({ uid }) => uid);
    if (room) payload.connection = room;
    const { message } = connection
      ? await this.#sendOrReopen({ ...payload, connection })
      : await this.#sendWithProof(payload);
    return message;
  }

  /** An edit, a deletion or a retry. Resolves to the message, or to null if it is gone. */
  async change({ client_id: uid, kind, content }) {
    const payload = { message: uid, ...(kind === "edit" && { content }) };
    try {
      return (await this.socket.command(`message.${kind}`, payload)).message;
    } catch (failure) {
      // Its tombstone says that it is gone: there is nothing to ask the visitor.
      if (failure instanceof CommandFailed && failure.code === "not_found") return null;
      throw failure;
    }
  }

  /** Opens the conversation again if it has ended. If a newer one was opened meanwhile, the message goes there. */
  async #sendOrReopen(payload) {
    try {
      return await this.#sendWithProof(payload);
    } catch (failure) {
      if (failure.code !== "closed") throw failure;
    }
    const { connection, reply_to, ...unbound } = payload;
    try {
      await this.socket.command("connection.reopen", { connection });
    } catch (failure) {
      if (failure.code !== "conflict") throw failure;
      return this.#sendWithProof(unbound);
    }
    return this.#sendWithProof(payload);
  }

  /** If the proof does not count any more, the server refuses again, and the outbox tries again. */
  async #sendWithProof(payload) {
    const send = () =>
      this.socket.command("message.send", { ...payload, ...(this.#proof && { proof: this.#proof }) });
    let reply;
    try {
      reply = await send();
    } catch (failure) {
      if (failure.code !== "proof_required") throw failure;
      await this.#solve(failure.details);
      reply = await send();
    }
    this.#proof = null;
    return reply;
  }

  async #solve(challenge) {
    this.isProving = true;
    this.onProving();
    try {
      this.#proof = await this.prove(challenge);
    } finally {
      this.isProving = false;
      this.onProving();
    }
  }
}
