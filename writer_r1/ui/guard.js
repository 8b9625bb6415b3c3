// Nothing typed is lost: a copy in this browser 0.4 s after a keystroke (1 s without a pause), in the studio's library 3 s after the last one.
// `place` is what this page holds: the piece, the revision it was typed upon, and the run that is shown.
const LOCAL_MS = 400;
const HELD_MS = 1000; // who types without a pause has a copy this old at most
const SERVER_MS = 3000;
const AGAIN_MS = 10_000; // where the studio did not answer
const place = { piece: "", base: 0, run: "" };
const boxes = { brief: "#brief textarea", text: "#manuscript textarea" };
const box = (name) => document.querySelector(boxes[name]);
const typed = () => ({ brief: box("brief")?.value ?? "", text: box("text")?.value ?? "" });
const local = window.studio.copies;

let known = typed(); // what the library has
let dirty = false;
let localTimer = 0;
let heldSince = 0; // since when no copy of what is typed was made
let serverTimer = 0;
let saving = null;
let asking = false;
let first = true;
let late = null; // what the boxes held after the last keystroke, until it is saved
let stood = known; // what they held when this script looked last
let putting = 0; // how many texts of the studio's are on their way into the boxes
let blank = 0; // the timer of a new piece that is begun here, and that the studio has not answered yet
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const same = (a, b) => a.brief === b.brief && a.text === b.text;

const say = (state, words) => {
  const line = document.querySelector("#saved .state");
  if (!line) return;
  if (line.dataset.state === state && line.textContent === words) return; // a fault is not read out at each new try
  Object.assign(line, { textContent: words }).dataset.state = state;
  if (state === "failed") line.setAttribute("role", "alert");
  else line.removeAttribute("role"); // that all is well need not be read out at each save
};
const put = (name, value) => {
  const field = box(name);
  if (!field || field.value === value) return;
  window.studio.type(field, value);
};
const keepHere = () => {
  local.set(place.piece || "new", { ...typed(), base: place.base, at: Date.now() });
  address();
};

const save = async (why = "") => {
  if (asking || blank) return;
  clearTimeout(serverTimer);
  while (saving) await saving; // again, because several may have waited for one
  const now = typed();
  if (!why && same(now, known)) {
    dirty = false;
    late = null;
    local.drop(place.piece || "new");
    if (window.studio.unsaved()) say("saved", place.piece ? "Saved" : "");
    return;
  }
  if (!window.studio.unsaved()) say("saving", "Saving …"); // else said each time
  const at = { ...place };
  saving = server.save({ ...now, piece: at.piece, base: at.base, why }).catch(() => null);
  const answer = (await saving) ?? { offline: true }; // a studio that is not there answers nothing, or fails
  saving = null;
  if (at.piece !== place.piece) {
    if (answer.piece) forget(at.piece, now); // another piece was opened meanwhile; this one is in the library
    return;
  }
  if (answer.offline) {
    say("failed", "The studio is not answering. Your text is safe in this browser.");
    // A new piece waits until the studio answers (`ping` in studio.js): it may have got it, and would make a second one.
    if (at.piece) serverTimer = setTimeout(() => save(why), AGAIN_MS);
    return;
  }
  if (answer.error) return say("failed", `Not saved: ${answer.error}`);
  if (answer.stale) return choose(now, answer.stale);
  settle(answer, now, why ? "Saved; this version is kept" : "Saved");
};

const forget = (piece, text) => {
  const copy = local.get(piece || "new");
  if (copy && same(copy, text)) local.drop(piece || "new");
};

const settle = (answer, now, words = "Saved") => {
  local.drop(place.piece || "new");
  place.piece = answer.piece;
  place.base = answer.revision;
  known = now;
  const later = typed();
  dirty = !same(later, now);
  if (dirty) later_(0);
  else {
    late = null;
    dispatchEvent(new Event("studio:saved"));
  }
  say("saved", answer.piece ? words : "");
  address();
  const name = document.querySelector(`#library [data-piece="${CSS.escape(answer.piece)}"] .title`);
  if (!name && answer.piece) dispatchEvent(new Event("studio:refresh"));
  else if (name && answer.title && name.textContent !== answer.title) name.textContent = answer.title;
};

const later_ = (ms = SERVER_MS) => {
  clearTimeout(serverTimer);
  serverTimer = setTimeout(() => save(), ms);
};

