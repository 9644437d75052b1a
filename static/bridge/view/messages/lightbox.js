// A picture, as large as the window. Escape, a click beside it or its button close it.

import { texts } from "../../text/texts.js";
import { part } from "../page/elements.js";

/** Opens the pictures that are clicked in `list`. */
export function addLightbox(list) {
  const dialog = part("lightbox");
  const image = part("lightbox-image");
  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    // With one of these keys, the visitor wants a new tab or window.
    if (!link || !link.href || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link, image);
    dialog.showModal();
  });
  part("lightbox-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === image || target.closest("a, button") || dialog.close());
  dialog.addEventListener("close", () => image.removeAttribute("src")); // frees the memory
}

function open(link, image) {
  const name = link.querySelector("img").alt;
  image.src = link.href;
  image.alt = name;
  part("lightbox-name").textContent = name;
  const save = part("lightbox-save");
  save.href = link.href;
  save.download = name;
  save.setAttribute("aria-label", texts.files.save(name));
}
