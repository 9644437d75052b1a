// One file on its way to the server, with its progress. XMLHttpRequest, since fetch tells nothing of what was sent.

import { CommandFailed, ConnectionLost } from "./failures.js";

// What we refuse we say in JSON, with our limit: this is somebody's in between, which nobody here knows.
const BY_A_PROXY = { code: "too_large", message: "413", details: { reason: "proxy" } };

/** `done` resolves to the attachment, or rejects with CommandFailed or ConnectionLost; `stop()` ends it. */
export function upload(file, { address, inbox, progress }) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    const lost = () => reject(new ConnectionLost());
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onerror = request.onabort = request.ontimeout = lost;
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer) resolve(answer);
      else if (answer?.error) reject(new CommandFailed(answer.error));
      else if (request.status === 413) reject(new CommandFailed(BY_A_PROXY));
      else lost();
    };
  });
  request.open("POST", `${address}?${new URLSearchParams({ inbox, name: file.name || "file" })}`);
  // Whatever the browser believes it is: its content decides, and a form's type would mean a form.
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
