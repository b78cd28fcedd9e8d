// Tell the terminal what this page shows, and show the next stage as soon as there is one.
"use strict";

const here = document.body.dataset.stage;

async function look() {
  try {
    const answer = await fetch(`/stage?shown=${here}`, { cache: "no-store" });
    const { stage } = await answer.json();
    if (stage !== here) {
      location.replace("/");
    } else if (here === "registered") {
      setTimeout(look, 1000);
    }
  } catch {
    const status = document.querySelector("[role=status]");
    if (status) status.textContent = "The terminal has ended: look there for what is next.";
  }
}

look();
