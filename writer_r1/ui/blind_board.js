// 1, 2 and 0 choose while the pair is in sight; after a choice the way on has the focus, and after that the request.
const inSight = () => {
  const row = element.querySelector(".choices");
  const box = row?.getBoundingClientRect();
  return Boolean(box?.height) && box.top < innerHeight && box.bottom > 0;
};
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const button = element.querySelector(`[data-choice="${CSS.escape(event.key)}"]`);
  if (!button || !inSight()) return;
  event.preventDefault();
  button.click();
});
let next = "";
element.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  next = { choose: "[data-key=blind-next]", next: ".asked", out: "[data-key=blind-next]" }[act] ?? "";
});
new MutationObserver(() => {
  const found = next && element.querySelector(next);
  if (!found || (next === ".asked" && element.querySelector("[data-key=blind-next]"))) return;
  next = "";
  found.focus({ preventScroll: true });
  const top = element.querySelector(".asked")?.getBoundingClientRect().top ?? 0;
  if (found.matches(".asked") && top < 0) found.scrollIntoView({ block: "start" }); // a long pair was read to its end
}).observe(element, { childList: true, subtree: true });
// “Compare blind” may be pressed far below, or while it lies open already.
const PATIENCE = 8000;
let asked = 0;
const arrive = () => {
  if (Date.now() - asked > PATIENCE || !element.querySelector(".blind")) return;
  asked = 0;
  element.scrollIntoView({ block: "start" });
  element.querySelector("h2").focus({ preventScroll: true });
};
document.addEventListener("click", ({ target }) => {
  if (!target.closest?.("[data-act=blind]")) return;
  asked = Date.now();
  setTimeout(arrive, 1000); // what is open already does not change
});
new MutationObserver(arrive).observe(element, { childList: true, subtree: true });
