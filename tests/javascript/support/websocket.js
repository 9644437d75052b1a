// The browser's WebSocket, with a Server of the test at its other end.

/** Gives the page a WebSocket class whose connections end at this server. */
export function listen(server) {
  globalThis.WebSocket = class extends PageSocket {
    constructor(url, protocol) {
      super(url, protocol, server);
    }
  };
}

class PageSocket {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 3;
  readyState = PageSocket.CONNECTING;

  constructor(url, protocol, server) {
    Object.assign(this, { url, protocol, server });
    server.sockets.push(this);
    queueMicrotask(() => {
      if (this.readyState !== PageSocket.CONNECTING || server.isUp === "hanging") return;
      if (!server.isUp) return this.closedByServer(1006);
      this.readyState = PageSocket.OPEN;
      this.onopen?.();
    });
  }

  send(text) {
    if (this.readyState !== PageSocket.OPEN) throw new Error("the socket is not open");
    const frame = JSON.parse(text);
    queueMicrotask(() => this.readyState === PageSocket.OPEN && this.server.answerTo(frame));
  }

  /** By the page. A dead network never answers, so there is no event. */
  close() {
    this.readyState = PageSocket.CLOSED;
  }

  receive(frame) {
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(frame) }));
  }

  closedByServer(code, reason = "") {
    this.readyState = PageSocket.CLOSED;
    this.onclose?.({ code, reason });
  }
}
