// Keys and dragging on the criteria, and the keyboard's place among them: an update rewrites the rows under it.
const rows = () => [...element.querySelectorAll(".criterion[data-id]")];
const press = (row, selector) => row.querySelector(`${selector}:not(:disabled)`)?.click();

// Keys, where a row or one of its buttons has the focus. A key that is held down acts once.
const KEYS = { l: ["lock"], Delete: ["delete"], "Alt+ArrowUp": ["up"], "Alt+ArrowDown": ["down"], Enter: ["edit"] };
element.addEventListener("keydown", (event) => {
  const row = event.target.closest(".criterion[data-id]");
  if (!row || event.isComposing || event.ctrlKey || event.metaKey || event.target.matches("select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const wish = KEYS[event.altKey ? `Alt+${key}` : key];
  if (!wish || (key === "Enter" && event.target !== row)) return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat || event.altKey) press(row, `[data-key^="${wish}:"]`);
});

// The keyboard's place: which control of which criterion, and how far down, should that criterion be gone.
let held = null;
const place = (node) => {
  const key = node.closest?.("[data-key]")?.dataset.key;
  return key ? { key, at: rows().indexOf(node.closest(".criterion")) } : null;
};
element.addEventListener("focusin", (event) => (held = place(event.target)));
element.addEventListener("focusout", (event) => {
  // An update takes the node away, a user leaves it where it is; which of the two is known a moment later.
  const left = event.target;
  queueMicrotask(() => {
    if (left.isConnected && !element.contains(document.activeElement)) held = null;
  });
});
const usable = (node) => (node && !node.disabled ? node : null);
const again = () => {
  const same = usable(element.querySelector(`[data-key="${CSS.escape(held.key)}"]`));
  if (same) return same.matches("details") ? same.querySelector("summary") : same;
  const kind = held.key.split(":")[0];
  const row = held.at < 0 ? null : rows()[Math.min(held.at, rows().length - 1)];
  if (!row) return usable(element.querySelector('[data-key="add"]'));
  const alike = kind === "delete" ? null : usable(row.querySelector(`[data-key^="${kind}:"]`));
  return alike ?? row; // never the next Delete
};
// What can be taken back stands above the board until it is, or for a while: the board's own updates know nothing of it.
const UNDO_MS = 30_000;
const ANSWERED_MS = 2000;
let undo = null;
const piece = () => JSON.parse(window.studio?.place?.() ?? "{}").piece;
let offered = ""; // the criterion whose way back was taken up here last
const forget = () => {
  clearTimeout(undo?.timer);
  undo?.note.remove();
  undo = null;
};
const keepUndo = () => {
  if (undo && undo.piece !== piece()) forget();
  const offer = element.querySelector(".offer [data-act=undelete]")?.closest(".offer");
  const wish = offer?.querySelector("button").dataset.criterion ?? "";
  if (undo && rows().length > undo.asked) forget(); // it is back
  if (wish === offered) return;
  offered = wish;
  if (!wish) return;
  forget();
  const note = document.createElement("div");
  note.className = "criteria";
  note.setAttribute("role", "status");
  element.before(note);
  note.append(offer.cloneNode(true));
  note.querySelector("button").addEventListener("click", (event) => {
    const button = event.currentTarget;
    trigger("submit", { ...button.dataset });
    undo.asked = rows().length;
    button.disabled = true; // until it is back, or was refused
    setTimeout(() => {
      button.disabled = false;
      if (undo) undo.asked = Infinity; // refused
    }, ANSWERED_MS);
    rows()[0]?.focus();
  });
  undo = { note, piece: piece(), asked: Infinity, timer: setTimeout(forget, UNDO_MS) };
};
element.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || !undo) return;
  event.preventDefault();
  undo.note.querySelector("button").click();
});

// A choice stands until it is answered, whatever else is updated before; one that was refused goes back.
const waiting = new Map();
element.addEventListener("change", ({ target }) => {
  const { key } = target.dataset;
  const choice = { value: target.value };
  waiting.set(key, choice);
  setTimeout(() => {
    if (waiting.get(key) === choice) waiting.delete(key);
    settle();
  }, ANSWERED_MS);
});
const choose = (select) => {
  const told = select.querySelector("option[selected]")?.value;
  const wish = waiting.get(select.dataset.key)?.value;
  if (wish === told) waiting.delete(select.dataset.key);
  const value = wish ?? told; // once chosen by hand, a list does not follow its options any more
  if (value !== undefined && select.value !== value) select.value = value;
};

const settle = () => {
  keepUndo();
  element.querySelectorAll("select[data-act]").forEach(choose);
  const now = document.activeElement;
  if (!held || !(now === document.body || element.contains(now))) return;
  const next = again();
  if (!next || next === now) return;
  next.focus({ preventScroll: true });
  next.closest(".criterion")?.scrollIntoView({ block: "nearest" });
};
new MutationObserver(settle).observe(element, {
  attributes: true,
  attributeFilter: ["data-key", "disabled", "selected"],
  childList: true,
  subtree: true,
});

// Dragging by the handle. Rows are found anew at each move, because an update may have replaced them.
let dragged = null;
const others = () => rows().filter((row) => row.dataset.id !== dragged);
const target = (y) => {
  const below = others().findIndex((row) => {
    const box = row.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  return below < 0 ? others().length : below;
};
const paint = (y) => {
  const to = dragged === null ? -1 : target(y);
  const rest = dragged === null ? [] : others();
  for (const row of rows()) {
    row.classList.toggle("dragged", row.dataset.id === dragged);
    row.classList.toggle("before", row === rest[to]);
    row.classList.toggle("after", to === rest.length && to > 0 && row === rest[to - 1]);
  }
};
const move = (event) => paint(event.clientY);
const end = (event) => {
  const id = dragged;
  const to = event.type === "pointerup" ? target(event.clientY) : -1;
  const from = rows().findIndex((row) => row.dataset.id === id);
  dragged = null;
  paint(0);
  removeEventListener("pointermove", move);
  removeEventListener("pointerup", end);
  removeEventListener("pointercancel", end);
  removeEventListener("keydown", cancel, true);
  if (to >= 0 && from >= 0 && to !== from) trigger("submit", { act: "move", id, to });
};
const cancel = (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // elsewhere on the page it stops a run
  end(event);
};
element.addEventListener("pointerdown", (event) => {
  const row = event.target.closest(".grip")?.closest(".criterion[data-id]");
  if (!row || event.button !== 0) return;
  event.preventDefault();
  dragged = row.dataset.id;
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
  addEventListener("keydown", cancel, true);
  paint(event.clientY);
});
