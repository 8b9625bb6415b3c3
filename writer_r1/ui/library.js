// A piece that was deleted leaves its row to another: the keyboard goes to the way back, never to the next Delete.
const way = () => element.querySelector(".undo button");
let before = null;
element.addEventListener("click", ({ target }) => target.closest("[data-act=delete]") && (before = { piece: way()?.dataset.piece }));
element.addEventListener("keydown", (event) => event.repeat && ["Enter", " "].includes(event.key) && event.target.closest("[data-act=delete]") && event.preventDefault());
new MutationObserver(() => {
  if (!before || !way() || way().dataset.piece === before.piece) return;
  before = null;
  if (document.activeElement === document.body || element.contains(document.activeElement)) way().focus();
}).observe(element, { attributes: true, childList: true, subtree: true });

// What is looked for is forgotten where something else is shown than what was found.
const forget = () => {
  const field = element.querySelector("input[type=search]");
  if (!field?.value || field === document.activeElement) return;
  field.value = "";
  refresh();
};
addEventListener("studio:opened", forget);
document.addEventListener("click", ({ target }) => target.closest?.("#start, #judge, .shelf .new") && forget());

// The sidebar follows what happens beside it: a piece saved for the first time, a session that began or ended.
const refresh = () => {
  const value = element.querySelector("input[type=search]")?.value ?? "";
  trigger("submit", { act: "refresh", value, shown: element.querySelector(".kept")?.dataset.shown ?? "" });
};
addEventListener("studio:refresh", refresh);
let phase = "";
new MutationObserver(() => {
  const now = document.querySelector("#phase .phase")?.className ?? "";
  if (phase && now && now !== phase) refresh();
  phase = now || phase;
}).observe(document.querySelector("#phase") ?? document.body, { attributes: true, childList: true, subtree: true });
addEventListener("studio:open", (event) => trigger("submit", { act: "open", ...event.detail }));
