// A round, or a version, that is gone through change by change. What is decided is shown and kept in this browser at once; the studio is
// asked to compare, and to put what was decided into the manuscript as one save.
// Kept with the guard's copies of pieces, so that it is pruned and, when everything is deleted, forgotten with them.
const PREFIX = `${window.studio.copies.PREFIX}review.`;
const DONE = { accept: "accepted", reject: "rejected", edit: "in your own words" };
const PROTECTED = "It would alter a passage that you protected, so it is not put into your manuscript.";
const MARK = { accept: "✓", reject: "✕", edit: "✎" };
let now = null; // the open review: its wish, what the studio told of it, what was decided, and the steps back
let last = {}; // the wish that was asked for last
let back = null; // what was put into the manuscript last, until the review is closed

const box = () => document.querySelector("#manuscript textarea");
const words = () => box()?.value ?? "";
const lines = (text) => text.replace(/\r\n?/g, "\n"); // as a text box has them
const find = (selector) => element.querySelector(selector);
const text = (tag, string) => Object.assign(document.createElement(tag), { textContent: string });
const nodes = () => [...element.querySelectorAll(".proposal")];
const id = (n) => now.changes[n].id;
const slot = (w) => `${PREFIX}${w.piece}.${w.revision ? `version-${w.against}.${w.revision}` : `${w.run}.${w.attempt}`}`;
const open = () => now.changes.map((_, n) => n).filter((n) => !now.decisions[id(n)] && !now.changes[n].protected);

const kept = (wish) => {
  try {
    return JSON.parse(localStorage.getItem(slot(wish)) ?? "{}").decisions ?? {};
  } catch {
    return {}; // no storage in this browser, or a copy that was cut
  }
};
const keep = (wish, decisions) => {
  try {
    if (Object.keys(decisions).length) localStorage.setItem(slot(wish), JSON.stringify({ at: Date.now(), decisions }));
    else localStorage.removeItem(slot(wish));
  } catch {
    // No storage, or full: the decisions then live in the page.
  }
};

const { say } = window.studio;

// What the page shows
const paint = (n, node) => {
  const decision = now.decisions[id(n)];
  node.dataset.label ??= node.ariaLabel;
  node.ariaLabel = decision ? `${node.dataset.label}, ${DONE[decision.verdict]}` : node.dataset.label;
  node.dataset.verdict = decision?.verdict ?? "";
  node.querySelector(".mine")?.remove();
  node.querySelector(".done")?.remove();
  if (!decision) return;
  if (decision.verdict === "edit") node.append(Object.assign(text("ins", decision.text), { className: "mine" }));
  const done = Object.assign(text("span", MARK[decision.verdict]), { className: "done", ariaHidden: "true" });
  node.append(done);
};
const counted = () => {
  const left = open().length;
  const stay = now.changes.filter((one) => one.protected).length;
  const of = now.changes.length - stay;
  const said = left ? `${of - left} of ${of} reviewed` : "All reviewed";
  return stay ? `${said}, ${stay} protected` : said;
};
const settle = () => {
  const { criterion, reason, protected: stays } = now.changes[now.at];
  const left = open();
  const alike = left.filter((n) => criterion && now.changes[n].criterion === criterion).length;
  const over = Object.values(now.decisions).filter((d) => d.verdict !== "reject").length;
  const here = nodes()[now.at];
  for (const node of element.querySelectorAll(".proposal:is([tabindex='0'], [aria-current])")) {
    if (node !== here) Object.assign(node, { tabIndex: -1, ariaCurrent: null });
  }
  Object.assign(here, { tabIndex: 0, ariaCurrent: "true" });
  find(".which").textContent = `Change ${now.at + 1} of ${now.changes.length}`;
  find(".reviewed").textContent = counted();
  find(".criterion-tag").textContent = criterion;
  const why = criterion ? reason : "No criterion asked for this one: it is where the two texts differ.";
  find(".reason").textContent = stays ? PROTECTED : why;
  find("[data-do=accept]").disabled = stays;
  const verdict = now.decisions[id(now.at)]?.verdict;
  for (const name of Object.keys(DONE)) find(`[data-do=${name}]`).setAttribute("aria-pressed", String(verdict === name));
  const same = find("[data-do=accept-alike]");
  same.hidden = !alike;
  same.textContent = `Accept all for ${criterion} (${alike})`;
  const pressed = document.activeElement;
  for (const name of ["accept-all", "reject-all"]) find(`[data-do=${name}]`).disabled = !left.length;
  find("[data-do=undo]").disabled = !now.steps.length;
  const moved = lines(words()) !== lines(now.text);
  find(".moved").hidden = !moved;
  const put = find("[data-do=put]");
  put.disabled = (!over && left.length > 0) || moved || now.busy;
  const nothing = left.length ? "Put into my manuscript" : "Finish: your manuscript stays as it is";
  if (element.contains(pressed) && pressed.matches("[data-do]:is(:disabled, [hidden])")) here.focus({ preventScroll: true }); // it can be pressed no more
  put.textContent = over ? `Put ${over} ${over === 1 ? "change" : "changes"} into my manuscript` : nothing;
};
const go = (n, focus) => {
  now.at = Math.max(0, Math.min(n, now.changes.length - 1));
  settle();
  const node = nodes()[now.at];
  if (focus) node.focus({ preventScroll: true });
  node.scrollIntoView({ behavior: "instant", block: "nearest" }); // keys come faster than a page glides
};

