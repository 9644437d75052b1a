// The files beside the composer, before they are sent: chosen, dropped or pasted.

import { texts } from "../texts.js";
import { template } from "./page.js";
import { sizeOf } from "./sizes.js";

const AGAIN = new Set(["lost", "throttled", "unavailable", "internal", "slow", "full"]);

export class Tray {
  #elements = new Map(); // item id -> element
  #told = ""; // what a screen reader was told last

  /** `parts`: list, button, input, status, text (the composer's) and area, over which files may be dropped. */
  constructor(parts, { uploads }) {
    Object.assign(this, parts, { uploads });
    uploads.addEventListener("change", () => this.show());
    this.button.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      uploads.add([...this.input.files]);
      this.input.value = ""; // so that the same file can be chosen again
      this.text.focus();
    });
    this.list.addEventListener("click", ({ target }) => this.#clicked(target));
    this.text.addEventListener("paste", (event) => this.#pasted(event));
    for (const name of ["dragenter", "dragover", "dragleave", "drop"])
      this.area.addEventListener(name, (event) => this.#dragged(event));
  }

  show() {
    const { items, allowed, types } = this.uploads;
    this.button.hidden = !allowed;
    this.input.accept = types.join();
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, element] of this.#elements) {
      if (ids.has(id)) continue;
      element.remove();
      this.#elements.delete(id);
    }
    for (const item of items) this.#fill(this.#elements.get(item.id) ?? this.#made(item), item);
    this.list.hidden = !items.length;
    this.#tell(items);
  }

  #made({ id, name, preview, size }) {
    const element = template("upload");
    element.dataset.upload = id;
    const picture = element.querySelector("[data-preview]");
    picture.hidden = !preview;
    picture.onerror = () => (picture.hidden = true);
    if (preview) picture.src = preview;
    element.querySelector("[data-upload-name]").textContent = name;
    element.querySelector("[data-upload-size]").textContent = sizeOf(size);
    element.querySelector("[data-upload-remove]").setAttribute("aria-label", texts.files.remove(name));
    element.querySelector("[data-upload-again]").setAttribute("aria-label", texts.files.again(name));
    this.list.append(element);
    this.#elements.set(id, element);
    return element;
  }

  #fill(element, { state, part, reason, name }) {
    element.dataset.state = state;
    const bar = element.querySelector("progress");
    bar.hidden = state !== "sending";
    bar.value = part ?? 0;
    bar.setAttribute("aria-label", name);
    const problem = element.querySelector("[data-upload-problem]");
    problem.hidden = state !== "refused";
    problem.textContent = state === "refused" ? this.#why(reason) : "";
    element.querySelector("[data-upload-size]").hidden = state === "refused";
    element.querySelector("[data-upload-again]").hidden = !(state === "refused" && AGAIN.has(reason));
  }

  #why(reason) {
    const why = texts.files.refused[reason] ?? texts.files.refusedOther;
    return typeof why === "function" ? why(sizeOf(this.uploads.max)) : why;
  }

  #tell(items) {
    const refused = items.filter(({ state }) => state === "refused");
    const told = this.uploads.busy
      ? texts.files.sending
      : [
          ...refused.map(({ name, reason }) => `${name}: ${this.#why(reason)}`),
          items.length > refused.length ? texts.files.there(items.length - refused.length) : "",
        ].join(" ");
    if (told === this.#told) return;
    this.#told = told;
    this.status.textContent = told;
  }

  #clicked(target) {
    const id = target.closest("[data-upload]")?.dataset.upload;
    if (target.closest("[data-upload-again]")) this.uploads.retry(id);
    else if (target.closest("[data-upload-remove]")) {
      this.uploads.remove(id);
      this.text.focus();
    }
  }

  #pasted(event) {
    const files = [...event.clipboardData.files];
    // A word processor puts a picture of its text beside the text.
    if (!files.length || event.clipboardData.getData("text/plain") || !this.uploads.allowed) return;
    event.preventDefault();
    this.uploads.add(files);
  }

  #dragged(event) {
    if (!event.dataTransfer.types.includes("Files") || !this.uploads.allowed) return;
    // Without this the browser would open the file in place of the page.
    event.preventDefault();
    // From one element to another inside it is no leaving.
    if (event.type === "dragleave" && this.area.contains(event.relatedTarget)) return;
    this.area.classList.toggle("dropping", event.type.startsWith("drage") || event.type === "dragover");
    if (event.type !== "drop") return;
    this.uploads.add([...event.dataTransfer.files]);
    this.text.focus();
  }
}
