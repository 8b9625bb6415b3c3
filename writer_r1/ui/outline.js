// The manuscript's outline: its chapters and scenes with their words, the way to each of them, which one is worked on,
// and finding words in it. All of it is read here from the box (`scenes.js`); no key waits for the studio.
const LOOK_MS = 400; // after the last key
const LONG = 20_000; // characters from which on the box keeps one height: fitting it would lay out all of it at each key
const SEARCHABLE = 3_000; // characters from which on one may want to search
const WHOLE = 1_500; // words up to which the whole text is worked on unless a scene is chosen
const READ = 5_300; // words that a model reads at once beside what it is asked (8,192 tokens)
const CARETS = "writer-r1.carets";
const KEPT = 50; // pieces whose place of the caret is remembered

const box = () => document.querySelector("#manuscript textarea");
const piece = () => document.querySelector("#piece [data-piece]")?.dataset.piece ?? "";
const find = (selector) => element.querySelector(selector);
const number = (n) => n.toLocaleString("en");
const counted = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
const safe = (text) => Object.assign(document.createElement("i"), { textContent: text }).innerHTML.replaceAll('"', "&quot;");

const label = (scene, of = now.chapters) => {
  const chapter = of[scene.chapter];
  const title = chapter.title || (of.length > 1 ? "Before the first heading" : "");
  const many = chapter.scenes.length > 1 ? `scene ${scene.number} of ${chapter.scenes.length}` : "";
  const said = [title, scene.name || many].filter(Boolean).join(", ");
  return said ? said[0].toUpperCase() + said.slice(1) : "The whole text";
};

// What is known
const now = { text: "", chapters: [], scenes: [], open: 0, words: 0, whole: null };
let counts = new Map(); // of each scene's words, so that only what changed is counted again
const recount = () => {
  const known = new Map();
  for (const scene of now.scenes) {
    const text = now.text.slice(scene.start, scene.end);
    scene.words = counts.get(text) ?? window.studio.words(text);
    known.set(text, scene.words);
  }
  counts = known;
  now.words = now.scenes.reduce((sum, scene) => sum + scene.words, 0);
};
const whole = () => now.scenes.length < 2 || (now.whole ?? now.words <= WHOLE);
const sceneAt = (at) => {
  const n = Math.max(0, now.scenes.findLastIndex((scene) => scene.from <= at));
  return at >= now.scenes[n]?.until && now.scenes[n + 1] ? n + 1 : n; // a heading belongs to what follows it
};
let standing = 0; // a timer: the caret was moved, and where it stands is not looked at yet
window.studio.part = () => {
  look();
  if (standing) stand(box().selectionStart);
  if (whole()) return null;
  const { start, end } = now.scenes[now.open];
  return { start, text: now.text.slice(start, end) };
};

