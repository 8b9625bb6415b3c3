// Undo is offered for ten seconds, longer while the pointer or the focus is on it. Later the list of versions has it.
const OFFERED_MS = 10000;
const TICK_MS = 250;
let ticket = "";
window.studio.offer = (html) => (element.innerHTML = html); // where a script put something into the manuscript
let left = 0;
const note = () => element.querySelector(".note");
const leave = () => {
  const line = note();
  if (!line) return;
  if (line.contains(document.activeElement)) document.querySelector("#manuscript textarea")?.focus();
  line.hidden = true;
};
new MutationObserver(() => {
  const line = note();
  if (!line || line.dataset.ticket === ticket) return;
  ticket = line.dataset.ticket;
  left = OFFERED_MS;
  line.hidden = false;
}).observe(element, { attributes: true, childList: true, subtree: true });
setInterval(() => {
  const line = note();
  if (!line || line.hidden || line.matches(":hover, :focus-within")) return;
  left -= TICK_MS;
  if (left <= 0) leave();
}, TICK_MS);
element.addEventListener("click", (event) => event.target.closest("[data-act]") && setTimeout(leave));
document.addEventListener("keydown", (event) => {
  const line = note();
  if (!window.studio.alt(event) || event.code !== "KeyZ" || !line || line.hidden) return;
  event.preventDefault();
  line.querySelector("[data-act=undo]")?.click();
});
