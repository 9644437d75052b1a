// What a visitor says to an answer in an earlier conversation.

import { plain } from "./markdown.2fd93c49e37f.js";

const QUOTED = 120; // characters of the answer that stand above what is said to it elsewhere

/** Says it there by `send(payload)` and opens that again; it goes to a newer one that was opened meanwhile. */
export async function goOn(send, payload, socket) {
  try {
    return await send(payload);
  } catch (failure) {
    if (failure.code !== "closed") throw failure;
  }
  const { connection, reply_to, ...elsewhere } = payload;
  try {
    await socket.command("connection.reopen", { connection });
  } catch (failure) {
    if (failure.code !== "conflict") throw failure;
    return send(elsewhere);
  }
  return send(payload);
}

/** Words below the beginning of what they answer. Without its links, which a visitor may not be allowed to send. */
export function below(answered, content, limit) {
  const said = plain(answered?.content ?? "").replace(/\s+/g, " ").replace(/\S+:\/\/\S+|www\.\S+/gi, "…").trim();
  const short = [...said].slice(0, QUOTED).join("");
  const whole = `> ${short}${short.length < said.length ? "…" : ""}\n${content}`;
  return said && [...whole].length <= limit ? whole : content;
}
