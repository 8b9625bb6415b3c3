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

// Wishes may overtake each other on their way; keys on a choice follow so fast that only the one it rests on is sent.
const SETTLED_MS = 150;
const settling = new Map();
element.addEventListener("change", (event) => {
  const field = event.target;
  if (!field.matches("select[data-act], input[data-act][type=checkbox]")) return;
  const control = JSON.stringify(field.dataset);
  const wish = { value: field.type === "checkbox" ? field.checked : field.value };
  clearTimeout(settling.get(control));
  settling.set(control, setTimeout(() => (settling.delete(control), ask(field, wish)), SETTLED_MS));
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

// A form that the studio answers stays open until it does: what it refuses is still there to be put right.
const PATIENCE_MS = 8000;
const ANSWERS = "#answer, #train-answer";
const hear = (dialog, form, wish) => {
  const said = form.querySelector(".refusal");
  const send = form.querySelector("[type=submit]");
  const ticket = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const finish = (sentence) => {
    clearTimeout(late);
    watch.disconnect();
    send.disabled = false;
    if (sentence === "") return dialog.close();
    Object.assign(said, { hidden: false, textContent: sentence });
    send.focus();
  };
  const answers = document.querySelectorAll(ANSWERS);
  const look = () => {
    const answer = document.querySelector(`:is(${ANSWERS}) [data-ticket="${ticket}"]`);
    if (answer) finish(answer.textContent);
  };
  const watch = new MutationObserver(look);
  for (const place of answers) watch.observe(place, { attributes: true, characterData: true, childList: true, subtree: true });
  const late = setTimeout(() => finish("The studio has not answered; what you typed is still here. Try again."), PATIENCE_MS);
  dialog.addEventListener("close", () => (clearTimeout(late), watch.disconnect()));
  send.disabled = true;
  said.hidden = true;
  ask(form, { ...wish, ticket });
};

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
  const given = () => (form ? Object.fromEntries(new FormData(form)) : {});
  const blank = JSON.stringify(given());
  const outside = ({ clientX: x, clientY: y }) => {
    const box = dialog.getBoundingClientRect();
    return x < box.left || x > box.right || y < box.top || y > box.bottom;
  };
  let pressedOutside = false; // a selection that ends outside does not close it, nor does a slip once something is typed
  dialog.addEventListener("pointerdown", (event) => (pressedOutside = outside(event)));
  dialog.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (pressed?.hasAttribute("data-close")) dialog.close();
    else if (event.target === dialog && pressedOutside && outside(event) && JSON.stringify(given()) === blank) dialog.close();
    else if (pressed?.dataset.act && pressed.type !== "submit") {
      ask(pressed, fill);
      dialog.close();
    }
  });
  form?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const wish = { ...fill, ...given() };
    if ("answered" in form.dataset && document.querySelector(ANSWERS)) return hear(dialog, form, wish);
    ask(form, wish);
    dialog.close();
  });
  const openers = () => [...element.querySelectorAll(`button[data-dialog="${CSS.escape(button.dataset.dialog)}"]`)];
  const at = openers().indexOf(button);
  dialog.addEventListener("close", () => {
    dialog.remove();
    (button.isConnected ? button : (openers()[at] ?? openers()[0]))?.focus();
  });
  (document.querySelector(".gradio-container") ?? document.body).append(dialog);
  dialog.showModal();
  dialog.querySelector("[autofocus], input:not([type=hidden]), textarea, button")?.focus();
};
