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
// “Compare blind” may be pressed far from here.
let opened = false;
document.addEventListener("click", ({ target }) => target.closest?.("[data-act=blind]") && (opened = true));
new MutationObserver(() => {
  if (!opened || !element.querySelector(".blind")) return;
  opened = false;
  element.scrollIntoView({ block: "start" });
  element.querySelector("h2")?.focus({ preventScroll: true });
}).observe(element, { childList: true, subtree: true });
