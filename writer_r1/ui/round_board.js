// What the reader opened, chose, scrolled to or marked on the round board -> kept over updates, which replace its content.
// Listeners sit on `element`; details[data-key] are kept open by studio.js.
const state = { run: "", view: "all", only: false, all: "text", words: {}, tops: {}, left: 0, focus: "", quote: null };
const board = () => element.querySelector(".round-board");
const cards = () => [...element.querySelectorAll(".round-card")];
const card = (n) => element.querySelector(`.round-card[data-attempt="${CSS.escape(n)}"]`);
const press = (buttons, chosen) => {
  for (const button of buttons) button.setAttribute("aria-pressed", String(chosen(button)));
};

const go = (node) => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node?.focus({ preventScroll: true });
  node?.scrollIntoView({ behavior: calm ? "instant" : "smooth", block: "nearest", inline: "nearest" });
};

// Where an element stands on the board, in words that find its successor after an update.
const place = (node) => {
  const inside = node.closest(".round-card");
  const at = inside ? `.round-card[data-attempt="${inside.dataset.attempt}"]` : "";
  if (node === inside) return at;
  const key = node.closest("details[data-key]")?.dataset.key;
  const opened = key ? ` details[data-key="${CSS.escape(key)}"]` : "";
  if (node.matches("summary")) return `${at}${opened} > summary`;
  for (const name of ["show", "words", "act", "only", "quote", "go", "review"]) {
    if (name in node.dataset) return `${at}${opened} [data-${name}="${CSS.escape(node.dataset[name])}"]`;
  }
  if (node.matches(".as-changes")) return `${at} .as-changes`;
  return node.matches(".text") ? `${at} .text` : "";
};

const chosen = (node) => (node.querySelector(".as-changes") ? (state.words[node.dataset.attempt] ?? state.all) : "text");

// The board comes in parts: a frame around the columns, the columns, the end of the frame. What differs from it since is
// laid over it. Only what changed is drawn, because a board of long texts costs more than one update may take.
const PART = "<!--part-->";
const SAME = "=";
const sent = { name: "", parts: [] };
const since = { name: "", parts: [] };
const drawn = { frame: "", columns: [] };
const nodeOf = (html) => document.createRange().createContextualFragment(html).firstElementChild;
const parted = (told) => {
  const [name, ...parts] = told ? told.split(PART) : [""];
  return { name, parts };
};
const latest = () => {
  const last = since.parts.length - 1;
  if (last < 0 || since.name !== sent.name) return sent.parts;
  return since.parts.map((html, i) => (html !== SAME ? html : i === last ? sent.parts.at(-1) : sent.parts[i]));
};
const strip = () => element.querySelector(".round-strip");
const AGAIN_MS = 200;
let later = 0;
const listIsOpen = () => CSS.supports("selector(:open)") && element.querySelector("select:open");
const draw = () => {
  clearTimeout(later);
  if (listIsOpen()) {
    later = setTimeout(draw, AGAIN_MS); // it would close under the reader's hand
    return;
  }
  const [opening = "", ...columns] = latest();
  const frame = opening + (columns.pop() ?? "");
  const isNew = frame !== drawn.frame;
  if (isNew) {
    const kept = [...(strip()?.children ?? [])];
    element.innerHTML = frame;
    strip()?.append(...kept);
    drawn.frame = frame;
  }
  const wanted = columns.filter(Boolean);
  const old = [...(strip()?.children ?? [])];
  const fresh = [];
  for (const [i, html] of wanted.entries()) {
    if (old[i] && html === drawn.columns[i]) continue;
    const node = nodeOf(html);
    if (old[i]) old[i].replaceWith(node);
    else strip().append(node);
    fresh.push(node);
  }
  for (const gone of old.slice(wanted.length)) gone.remove();
  drawn.columns = wanted;
  if (isNew) settle();
  else if (fresh.length) again(fresh.filter((node) => node.matches(".round-card")));
};

// A score stands as it was chosen until the studio has answered, whatever is drawn before; a refused one goes back.
const ANSWERED_MS = 4000;
const waiting = new Map();
const choose = (select) => {
  const at = place(select);
  const told = select.querySelector("option[selected]").value;
  const wish = waiting.get(at)?.value;
  if (wish === told) waiting.delete(at);
  select.value = wish ?? told;
};
element.addEventListener("change", ({ target }) => {
  if (!target.matches("select[data-act]")) return;
  const at = place(target);
  const choice = { value: target.value };
  waiting.set(at, choice);
  setTimeout(() => {
    if (waiting.get(at) !== choice) return;
    waiting.delete(at);
    element.querySelectorAll("select[data-act]").forEach(choose);
  }, ANSWERED_MS);
});

