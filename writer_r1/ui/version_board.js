// The list of versions is asked for when it is opened, and again after a save while it is open. Nothing is asked while
// somebody types: the next save asks.
const QUIET_MS = 700;
const opened = () => element.querySelector("details.versions")?.open;
const rounds = () => document.querySelector("#rounds .round-board");
const here = () => ({
  revision: element.querySelector('.step[aria-expanded="true"]')?.closest("li").dataset.revision ?? "",
  shown: element.querySelector(".more")?.dataset.shown ?? "",
  edited: rounds()?.dataset.edited ?? "",
});

element.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (details?.classList.contains("versions") && !details.open) trigger("submit", { act: "list" });
});

let soon = 0;
addEventListener("studio:saved", () => {
  clearTimeout(soon);
  soon = setTimeout(() => (opened() || rounds()) && trigger("submit", { act: "refresh", open: opened() ? "yes" : "", ...here() }), QUIET_MS);
});
document.addEventListener("input", () => clearTimeout(soon));
addEventListener("studio:opened", () => opened() && trigger("submit", { act: "list" }));

// What was pressed is drawn anew: the focus stays on the same version.
let wanted = "";
element.addEventListener("click", (event) => {
  const step = event.target.closest(".step");
  if (step) wanted = step.closest("li").dataset.revision;
});
new MutationObserver(() => {
  if (!wanted || (document.activeElement !== document.body && element.contains(document.activeElement))) return;
  if (document.activeElement === document.body) element.querySelector(`li[data-revision="${CSS.escape(wanted)}"] .step`)?.focus();
  wanted = "";
}).observe(element, { childList: true, subtree: true });