// What is decided: one step for each wish, however many changes it is about.
const turn = (decisions) => {
  const before = now.decisions;
  now.decisions = decisions;
  const all = nodes();
  now.changes.forEach((one, n) => before[one.id] !== decisions[one.id] && paint(n, all[n]));
  keep(now.wish, decisions);
  settle();
};
const step = (decisions, sentence) => {
  now.steps.push(now.decisions);
  turn(decisions);
  say(open().length ? sentence : `${sentence} All reviewed.`);
};
const decide = (n, decision) => {
  const stands = focused();
  step({ ...now.decisions, [id(n)]: decision }, `Change ${n + 1} ${DONE[decision.verdict]}.`);
  const left = open();
  if (left.length) go(left.find((other) => other > n) ?? left[0], stands);
};
const decideAll = (verdict, which) => {
  if (!which.length) return;
  const more = Object.fromEntries(which.map((n) => [id(n), { verdict }]));
  step({ ...now.decisions, ...more }, `${which.length} ${which.length === 1 ? "change" : "changes"} ${DONE[verdict]}.`);
};
const undo = () => {
  if (!now.steps.length) return;
  turn(now.steps.pop());
  say(`Undone. ${counted()}.`);
};

// In a dialog, where no letter is a key, and whose words outlive its being left.
const drafts = new Map();
const edit = (n) => {
  const { old, new: wanted } = now.changes[n];
  const [, lead, trail] = /^(\s*)[^]*?(\s*)$/.exec(wanted.trim() ? wanted : old); // what keeps the words apart stays
  const decision = now.decisions[id(n)];
  const dialog = document.createElement("dialog");
  dialog.className = "asking";
  dialog.innerHTML = `<form method="dialog"><h2></h2><p class="quiet stands" dir="auto"></p><label>In your own words
    <textarea rows="6" dir="auto"></textarea></label><footer><button type="button" data-close>Cancel</button>
    <button type="submit" class="main">Keep these words</button></footer></form>`;
  const field = dialog.querySelector("textarea");
  dialog.querySelector("h2").textContent = `Change ${n + 1} of ${now.changes.length}`;
  dialog.querySelector(".stands").textContent = old.trim() ? `Your manuscript has: “${old.trim()}”` : "New words are put in here.";
  field.value = drafts.get(id(n)) ?? (decision?.verdict === "edit" ? decision.text : wanted).trim();
  const begun = now;
  const keyed = id(n);
  const done = (event) => {
    event.preventDefault();
    const typed = begun.text.includes("\r\n") ? field.value.replace(/\n/g, "\r\n") : field.value;
    drafts.delete(keyed);
    dialog.close();
    if (now === begun) decide(n, { verdict: "edit", text: typed.trim() ? lead + typed.trim() + trail : "" });
  };
  dialog.addEventListener("submit", done);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) done(event);
  });
  dialog.addEventListener("click", (event) => event.target.closest("[data-close]") && dialog.close());
  field.addEventListener("input", () => drafts.set(keyed, field.value));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (now === begun) (open().includes(n) ? nodes()[n] : nodes()[now.at]).focus({ preventScroll: true });
  });
  document.querySelector(".gradio-container").append(dialog);
  dialog.showModal();
  field.focus();
};

