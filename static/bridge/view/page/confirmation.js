// A dialog that asks before something is done.

/** `dialog` has a button of the value “yes”. Returns a function that asks, and calls `confirmed` after a yes. */
export function confirmation(dialog, { closed = () => {} } = {}) {
  let onConfirm = null;
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") onConfirm();
    dialog.returnValue = "";
    closed();
  });
  return (confirmed) => {
    onConfirm = confirmed;
    dialog.showModal();
  };
}
