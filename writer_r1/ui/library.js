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
