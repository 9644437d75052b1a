// The line below an own message: sending, delivered or refused, and what the visitor can do about it.

import { texts } from "../../text/texts.js";
import { partOf } from "../page/elements.js";

export function showStatus(element, row) {
  element.dataset.state = row.status ?? "";
  if (row.change) showChange(element, row.change);
  else showDelivery(element, row);
}

/** An edit, a deletion or a retry that the server has not confirmed, or refused. */
function showChange(element, { kind, error, connected }) {
  element.dataset.state = error ? "unchanged" : connected ? "changing" : "queued";
  const waiting = connected ? texts.changing[kind] : texts.status.queued;
  showLine(element, error ? texts.notChanged[kind] : waiting);
  showRemedy(element, error && (texts.changeRefused[error] ?? texts.messageRefusedOther), {
    retry: true,
    discard: texts.discardChange,
  });
}

function showDelivery(element, { status, latest, failure, error, attachments }) {
  const isRefused = status === "refused";
  const isBroken = isRefused || status === "failed";
  const isOutdated = Boolean(status && !isBroken && failure); // the team has it as it was before a change
  element.classList.toggle("stale", isOutdated);
  const hasLine = status && (latest || isBroken || isOutdated);
  showLine(element, hasLine ? ((isOutdated ? texts.outdated : texts.status[status]) ?? "") : null);
  const problem = isRefused
    ? ((attachments.length && texts.messageWithFilesRefused[error]) ||
      (texts.messageRefused[error] ?? texts.messageRefusedOther))
    : (texts.failure[failure] ?? texts.failureOther);
  showRemedy(element, (isBroken || isOutdated) && problem, {
    retry: !isOutdated,
    rewrite: status === "failed",
    discard: isRefused && texts.discard,
  });
}

/** null: no line. */
function showLine(element, text) {
  partOf(element, "status").hidden = text === null;
  partOf(element, "status-text").textContent = text ?? "";
}

/** The problem, and buttons: to try again, to put the words back into the composer, to give up. No problem hides all. */
function showRemedy(element, problem, { retry, rewrite = false, discard }) {
  partOf(element, "remedy").hidden = !problem;
  if (!problem) return;
  partOf(element, "remedy-text").textContent = problem;
  partOf(element, "again").hidden = !retry;
  partOf(element, "again").textContent = texts.retry;
  partOf(element, "rewrite").hidden = !rewrite;
  partOf(element, "discard").hidden = !discard;
  partOf(element, "discard").textContent = discard || "";
}