// What the studio is asked
const GONE = { error: "The studio is not answering. What you decided is safe in this browser." };
const asking = (call) => call.then((answer) => answer ?? GONE, () => GONE);
const refuse = (sentence) => {
  element.innerHTML = `<section class="review" aria-label="Review"><p class="moved" role="alert"></p>
    <button type="button" data-do="close">Close</button></section>`;
  find(".moved").textContent = sentence;
  find("button").focus();
};
const clear = () => {
  now = back = null;
  element.innerHTML = "";
};
const show = async (wish) => {
  const place = JSON.parse(await window.studio.flush());
  Object.assign(wish, { piece: place.piece, base: place.base });
  const told = await asking(server.compare(wish));
  now = back = null;
  if (told.error) return refuse(told.error);
  if (lines(told.text) !== lines(words())) return refuse("Your latest words are not saved yet; review it again in a moment.");
  element.innerHTML = told.html;
  if (!told.changes.length) {
    find("[data-do=close]").focus();
    return say(find(".quiet").textContent);
  }
  const known = new Set(told.changes.map((one) => one.id));
  const decisions = Object.fromEntries(Object.entries(kept(wish)).filter(([one]) => known.has(one)));
  now = { wish, ...told, decisions, steps: [], at: 0, busy: false };
  nodes().forEach((node, n) => paint(n, node));
  go(open()[0] ?? 0, true);
};
const put = async () => {
  const begun = now;
  begun.busy = true;
  settle();
  const place = JSON.parse(await window.studio.flush());
  const before = words();
  const { wish, key, decisions } = begun;
  const answer = await asking(server.take_over({ ...wish, base: place.base, key, decisions }));
  const refused = answer.error ?? answer.changed;
  if (!refused) {
    const rejected = Object.entries(decisions).filter(([, one]) => one.verdict === "reject");
    keep(wish, Object.fromEntries(rejected)); // the others stand in the manuscript
    window.studio.took(answer, before);
  }
  if (now !== begun) return; // closed meanwhile, or another is reviewed
  begun.busy = false;
  settle();
  if (refused) {
    find(".moved").hidden = false;
    find(".moved").firstChild.data = `${refused} `;
    find("[data-do=put]").disabled = true;
    return;
  }
  back = { wish, answer, decisions };
  now = null;
  element.innerHTML = answer.html;
  find("h2").focus();
  say(find(".done").textContent);
};
const takeOut = async () => {
  const { answer, wish, decisions } = back;
  await window.studio.flush();
  const before = words();
  // Upon what was put, not upon what was typed since, be it saved or not: that would be lost.
  if (lines(before) !== lines(answer.text)) return refuse("Your manuscript was changed since, so nothing was taken out.");
  const told = await asking(server.take_out({ piece: answer.piece, base: answer.revision, before: answer.before }));
  if (told.error) return refuse(told.error);
  window.studio.took(told, before);
  keep(wish, decisions);
  await show(wish);
  say("The changes are out again; your manuscript is as it was.");
};
const close = () => {
  clear();
  document.querySelector(`${last.revision ? "#versions" : "#rounds"} [data-review="${last.revision ?? last.attempt}"]`)?.focus();
};

const alike = () => open().filter((n) => now.changes[n].criterion && now.changes[n].criterion === now.changes[now.at].criterion);
const focused = () => document.activeElement?.matches(".proposal") ?? false;
const ACTS = {
  close,
  put,
  undo,
  back: takeOut,
  again: () => show((now ?? back).wish),
  next: () => go(now.at + 1, focused()),
  previous: () => go(now.at - 1, focused()),
  accept: () => (now.changes[now.at].protected ? say(PROTECTED) : decide(now.at, { verdict: "accept" })),
  reject: () => decide(now.at, { verdict: "reject" }),
  edit: () => edit(now.at),
  "accept-all": () => decideAll("accept", open()),
  "reject-all": () => decideAll("reject", open()),
  "accept-alike": () => decideAll("accept", alike()),
};
element.addEventListener("click", (event) => {
  const act = event.target.closest("[data-do]:not(:disabled)")?.dataset.do;
  if (act) return ACTS[act]();
  const node = event.target.closest(".proposal");
  if (node && now) go(+node.dataset.n, true);
});
element.addEventListener("focusin", ({ target }) => {
  if (now && target.matches(".proposal") && +target.dataset.n !== now.at) go(+target.dataset.n, false);
});
const KEYS = { j: "next", k: "previous", a: "accept", r: "reject", e: "edit" };
element.addEventListener("keydown", (event) => {
  if (!now || event.isComposing || event.altKey || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  const command = event.ctrlKey || event.metaKey;
  let act = command ? (key === "z" && !event.shiftKey ? "undo" : "") : KEYS[key];
  if (event.shiftKey && act) act = key === "a" ? "accept-alike" : "";
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  if (key === "j" || key === "k") go(now.at + (key === "j" ? 1 : -1), true);
  else if (!event.repeat) ACTS[act]();
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.(":is(#rounds, #versions) [data-review]");
  if (!button) return;
  const [number, since] = [+button.dataset.review, button.closest(".compare-with")?.querySelector("select")];
  last = since ? { revision: number, against: +since.value } : { run: button.closest(".round-board").dataset.run, attempt: number };
  await show({ ...last });
  element.querySelector(".review")?.scrollIntoView({ block: "start" });
});
document.addEventListener("input", ({ target }) => now && target === box() && settle());
// Another piece lies open: what was decided of this one is kept for when it is opened again.
new MutationObserver(() => {
  const piece = document.querySelector("#piece [data-piece]")?.dataset.piece;
  const open = (now ?? back)?.wish;
  if (open && piece !== open.piece) clear();
}).observe(document.querySelector("#piece") ?? document.body, { attributes: true, childList: true, subtree: true });