// A page with a piece that is not in the library yet says so, or loaded again it would show the newest one.
const address = () => {
  const url = new URL(location.href);
  const { brief, text } = typed();
  const fresh = !(first && url.searchParams.has("piece")) && !place.piece && (brief || text) ? "new" : "";
  for (const [key, value] of [["piece", place.piece || fresh], ["run", place.run]]) {
    if (value) url.searchParams.set(key, value);
    else url.searchParams.delete(key);
  }
  if (url.href !== location.href) history.replaceState(history.state, "", url);
};

// Two texts of one piece: the user chooses, and neither is thrown away. The boxes hold `mine`.
const choose = async (mine, theirs, words = "This piece was changed in another tab or window") => {
  if (asking) return;
  if (same(mine, theirs)) return settle({ ...theirs, title: "" }, mine);
  asking = true;
  say("failed", "Not saved: this piece was changed elsewhere.");
  const choice = await window.studio.between(mine, theirs, words);
  asking = false;
  if (place.piece !== theirs.piece) {
    // Another piece was opened meanwhile: its words are not at issue.
    const kept = choice === "mine" ? { piece: theirs.piece, base: theirs.revision } : { copy_of: theirs.piece };
    giveBack(mine, kept);
  } else if (choice === "mine") {
    place.base = theirs.revision;
    known = { brief: theirs.brief, text: theirs.text };
    await save("kept over what another tab saved");
  } else {
    const copy = await server.save({ ...typed(), copy_of: theirs.piece }).catch(() => null);
    if (!copy || copy.error) return choose(mine, theirs, "The copy could not be saved; try again");
    put("brief", theirs.brief);
    put("text", theirs.text);
    settle({ ...theirs, title: "" }, { brief: theirs.brief, text: theirs.text });
    dispatchEvent(new Event("studio:refresh"));
  }
};

// Words typed between a wish and its answer went with the text that stood in the boxes, and are not in the library yet.
const overtaken = () => {
  const words = late;
  late = null;
  return words && !same(words, typed()) && !same(words, known) ? words : null;
};
const giveBack = (words, to) => {
  const keep = () => local.set(to.piece || "new", { ...words, base: to.base ?? 0, at: Date.now() }); // offered when it is opened
  server.save({ ...words, ...to }).then((answer) => {
    if (!answer.piece) keep();
    dispatchEvent(new Event("studio:refresh"));
  }, keep);
};

// The boxes get their values a moment after the studio's mark is there.
const afterwards = (act) => {
  putting += 1;
  setTimeout(() => {
    putting -= 1;
    act();
  }, 60);
};

// The studio put another piece or text into the boxes: what is there now is what the library has.
const adopt = () => {
  const told = element.querySelector("[data-piece]");
  if (!told) return;
  const { piece, revision, run } = told.dataset;
  const from = { ...place };
  const was = stood;
  const words = overtaken();
  const other = piece !== from.piece || blank || (words && !piece);
  clearTimeout(blank);
  blank = 0;
  Object.assign(place, { piece, run, base: Math.max(+revision, other ? 0 : place.base) });
  address();
  clearTimeout(serverTimer);
  if (words && piece !== from.piece) giveBack(words, from);
  const shown = (stood = typed());
  const back = piece === from.piece ? words : null;
  const replaced = !same(shown, was);
  if (!other && !first) {
    const newer = +revision > from.base;
    afterwards(() => {
      count();
      if (place.piece !== piece || !replaced) return;
      if (newer && back) return clash(back, "You typed while the studio changed this text");
      // It told what had been there before.
      if (back || +revision < from.base) for (const name of Object.keys(boxes)) put(name, was[name]);
    });
    return later_(300); // saves only where something differs
  }
  first = false;
  afterwards(() => {
    if (place.piece !== piece) return back && giveBack(back, { piece: "", base: 0 }); // another was opened upon it
    for (const [name, value] of Object.entries(back ?? {})) {
      const now = typed()[name]; // a letter or two more, by now
      if (!now.startsWith(value)) put(name, value + now);
    }
    const now = typed();
    const copy = local.get(place.piece || "new");
    // What was typed before the studio answered, or since, is not in the library.
    known = !place.piece ? { brief: "", text: "" } : late ? shown : now;
    dirty = !same(now, known);
    say("saved", place.piece ? "Saved" : "");
    count();
    dispatchEvent(new Event("studio:opened"));
    if (dirty) return later_(0);
    if (!copy || same(copy, now)) return local.drop(place.piece || "new");
    if (!place.piece || (copy.base === place.base)) {
      // Typed upon just this text and never saved, as when the studio or the browser died: it goes on from there.
      put("brief", copy.brief);
      put("text", copy.text);
      say("saved", "Restored what you had typed");
      later_(0);
    } else {
      clash(copy, "This browser holds a text that was not saved", copy.base);
    }
  });
};
// What stands in the boxes is the library's; `mine` takes its place there until one of the two is chosen.
const clash = (mine, words, base = place.base) => {
  const theirs = { ...typed(), piece: place.piece, revision: place.base };
  place.base = base; // until then, whatever is kept of it was typed upon that
  put("brief", mine.brief);
  put("text", mine.text);
  choose(mine, theirs, words);
};
new MutationObserver(adopt).observe(element, { attributes: true, childList: true, subtree: true });
adopt();

