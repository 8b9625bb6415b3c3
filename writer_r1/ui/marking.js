// What is marked in the manuscript -> the toolbar under it: other ways to say it, a way on from the caret, protection.
// The toolbar stands under the box. While words are marked and it cannot be seen there, it stands at that edge of the
// window which is away from them; as soon as one types nothing is marked any more, and it is back under the box.
const AROUND = 2000; // characters kept on each side of what is marked
const box = () => document.querySelector("#manuscript textarea");
const find = (selector) => element.querySelector(selector);
let used = false; // the caret was put where it is by hand; else the text goes on at its end
let count = 0; // protected passages

const marked = () => {
  const field = box();
  if (!field) return { text: "", before: "", after: "" };
  const [start, end] = used ? [field.selectionStart, field.selectionEnd] : [field.value.length, field.value.length];
  const part = (from, to) => field.value.slice(from, to);
  return { text: part(start, end), before: part(Math.max(0, start - AROUND), start), after: part(end, end + AROUND) };
};
const caret = () => {
  const { text, before, after } = marked();
  return { text: "", before: (before + text).slice(-AROUND), after };
};

// Where the toolbar stands
let seen = {}; // the line that was looked for last: a long text is not laid out again at each step of scrolling
const lineOf = (field, at) => {
  const now = { at, width: field.offsetWidth, value: field.value };
  if (seen.at !== at || seen.width !== now.width || seen.value !== now.value) seen = { ...now, top: topOf(field, at) };
  return field.getBoundingClientRect().top + seen.top - field.scrollTop;
};
const topOf = (field, at) => {
  const mirror = document.createElement("div");
  const style = getComputedStyle(field);
  for (const name of ["font", "letterSpacing", "padding", "border", "lineHeight", "tabSize"]) mirror.style[name] = style[name];
  Object.assign(mirror.style, { position: "absolute", visibility: "hidden", whiteSpace: "pre-wrap", overflowWrap: "break-word" });
  Object.assign(mirror.style, { boxSizing: "border-box", width: `${field.offsetWidth}px`, top: 0 });
  mirror.textContent = field.value.slice(0, at);
  const end = mirror.appendChild(document.createElement("span"));
  end.textContent = "\u200b";
  document.body.append(mirror);
  const top = end.offsetTop;
  mirror.remove();
  return top;
};
const float = (field, has) => {
  const bar = find(".marking");
  const home = element.getBoundingClientRect();
  const actions = document.querySelector("#actions").getBoundingClientRect();
  const [top, bottom] = actions.top > innerHeight / 2 ? [0, innerHeight - actions.top] : [Math.max(0, actions.bottom), 0];
  const out = has && (home.top < top || home.top + bar.offsetHeight > innerHeight - bottom);
  const line = out ? lineOf(field, field.selectionEnd) : 0;
  const away = out && line > top && line < innerHeight - bottom; // what is marked can be seen, the toolbar cannot
  element.style.minHeight = away ? `${home.height}px` : "";
  const low = away && line < innerHeight / 2;
  bar.dataset.at = away ? (low ? "bottom" : "top") : "";
  bar.style.inset = away ? (low ? `auto ${innerWidth - home.right}px ${bottom}px ${home.left}px` : `${top}px ${innerWidth - home.right}px auto ${home.left}px`) : "";
};
const settle = () => {
  const field = box();
  if (!field || !find(".marking")) return;
  const { text, before } = marked();
  const has = Boolean(text.trim());
  for (const name of ["others", "protect"]) find(`[data-do=${name}]`).disabled = !has;
  find("[data-do=onward]").disabled = !(before + text).trim();
  const here = document.activeElement === field || element.contains(document.activeElement);
  float(field, has && here);
};

const look = () => {
  if (document.activeElement === box()) used = true;
  settle();
};

// What the studio is asked
const refuse = (sentence) => Object.assign(find(".refusal"), { hidden: !sentence, textContent: sentence });
const ask = async (call, words, more = {}) => {
  refuse("");
  const place = JSON.parse(await window.studio.flush());
  if (!place.piece) return refuse("Your text could not be saved yet; try again in a moment."), null;
  const told = await call({ ...words, ...more, piece: place.piece, base: place.base }).catch(() => null);
  if (told && !told.error) return told;
  refuse(told?.error ?? "The studio is not answering. Your text is safe in this browser.");
  return null;
};
const begin = async (words, direction = "") => {
  const told = await ask(server.begin, words, { direction });
  if (!told) return;
  close();
  window.studio.say(words.text ? "Three other ways are being written." : "Three ways on are being written.");
  dispatchEvent(new CustomEvent("studio:passage"));
};
let drawn = ""; // what the studio sent: read back from the page it is spelled otherwise, and a fold may be closed by now
const list = (told) => {
  count = told.count ?? 0;
  if (drawn !== told.html) find(".protections").innerHTML = drawn = told.html;
};
const listed = async () => {
  const { piece } = JSON.parse(window.studio.place());
  const told = await server.protected({ piece: piece ?? "" }).catch(() => null);
  if (told && !told.error) list(told);
};
const protect = async (call, words) => {
  const told = await ask(call, words);
  if (!told) return;
  list(told);
  window.studio.say(told.said);
};
const form = () => find(".direction");
const open = () => {
  refuse("");
  form().hidden = false;
  form().elements.direction.focus();
};
const close = () => {
  form().hidden = true;
  form().reset();
};
const ACTS = {
  others: () => begin(marked()),
  onward: open,
  protect: () => protect(server.protect, marked()),
  cancel: () => (close(), box().focus()),
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]:not(:disabled)");
  if (button?.dataset.do === "unprotect") {
    protect(server.unprotect, { id: button.dataset.id }).then(() => (find(".protections button") ?? box()).focus());
  } else if (button) ACTS[button.dataset.do]?.();
});
element.addEventListener("submit", () => begin(caret(), form().elements.direction.value));
element.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || form().hidden || !form().contains(event.target)) return;
  event.stopPropagation(); // else a run is stopped
  ACTS.cancel();
});
const KEYS = { KeyW: "others", KeyC: "onward", KeyP: "protect" };
document.addEventListener("keydown", (event) => {
  const act = window.studio.alt(event) ? KEYS[event.code] : "";
  if (act) look(); // the browser tells of a new mark a moment later
  const button = act && element.offsetParent ? find(`[data-do=${act}]:not(:disabled)`) : null;
  if (!button || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  button.click();
});
// Whoever presses something elsewhere presses it before the toolbar goes back: nothing moves away under a finger.
const RELEASED_MS = 250;
for (const name of ["selectionchange", "focusin", "pointerdown"]) {
  document.addEventListener(name, ({ target }) => {
    if (name !== "pointerdown" && (document.activeElement === box() || element.contains(target))) look();
    else setTimeout(look, RELEASED_MS);
  });
}
addEventListener("scroll", settle, { passive: true });
addEventListener("resize", settle);
document.addEventListener("input", ({ target }) => target === box() && (refuse(""), settle()));
addEventListener("studio:opened", () => {
  used = document.activeElement === box();
  settle();
  listed();
});
addEventListener("studio:saved", () => count && listed());
setTimeout(listed, 300); // a page that was opened before this script