// What the reader chose is put on the cards, and whoever stood on one that was drawn anew stands on it again.
const dress = (node) => {
  const shows = chosen(node);
  node.dataset.words = shows;
  press(node.querySelectorAll("[data-words][aria-pressed]"), (button) => button.dataset.words === shows);
  for (const text of node.querySelectorAll(".text")) {
    const top = state.tops[place(text)]; // asking where a text stands has the page laid out, so only where one moved
    if (top && text.scrollTop !== top) text.scrollTop = top;
  }
  if (waiting.size) node.querySelectorAll("select[data-act]").forEach(choose);
};
const again = (nodes) => {
  nodes.forEach(dress);
  const stood = state.focus && document.activeElement === document.body ? element.querySelector(state.focus) : null;
  const around = stood?.matches("summary") ? null : stood?.closest("details");
  if (around) around.open = true; // it was, and what is folded away takes no focus
  stood?.focus({ preventScroll: true });
  mark(false);
};
const settle = () => {
  const now = board();
  if (!now) return again([]); // a thought as it comes
  if (now.dataset.run !== state.run) {
    Object.assign(state, { run: now.dataset.run, words: {}, tops: {}, left: 0, focus: "", quote: null });
    waiting.clear();
    unmark();
  }
  now.dataset.view = state.view;
  now.toggleAttribute("data-only-changed", state.only);
  now.querySelector("[data-only]").checked = state.only;
  press(now.querySelectorAll("[data-show]"), (button) => button.dataset.show === state.view);
  if (state.left && strip().scrollLeft !== state.left) strip().scrollTo({ left: state.left, behavior: "instant" });
  again(cards());
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show], button[data-words], [data-quote], [data-go]");
  if (!button) return;
  if (button.dataset.go) return go(card(button.dataset.go));
  const { show, words, quote } = button.dataset;
  const n = button.closest(".round-card")?.dataset.attempt;
  if (show) {
    state.view = show;
    if (show === "text" || show === "changes") Object.assign(state, { all: show, words: {} });
  } else if (words) {
    state.words[n] = words;
  } else {
    state.quote = { n, quote };
    state.words[n] = "text";
    if (state.view !== "text") state.view = "all";
  }
  settle();
  if (quote) mark(true);
});

element.addEventListener("change", (event) => {
  if (!event.target.matches("[data-only]")) return;
  state.only = event.target.checked;
  settle();
});

element.addEventListener(
  "scroll",
  ({ target }) => {
    if (!target.isConnected) return;
    if (target.matches(".round-strip")) state.left = target.scrollLeft;
    else if (target.matches(".text")) state.tops[place(target)] = target.scrollTop;
  },
  true,
);

element.addEventListener("focusin", (event) => {
  state.focus = place(event.target);
});
document.addEventListener("pointerdown", (event) => {
  if (!element.contains(event.target)) state.focus = "";
});
document.addEventListener("focusin", (event) => {
  if (!element.contains(event.target)) state.focus = "";
});

element.addEventListener("keydown", (event) => {
  if ((event.key !== "[" && event.key !== "]") || !board() || event.isComposing) return;
  event.preventDefault();
  const all = cards();
  const here = all.indexOf(event.target.closest(".round-card"));
  go(all[event.key === "]" ? Math.min(here + 1, all.length - 1) : Math.max(here - 1, 0)]);
});

// White space, case and the marks around a quote do not count, as they do not for the judge.
const range = (text, quote) => {
  let flat = "";
  const spots = [];
  const add = (letter, node, offset) => {
    if (/\s/.test(letter) && (flat === "" || flat.endsWith(" "))) return;
    for (const unit of (/\s/.test(letter) ? " " : letter.toLowerCase()).split("")) {
      flat += unit;
      spots.push([node, offset]);
    }
  };
  const nodes = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let last = null;
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    if (last && node.parentElement !== last) add(" ", node, 0);
    last = node.parentElement;
    for (let i = 0; i < node.data.length; i++) add(node.data[i], node, i);
  }
  const wanted = quote.split(/\s+/).join(" ").replace(/^[ .,;:!?…'"]+|[ .,;:!?…'"]+$/g, "").toLowerCase();
  const at = wanted ? flat.indexOf(wanted) : -1;
  if (at < 0) return null;
  const found = document.createRange();
  const [end, offset] = spots[at + wanted.length - 1];
  found.setStart(...spots[at]);
  found.setEnd(end, offset + 1);
  return found;
};

const unmark = () => CSS.highlights?.has("quote") && CSS.highlights.delete("quote"); // even for nothing, it costs
const mark = (scroll) => {
  const text = state.quote && card(state.quote.n)?.querySelector(".as-text");
  const found = text && range(text, state.quote.quote);
  if (!found) return unmark();
  if (CSS.highlights) CSS.highlights.set("quote", new Highlight(found));
  else if (scroll) getSelection().setBaseAndExtent(found.startContainer, found.startOffset, found.endContainer, found.endOffset);
  if (!scroll) return;
  text.scrollIntoView({ behavior: "instant", block: "nearest", inline: "nearest" });
  const words = found.getBoundingClientRect();
  const box = text.getBoundingClientRect();
  text.scrollTop += words.top - box.top - box.height / 3;
};

let due = false; // both may come at once
const take = (place, told) => {
  Object.assign(place, parted(told));
  if (!due) {
    queueMicrotask(() => {
      due = false;
      draw();
    });
  }
  due = true;
};
watch("value", () => take(sent, props.value));
addEventListener("studio:rounds", ({ detail }) => take(since, detail));
take(sent, props.value);
