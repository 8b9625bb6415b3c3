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

// What was pressed is drawn anew: the focus stays on the same version, or goes to the one that stands here now.
let wanted = "";
element.addEventListener("click", (event) => {
  const pressed = event.target.closest(".step, [data-act=restore]");
  const row = pressed?.closest("li").dataset.revision;
  if (pressed) wanted = pressed.matches(".step") ? `li[data-revision="${CSS.escape(row)}"] .step` : ".now .step";
});
new MutationObserver(() => {
  if (!wanted) return;
  if (document.activeElement === document.body) element.querySelector(wanted)?.focus();
  wanted = "";
}).observe(element, { childList: true, subtree: true });
