// One file on its way to the server, with its progress. XMLHttpRequest, because fetch does not say how much was sent.

import { CommandFailed, ConnectionLost } from "./errors.js";

// Our own server refuses in JSON and names its limit. Without that, a proxy in between refused, whose limit is not known.
const REFUSED_BY_PROXY = { code: "too_large", message: "413", details: { reason: "proxy" } };

/** `done` resolves to the attachment, or rejects with CommandFailed or ConnectionLost; `stop()` ends it. */
export function upload(file, { address, inbox, onProgress }) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    const lost = () => reject(new ConnectionLost());
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onerror = request.onabort = request.ontimeout = lost;
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer) resolve(answer);
      else if (answer?.error) reject(new CommandFailed(answer.error));
      else if (request.status === 413) reject(new CommandFailed(REFUSED_BY_PROXY));
      else lost();
    };
  });
  request.open("POST", `${address}?${new URLSearchParams({ inbox, name: file.name || "file" })}`);
  // The server decides by the content, not by the type that the browser assumes; a form's type would mean a form.
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { done, stop: () => request.abort() };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy in between answered
  }
}
