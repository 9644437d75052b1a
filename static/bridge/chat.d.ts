// What chat.js gives to the site's own scripts. The types of commands and events are made: see protocol.d.ts.

import type { Commands, ErrorCode, EventFrame, Events } from "./protocol.js";

export * from "./protocol.js";

/** What a command is rejected with that the server refused. */
export interface CommandFailed extends Error {
  code: ErrorCode;
  details: Record<string, unknown>;
}

export interface ChatSocket extends EventTarget {
  readonly state: "connecting" | "ready" | "waiting" | "stopped";
  /** Rejects with CommandFailed, or where the connection is lost. An app adds its own to the interface Commands. */
  command<Name extends keyof Commands>(name: Name, payload?: Commands[Name]["payload"]): Promise<Commands[Name]["reply"]>;
  addEventListener(type: "event", listener: (event: CustomEvent<EventFrame>) => void): void;
  addEventListener(type: "session", listener: (event: CustomEvent<Commands["session.start"]["reply"]>) => void): void;
  addEventListener(type: "state", listener: (event: Event) => void): void;
}

export const socket: ChatSocket;
export type { Events };
