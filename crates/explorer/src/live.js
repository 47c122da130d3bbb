// Keeps the front page, a block's finality and ages current. Without it, reload the page.
"use strict";
const span = (s) =>
  s < 120 ? s + " s" : s < 7200 ? Math.floor(s / 60) + " min" : s < 172800 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " days";
// The server's clock, not the reader's: theirs may be off.
const ahead = Number(document.body.dataset.now) - Date.now() / 1000;
const ages = () => {
  const now = Math.floor(Date.now() / 1000 + ahead);
  for (const time of document.querySelectorAll("time[data-t]")) {
    time.textContent = span(Math.max(0, now - Number(time.dataset.t))) + " ago";
  }
};
setInterval(ages, 1000);
const climb = document.getElementById("climb");
const climbing = () => climb && climb.querySelector(".waiting");
const watched = document.getElementById("ladder") ? "/live" : climbing() ? "/live?block=" + climb.dataset.block : null;
if (watched) {
  const source = new EventSource(watched);
  for (const id of ["health", "ladder", "blocks", "batches", "transactions", "climb", "batch"]) {
    source.addEventListener(id, (event) => {
      const place = document.getElementById(id);
      if (place && place.innerHTML !== event.data) place.innerHTML = event.data;
      if (id === "batch" && !climbing()) source.close();
    });
  }
}
