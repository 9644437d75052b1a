// The files for the next message: waiting to be sent, sent, or refused.
//
// A file that did not get through is sent again as a whole, when the visitor asks for it. Files do not survive a reload,
// but for those of a message in the outbox: the server has them.

import { Observable } from "../observable.js";
import { uuid } from "./uuid.js";

const MAX_FILES = 10;

export class Uploads extends Observable {
  items = []; // {id, file, name, size, preview, state: sending | ready | refused, progress, reason, attachment, stop}
  maxSize = 0; // bytes; 0: no files are taken
  types = [];

  /** `upload(file, {onProgress})` returns {done, stop}. */
  constructor(upload) {
    super();
    this.upload = upload;
  }

  /** What the inbox takes. */
  setLimits({ max_upload, upload_types }) {
    this.maxSize = max_upload;
    this.types = upload_types;
  }

  get areAllowed() {
    return this.maxSize > 0;
  }

  /** Whether the message has to wait for a file. */
  get areSending() {
    return this.items.some(({ state }) => state === "sending");
  }

  /** Whether there is a file to go with the message. */
  get areReady() {
    return this.items.some(({ state }) => state === "ready");
  }

  add(files) {
    for (const file of files) {
      const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : "";
      const item = { id: uuid(), file, name: file.name, size: file.size, preview };
      this.items = [...this.items, item];
      if (this.items.length > MAX_FILES) this.#refuse(item, "many");
      else this.#start(item);
    }
  }

  retry(id) {
    const item = this.#item(id);
    if (item) this.#start(item);
  }

  remove(id) {
    const item = this.#item(id);
    if (!item) return;
    this.items = this.items.filter((other) => other !== item);
    item.stop?.();
    if (item.preview) URL.revokeObjectURL(item.preview);
    this.changed();
  }

  /** Removes the attachments that go with the message, and returns them; the other files stay. */
  take() {
    const ready = this.items.filter(({ state }) => state === "ready");
    for (const { id } of ready) this.remove(id);
    return ready.map(({ attachment }) => attachment);
  }

  #item(id) {
    return this.items.find((item) => item.id === id);
  }

  async #start(item) {
    if (item.size > this.maxSize) return this.#refuse(item, "too_large");
    if (!item.size) return this.#refuse(item, "empty");
    const { done, stop } = this.upload(item.file, {
      onProgress: (progress) => {
        item.progress = progress;
        this.changed();
      },
    });
    Object.assign(item, { state: "sending", progress: 0, reason: null, stop });
    this.changed();
    try {
      item.attachment = await done;
      item.state = "ready";
      this.changed();
    } catch (failure) {
      this.#refuse(item, failure.details?.reason ?? failure.code ?? "lost");
    }
  }

  #refuse(item, reason) {
    Object.assign(item, { state: "refused", reason });
    this.changed();
  }
}
