export type ErrorCode = ErrorFrame["error"]["code"];
export type CommandName = keyof Commands;
export type EventName = keyof Events;
export type EventFrame = Events[EventName];

/** What a command is rejected with that the server refused. */
export interface CommandFailed extends Error {
  code: ErrorCode;
  details: Record<string, unknown>;
}

/** What the chat's page gives to the site's own scripts: `window.chatbridge`. */
export interface ChatSocket extends EventTarget {
  readonly state: "connecting" | "ready" | "waiting" | "stopped";
  /** Rejects with CommandFailed, or with another error where the connection is lost. */
  command<Name extends CommandName>(
    name: Name,
    payload?: Commands[Name]["payload"],
  ): Promise<Commands[Name]["reply"]>;
  addEventListener(type: "event", listener: (event: CustomEvent<EventFrame>) => void): void;
  addEventListener(
    type: "session",
    listener: (event: CustomEvent<Commands["session.start"]["reply"]>) => void,
  ): void;
  addEventListener(type: "state", listener: (event: Event) => void): void;
}

/** Where `{% chat_widget %}` is: dispatches "socket" once it has one. */
export interface ChatWidget extends HTMLElement {
  readonly socket: ChatSocket | null;
}

declare global {
  interface Window {
    chatbridge: ChatSocket;
  }
  interface HTMLElementTagNameMap {
    "chatbridge-widget": ChatWidget;
  }
}
