// Clicks, choices and forms inside a board -> what was asked, to Python. Listeners sit on `element`, whose content is
// replaced at every update; dialogs stand outside it, so that nothing typed in one is lost to an update.
const ask = (from, more = {}) => trigger("submit", { ...from.dataset, ...more });
const enabled = (control) => !control.disabled && control.getAttribute("aria-disabled") !== "true";

element.addEventListener("click", (event) => {
  const button = event.target.closest("button, [role=button], a[data-act]");
  if (!button || !element.contains(button) || !enabled(button)) return;
  if (button.dataset.dialog) openDialog(button);
  else if (button.dataset.act) ask(button);
});

element.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches("select[data-act], input[data-act][type=checkbox]")) {
    ask(field, { value: field.type === "checkbox" ? field.checked : field.value });
  }
});

let typing = 0;
element.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.matches("input[data-act][type=search]")) return;
  clearTimeout(typing);
  typing = setTimeout(() => ask(field, { value: field.value }), 250);
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.dataset.act) ask(event.target, Object.fromEntries(new FormData(event.target)));
});

const openDialog = (button) => {
  const template = element.querySelector(`template[data-dialog="${CSS.escape(button.dataset.dialog)}"]`);
  if (!template) return;
  const dialog = document.createElement("dialog");
  dialog.className = "asking";
  dialog.append(template.content.cloneNode(true));
  const form = dialog.querySelector("form");
  const fill = JSON.parse(button.dataset.fill ?? "{}");
  for (const [name, value] of Object.entries(fill)) {
    const field = form?.elements[name];
    if (field) field.value = value;
    for (const place of dialog.querySelectorAll(`[data-fill="${CSS.escape(name)}"]`)) place.textContent = value;
  }
  dialog.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (event.target === dialog || pressed?.hasAttribute("data-close")) dialog.close();
    else if (pressed?.dataset.act && pressed.type !== "submit") {
      ask(pressed, fill);
      dialog.close();
    }
  });
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form, { ...fill, ...Object.fromEntries(new FormData(form)) });
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    const again = button.isConnected ? button : element.querySelector(`[data-dialog="${CSS.escape(button.dataset.dialog)}"]`);
    again?.focus();
  });
  (document.querySelector(".gradio-container") ?? document.body).append(dialog);
  dialog.showModal();
  dialog.querySelector("[autofocus], input:not([type=hidden]), textarea, button")?.focus();
};