// What is shown
const look = () => {
  const text = box()?.value ?? "";
  if (text === now.text) return;
  Object.assign(now, { text, chapters: window.studio.chapters(text) });
  now.scenes = now.chapters.flatMap((chapter) => chapter.scenes);
  now.open = Math.min(now.open, Math.max(0, now.scenes.length - 1));
  recount();
  document.querySelector("#manuscript")?.classList.toggle("long", text.length > LONG);
  draw();
};
const row = (start, scene, name, words, kind) => {
  const at = scene === null ? "" : ` data-scene="${scene}"`;
  return `<li class="${kind}"><button type="button" data-at="${start}"${at} tabindex="-1"><span class="name" dir="auto">${safe(name)}</span>
    <small>${number(words)}</small></button></li>`;
};
const rows = () => {
  let n = 0;
  return now.chapters.map(({ title, start, scenes }) => {
    const words = scenes.reduce((sum, scene) => sum + scene.words, 0);
    const first = n;
    n += scenes.length;
    const only = scenes.length === 1 ? first : null;
    const head = row(start, only, title || (now.chapters.length > 1 ? "Before the first heading" : "Scenes"), words, "chapter");
    if (scenes.length < 2) return head;
    return head + scenes.map((scene, i) => row(scene.start, first + i, scene.name || `Scene ${i + 1}`, scene.words, "scene")).join("");
  });
};
let drawn = "";
const draw = () => {
  const many = now.scenes.length > 1 || now.chapters.length > 1;
  const list = many ? rows().join("") : "";
  find(".plan").hidden = !many && now.text.length < SEARCHABLE;
  find(".outline").hidden = !many;
  find(".finding").hidden = now.text.length < SEARCHABLE;
  if (list !== drawn) {
    const held = element.contains(document.activeElement) ? document.activeElement.dataset.at : undefined;
    find(".parts").innerHTML = drawn = list;
    find("summary").textContent = `Outline: ${counted(now.chapters.length, "chapter")}, ${counted(now.scenes.length, "scene")}`;
    if (held) (find(`.parts [data-at="${held}"]`) ?? find(".parts button"))?.focus();
  }
  mark();
};
const mark = () => {
  const scene = now.scenes[now.open];
  const part = find(".scope");
  part.hidden = now.scenes.length < 2 && now.words <= READ;
  if (scene) {
    const [here, all] = part.querySelectorAll("button");
    here.hidden = all.hidden = now.scenes.length < 2;
    here.textContent = `${label(scene)} · ${counted(scene.words, "word")}`;
    all.textContent = `Whole text · ${counted(now.words, "word")}`;
    all.disabled = now.words > READ;
    here.setAttribute("aria-pressed", String(!whole()));
    all.setAttribute("aria-pressed", String(whole()));
    part.querySelector(".works").textContent = now.scenes.length < 2
      ? `One part of ${counted(now.words, "word")} is more than a model reads at once. Put a heading (# Chapter 1) or *** between its scenes to work on one of them.`
      : "Start writes anew, and “Judge my text” judges and revises:";
    part.querySelector(".why").textContent = all.hidden || !all.disabled ? "" : "The whole text is too long to be worked on at once; the model is given the rest as a summary.";
  }
  const places = [...element.querySelectorAll(".parts button")];
  const current = find(`.parts [data-scene="${now.open}"]`);
  const list = find(".parts");
  const top = current?.parentElement.offsetTop ?? 0;
  const seen = top >= list.scrollTop && top + 40 <= list.scrollTop + list.clientHeight;
  if (!seen && !list.contains(document.activeElement)) list.scrollTop = top - 60;
  for (const place of places) {
    place.ariaCurrent = place === current ? "true" : null;
    if (!element.contains(document.activeElement) || !places.includes(document.activeElement)) place.tabIndex = place === (current ?? places[0]) ? 0 : -1;
  }
};
element.innerHTML = `<section class="plan" aria-label="Outline" hidden><div class="scope" role="group" aria-label="What is worked on" hidden><span class="works"></span>
  <button type="button" data-whole="" aria-pressed="true"></button><button type="button" data-whole="1" aria-pressed="false"></button>
  <span class="why quiet"></span></div>
  <details class="outline" hidden><summary></summary><ol class="parts" aria-label="Chapters and scenes, with their words"></ol></details>
  <div class="finding" role="search" hidden><label><span class="unseen">Find in your manuscript</span>
  <input type="search" placeholder="Find in your manuscript" autocomplete="off" aria-keyshortcuts="Control+F"></label>
  <button type="button" data-step="-1" title="Previous (Shift+F3)" aria-label="Previous" disabled>‹</button>
  <button type="button" data-step="1" title="Next (F3)" aria-label="Next" disabled>›</button>
  <span class="found quiet"></span></div></section>`;
find(".outline").open = matchMedia("(min-width: 1100px)").matches;

// Going somewhere: a box cannot say where its words stand, so the ones before are laid out once beside it.
const offset = (at) => {
  const field = box();
  const style = getComputedStyle(field);
  const mirror = document.createElement("div");
  for (const name of ["font", "letterSpacing", "lineHeight", "padding", "tabSize", "unicodeBidi"]) mirror.style[name] = style[name];
  Object.assign(mirror.style, { position: "absolute", visibility: "hidden", whiteSpace: "pre-wrap", overflowWrap: "break-word", boxSizing: "border-box" });
  mirror.style.width = `${field.clientWidth}px`;
  mirror.textContent = field.value.slice(0, at);
  const mark = mirror.appendChild(document.createElement("span"));
  mark.textContent = field.value.slice(at, at + 1) || ".";
  document.body.append(mirror);
  const top = mark.offsetTop;
  mirror.remove();
  return top;
};
const go = (start, end = start, above = 0) => {
  const field = box();
  field.setSelectionRange(start, end);
  field.focus({ preventScroll: true });
  field.scrollTop = Math.max(0, offset(start) - 24 - above);
  field.scrollIntoView({ block: "nearest" });
  stand(start);
};
const stand = (at) => {
  clearTimeout(standing);
  standing = 0;
  look();
  now.open = sceneAt(at);
  mark();
  try {
    const kept = Object.entries(JSON.parse(localStorage.getItem(CARETS) ?? "{}")).filter(([id]) => id !== piece());
    if (piece()) localStorage.setItem(CARETS, JSON.stringify(Object.fromEntries([...kept.slice(1 - KEPT), [piece(), at]])));
  } catch {
    // No storage in this browser: it opens at its beginning next time.
  }
};

