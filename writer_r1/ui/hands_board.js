// Who wrote what is asked for when it is opened, and again after a save while it is open.
const QUIET_MS = 700;
const opened = () => element.querySelector("details.hands")?.open;
const show = () => opened() && trigger("submit", { act: "show" });

element.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (details?.classList.contains("hands") && !details.open) trigger("submit", { act: "show" });
});

let soon = 0;
addEventListener("studio:saved", () => {
  clearTimeout(soon);
  soon = setTimeout(show, QUIET_MS);
});
document.addEventListener("input", () => clearTimeout(soon));
addEventListener("studio:opened", show);
