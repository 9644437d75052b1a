// The files that go with the next message: chosen, on their way, there, or refused.
//
// A file that did not get through is sent again as a whole, when he asks for it. They do not survive a reload, but for
// those of a message that was sent: the server has them. Dispatches "change".

import { uuid } from "./uuid.5cae6bb97558.js";

export const MOST = 10;

export class Uploads extends EventTarget {
  items = []; // {id, file, name, size, type, preview, state: sending | there | refused, part, reason, attachment}
  #limits = { max: 0, types: [] };

  /** `send(file, {progress})` gives {done, stop}. */
  constructor(send) {
    super();
    this.send = send;
  }

  /** What the inbox takes. */
  limit({ max_upload: max, upload_types: types }) {
    this.#limits = { max, types };
  }

  get allowed() {
    return this.#limits.max > 0;
  }

  get types() {
    return this.#limits.types;
  }

  get max() {
    return this.#limits.max;
  }

  /** Whether the message has to wait for one of them. */
  get busy() {
    return this.items.some(({ state }) => state === "sending");
  }

  /** Whether there is something to be sent. */
  get ready() {
    return this.items.some(({ state }) => state === "there");
  }

  add(files) {
    for (const file of files) {
      const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : "";
      const item = { id: uuid(), file, name: file.name, size: file.size, type: file.type, preview };
      this.items = [...this.items, item];
      if (this.items.length > MOST) this.#refuse(item, "many");
      else this.#start(item);
    }
  }

  retry(id) {
    const item = this.items.find((each) => each.id === id);
    if (item) this.#start(item);
  }

  remove(id) {
    const item = this.items.find((each) => each.id === id);
    if (!item) return;
    this.items = this.items.filter((each) => each !== item);
    item.stop?.();
    if (item.preview) URL.revokeObjectURL(item.preview);
    this.#changed();
  }

  /** What goes with the message that is sent now; the rest stays. */
  take() {
    const taken = this.items.filter(({ state }) => state === "there");
    for (const { id } of taken) this.remove(id);
    return taken.map(({ attachment }) => attachment);
  }

  async #start(item) {
    if (item.size > this.#limits.max) return this.#refuse(item, "too_large");
    if (!item.size) return this.#refuse(item, "empty");
    const { done, stop } = this.send(item.file, {
      progress: (part) => {
        item.part = part;
        this.#changed();
      },
    });
    Object.assign(item, { state: "sending", part: 0, reason: null, stop });
    this.#changed();
    try {
      item.attachment = await done;
      item.state = "there";
      this.#changed();
    } catch (failure) {
      this.#refuse(item, failure.details?.reason ?? failure.code ?? "lost");
    }
  }

  #refuse(item, reason) {
    Object.assign(item, { state: "refused", reason });
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