// Finding words
const query = () => find(".finding input").value;
// Shown beside the field, and said in the page's one region.
const tell = (sentence) => {
  if (find(".found").textContent === sentence) return;
  find(".found").textContent = sentence;
  if (sentence) window.studio.say(sentence);
};
let hits = { of: "", text: "", at: [] };
const search = () => {
  const words = query();
  if (hits.of !== words || hits.text !== now.text) {
    const plain = words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/['’]/g, "['’]").replace(/["“”]/g, '["“”]');
    hits = { of: words, text: now.text, at: words ? [...now.text.matchAll(new RegExp(plain, "giu"))].map((m) => [m.index, m.index + m[0].length]) : [] };
  }
  for (const button of element.querySelectorAll("[data-step]")) button.disabled = !hits.at.length;
  tell(!words ? "" : hits.at.length ? `${number(hits.at.length)} found` : "Not found");
  return hits.at;
};
const step = (way) => {
  look();
  const at = search();
  if (!at.length) return;
  const { selectionStart: from, selectionEnd: to } = box();
  const n = way > 0 ? at.findIndex(([start]) => start >= to) : at.findLastIndex(([, end]) => end <= from);
  const next = n >= 0 ? n : way > 0 ? 0 : at.length - 1;
  go(...at[next], 80);
  tell(`${number(next + 1)} of ${number(at.length)}`);
};

// Listening
let later = 0;
const soon = () => {
  clearTimeout(later);
  later = setTimeout(() => (look(), search()), LOOK_MS);
};
document.addEventListener("input", ({ target }) => target === box() && soon());
for (const kind of ["keyup", "pointerup"]) {
  document.addEventListener(kind, ({ target }) => {
    if (target !== box()) return;
    clearTimeout(standing);
    standing = setTimeout(() => box() && stand(box().selectionStart), LOOK_MS);
  });
}
element.addEventListener("input", ({ target }) => {
  clearTimeout(later);
  if (target.matches(".finding input")) later = setTimeout(() => (look(), search()), 80);
});
element.addEventListener("click", ({ target }) => {
  const button = target.closest("button:not(:disabled)");
  if (!button) return;
  const { at, step: way, whole: all } = button.dataset;
  if (at) go(+at);
  else if (way) step(+way);
  else {
    now.whole = Boolean(all);
    mark();
  }
});
element.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.target.matches(".finding input")) {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && query()) {
      event.stopPropagation();
      event.target.value = "";
      search();
      box().focus();
    } else return;
    return event.preventDefault();
  }
  const places = [...element.querySelectorAll(".parts button")];
  const at = places.indexOf(event.target);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: places.length - 1 }[event.key];
  if (at < 0 || next === undefined || !places[next]) return;
  event.preventDefault();
  places[at].tabIndex = -1;
  places[next].tabIndex = 0;
  places[next].focus();
});
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.target !== box()) return;
  if (event.key === "F3" && query()) step(event.shiftKey ? -1 : 1);
  else if (event.key.toLowerCase() === "f" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !find(".finding").hidden) find(".finding input").select();
  else return;
  event.preventDefault();
});
// The studio put other words into the box: the caret, which then stands at its end, goes back to the scene it was in.
let opened = "";
const put = () => {
  const other = piece() !== opened;
  opened = piece();
  let at = null;
  if (other) {
    now.whole = null;
    try {
      at = JSON.parse(localStorage.getItem(CARETS) ?? "{}")[opened] ?? 0;
    } catch {
      at = 0; // no storage in this browser
    }
  }
  const changed = box()?.value !== now.text;
  look();
  if (at !== null) now.open = sceneAt(at);
  if ((changed || other) && now.scenes[now.open] && document.activeElement !== box()) {
    const start = at ?? now.scenes[now.open].start;
    box().setSelectionRange(start, start);
    if (other && start > 0) box().scrollTop = Math.max(0, offset(start) - 24);
  }
  mark();
};
addEventListener("studio:opened", put);
new MutationObserver(() => setTimeout(put, 80)).observe(document.querySelector("#piece") ?? document.body, { attributes: true, childList: true, subtree: true });
setTimeout(put, 80);
