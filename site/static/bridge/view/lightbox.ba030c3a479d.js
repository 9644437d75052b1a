// A picture, as large as the window. Escape, a click beside it or its button close it.

import { texts } from "../texts.c1b04b393278.js";

export class Lightbox {
  /** `parts`: dialog, image, name, save, close; `within`: where pictures are clicked. */
  constructor(parts, { within }) {
    Object.assign(this, parts);
    within.addEventListener("click", (event) => {
      const link = event.target.closest("[data-open]");
      // With these keys a browser opens it elsewhere, as he asks for.
      if (!link || !link.href || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(link);
    });
    this.close.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", ({ target }) => target === this.image || target.closest("a, button") || this.dialog.close());
    // Nothing is held that nobody looks at.
    this.dialog.addEventListener("close", () => this.image.removeAttribute("src"));
  }

  #open(link) {
    const name = link.querySelector("img").alt;
    this.image.src = link.href;
    this.image.alt = name;
    this.name.textContent = name;
    this.save.href = link.href;
    this.save.download = name;
    this.save.setAttribute("aria-label", texts.files.save(name));
    this.dialog.showModal();
  }
}
