// The files below the composer before they are sent: chosen, dropped or pasted.

import { fileSize } from "../../text/file_size.js";
import { texts } from "../../text/texts.js";
import { part, partOf, root, setText, template } from "../page/elements.js";
import { KeyedList } from "../page/keyed_list.js";

const RETRIABLE = new Set(["lost", "throttled", "unavailable", "internal", "slow", "full"]); // reasons

export class UploadList {
  #element = part("uploads");
  #list = new KeyedList(this.#element, {
    keyOf: ({ id }) => id,
    create: createItem,
    update: (element, item) => this.#update(element, item),
  });

  constructor(uploads) {
    this.uploads = uploads;
    uploads.onChange(() => this.show());
    const input = part("choose");
    part("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      uploads.add([...input.files]);
      input.value = ""; // so that the same file can be chosen again
      part("text").focus();
    });
    this.#element.addEventListener("click", ({ target }) => this.#click(target));
    part("text").addEventListener("paste", (event) => this.#paste(event));
    for (const name of ["dragenter", "dragover", "dragleave", "drop"])
      root.addEventListener(name, (event) => this.#drag(event));
  }

  show() {
    const { items, areAllowed, types } = this.uploads;
    part("attach").hidden = !areAllowed;
    part("choose").accept = types.join();
    this.#list.show(items);
    this.#element.hidden = !items.length;
    setText(part("uploads-status"), this.#summary(items));
  }

  #update(element, { state, progress, reason, name }) {
    const isRefused = state === "refused";
    element.dataset.state = state;
    const bar = element.querySelector("progress");
    bar.hidden = state !== "sending";
    bar.value = progress ?? 0;
    bar.setAttribute("aria-label", name);
    partOf(element, "upload-problem").hidden = !isRefused;
    partOf(element, "upload-problem").textContent = isRefused ? this.#problem(reason) : "";
    partOf(element, "upload-size").hidden = isRefused;
    partOf(element, "upload-again").hidden = !(isRefused && RETRIABLE.has(reason));
  }

  #problem(reason) {
    const text = texts.files.refused[reason] ?? texts.files.refusedOther;
    return typeof text === "function" ? text(fileSize(this.uploads.maxSize)) : text;
  }

  /** For screen readers. */
  #summary(items) {
    if (this.uploads.areSending) return texts.files.sending;
    const refused = items.filter(({ state }) => state === "refused");
    const ready = items.length - refused.length;
    const problems = refused.map(({ name, reason }) => `${name}: ${this.#problem(reason)}`);
    return [...problems, ready ? texts.files.ready(ready) : ""].join(" ");
  }

  #click(target) {
    const id = target.closest("[data-upload]")?.dataset.upload;
    if (target.closest("[data-upload-again]")) this.uploads.retry(id);
    else if (target.closest("[data-upload-remove]")) {
      this.uploads.remove(id);
      part("text").focus();
    }
  }

  #paste(event) {
    const files = [...event.clipboardData.files];
    // A word processor adds a picture of its text to the text.
    if (!files.length || event.clipboardData.getData("text/plain") || !this.uploads.areAllowed) return;
    event.preventDefault();
    this.uploads.add(files);
  }

  #drag(event) {
    if (!event.dataTransfer.types.includes("Files") || !this.uploads.areAllowed) return;
    // Otherwise the browser would open the file in place of the page.
    event.preventDefault();
    // Moving between two elements inside is no leaving.
    if (event.type === "dragleave" && root.contains(event.relatedTarget)) return;
    root.classList.toggle("dropping", event.type === "dragenter" || event.type === "dragover");
    if (event.type !== "drop") return;
    this.uploads.add([...event.dataTransfer.files]);
    part("text").focus();
  }
}

function createItem({ id, name, preview, size }) {
  const element = template("upload");
  element.dataset.upload = id;
  const picture = partOf(element, "preview");
  picture.hidden = !preview;
  picture.onerror = () => (picture.hidden = true);
  if (preview) picture.src = preview;
  partOf(element, "upload-name").textContent = name;
  partOf(element, "upload-size").textContent = fileSize(size);
  partOf(element, "upload-remove").setAttribute("aria-label", texts.files.remove(name));
  partOf(element, "upload-again").setAttribute("aria-label", texts.files.retry(name));
  return element;
}
