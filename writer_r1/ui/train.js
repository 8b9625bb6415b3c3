// A line of the checklist that is to be put right leads to the field where that can be done.
const PLACES = {
  data: "#train-data input:checked",
  start: "#train-start-with input",
  reward: "#train-reward input:checked",
  name: "#train-name :is(input, textarea)",
  numbers: "#train-numbers",
  runs: "#train-run",
};
element.addEventListener("click", (event) => {
  const place = PLACES[event.target.closest("[data-goto]")?.dataset.goto];
  const found = place && document.querySelector(place);
  if (!found) return;
  found.scrollIntoView({ block: "center" });
  const fold = found.matches("#train-numbers") ? found.querySelector("button") : null;
  if (fold && !fold.classList.contains("open")) fold.click();
  (fold ?? found).focus({ preventScroll: true });
});
// What fills the form leads to it.
document.addEventListener("click", ({ target }) => {
  if (!target.closest?.("#train-run :is([data-act=again], [data-act=smaller], [data-act=onward]), #train-material :is([data-act=learn], [data-act=practise])")) return;
  document.querySelector("#train-new")?.scrollIntoView({ block: "start" });
});
