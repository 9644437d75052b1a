// On a page that could not be shown: loads it again once the server can show it, and leaves whoever reads it alone until then.

const { again } = document.querySelector("[data-again]").dataset; // seconds

async function look() {
  if (await isBack()) location.reload();
  else later();
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

function later() {
  setTimeout(look, Number(again) * 1000);
}

later();