const count = () => {
  const words = window.studio.words(typed().text);
  const line = document.querySelector("#saved .words");
  const said = words ? `${words.toLocaleString("en")} ${words === 1 ? "word" : "words"} · ${Math.max(1, Math.round(words / 230))} min to read` : "";
  if (line && line.textContent !== said) line.textContent = said;
};

document.addEventListener("input", (event) => {
  if (event.target !== box("brief") && event.target !== box("text")) return;
  dirty = true;
  late = stood = typed();
  heldSince ||= performance.now();
  clearTimeout(localTimer);
  localTimer = setTimeout(() => {
    heldSince = 0;
    if (dirty) keepHere(); // else it is in the library by now, and a copy here would be offered for it one day
    count();
  }, Math.max(0, Math.min(LOCAL_MS, heldSince + HELD_MS - performance.now())));
  later_();
});
document.addEventListener("focusout", (event) => {
  if (dirty && (event.target === box("brief") || event.target === box("text"))) later_(50);
});
addEventListener("pagehide", () => dirty && keepHere());

window.studio.place = () => JSON.stringify(place);
addEventListener("studio:deleted", () => {
  Object.assign(place, { piece: "", base: 0, run: "" });
  dirty = false;
  location.assign(location.pathname);
});

window.studio.save = save;
window.studio.put = put;
window.studio.fill = (text) => {
  dirty = true; // so that a wish before the next save saves it first
  setTimeout(() => {
    late = stood = typed();
    keepHere();
    later_();
  }, 100); // after the box got it
  return text;
};
// The studio saved another text of this piece for the page, made of `before`: it stands here now. Where more was typed
// meanwhile that stays, and its own save will ask which of the two to keep.
window.studio.took = (answer, before) => {
  if (answer.piece !== place.piece || typed().text !== before) return later_(0);
  put("text", answer.text);
  settle(answer, { brief: known.brief, text: typed().text }, "Saved; this version is kept");
};
// Before a wish goes to the studio what was typed is in the library, or two saves would make two pieces of it.
// Nor may the look after a text that the studio put here come between the wish and its answer. Where a new piece was asked
// for, the wish waits for it: it is what the wish is about. Only those of the sidebar go ahead `at_once`, as that one did.
window.studio.flush = async (at_once = false) => {
  while (!at_once && (blank || putting)) await pause(20);
  if (saving) await saving;
  const now = typed();
  if (dirty || !same(now, known)) await save();
  if (!dirty) clearTimeout(serverTimer); // what was typed meanwhile is still to be saved
  return JSON.stringify(place);
};
// A new piece is empty at once: whoever asks for one types on, and need not wait for the studio.
document.addEventListener("click", async (event) => {
  if (!event.target.closest?.("#library [data-act=new]")) return;
  await window.studio.flush(true);
  if (dirty || asking) return; // it could not be saved, and says so
  clearTimeout(blank);
  blank = setTimeout(() => {
    blank = 0;
    later_(); // no answer: what is typed is saved all the same
  }, SERVER_MS);
  Object.assign(place, { piece: "", base: 0, run: "" });
  known = { brief: "", text: "" };
  for (const name of Object.keys(boxes)) put(name, "");
  dirty = false;
  late = null;
});
