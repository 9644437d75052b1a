// On a page that could not be shown: loads it again once the server can show it. Until then the reader is left alone.

const { again } = document.querySelector("[data-again]").dataset; // seconds between tries

async function retry() {
  if (await isBack()) location.reload();
  else scheduleRetry();
}

async function isBack() {
  try {
    const { status } = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    return status < 500;
  } catch (failure) {
    console.debug("still away:", failure.message);
    return false;
  }
}

function scheduleRetry() {
  setTimeout(retry, Number(again) * 1000);
}

scheduleRetry();
