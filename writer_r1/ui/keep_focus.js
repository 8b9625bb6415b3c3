// An update replaces what is inside a board; whoever stood on one of its buttons stands on the same one afterwards.
let standing = null;
element.addEventListener("focusin", (event) => {
  standing = event.target.closest("[data-key]")?.dataset.key ?? null;
});
element.addEventListener("focusout", (event) => {
  if (event.relatedTarget) standing = null;
});
document.addEventListener("pointerdown", (event) => {
  if (!element.contains(event.target)) standing = null;
});
new MutationObserver(() => {
  if (!standing || document.activeElement !== document.body) return;
  element.querySelector(`[data-key="${CSS.escape(standing)}"]`)?.focus({ preventScroll: true });
}).observe(element, { childList: true, subtree: true });
