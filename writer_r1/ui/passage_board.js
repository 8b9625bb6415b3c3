// Other texts for a passage: looked at as they are written, from the stored events, so a page may be loaded again in the
// middle. Only a part that changed is drawn anew. Nothing goes into the manuscript but the text that was chosen.
const POLL_MS = 500;
const LATER_MS = 3000; // where the studio does not answer
const box = () => document.querySelector("#manuscript textarea");
const part = (name) => element.querySelector(`[data-part="${name}"]`);
let now = { piece: "", run: "", busy: false };
let drawn = {};
let timer = 0;

const clear = () => {
  clearTimeout(timer);
  now = { piece: "", run: "", busy: false };
  drawn = {};
  element.innerHTML = "";
};
const draw = (told) => {
  if (!element.querySelector(".passage-board")) {
    drawn = {};
    element.innerHTML = `<section class="passage-board" aria-labelledby="passage-title"><div data-part="head"></div>
      <p class="refusal" role="alert" hidden></p><div class="others" role="list" aria-label="Texts to choose from"></div></section>`;
  }
  for (const [name, html] of Object.entries(told.parts)) {
    if (drawn[name] === html) continue;
    drawn[name] = html;
    const place = part(name) ?? element.querySelector(".others").appendChild(document.createElement("div"));
    place.dataset.part = name;
    const stands = place.contains(document.activeElement) ? document.activeElement.dataset.do ?? "" : null;
    place.innerHTML = html;
    if (stands !== null) (place.querySelector(`[data-do="${stands}"]`) ?? place.querySelector("[tabindex]"))?.focus({ preventScroll: true });
  }
};
const refuse = (sentence) => {
  const line = element.querySelector(".passage-board > .refusal");
  if (line) Object.assign(line, { hidden: !sentence, textContent: sentence });
};
const opened = () => JSON.parse(window.studio.place()).piece ?? "";
const look = async (begun = false) => {
  clearTimeout(timer);
  const piece = opened();
  const told = piece ? await server.look({ piece }).catch(() => null) : { run: "" };
  if (piece !== opened()) return; // another piece lies open by now, and is looked at by itself
  if (!told) {
    timer = setTimeout(look, LATER_MS);
    return;
  }
  if (told.error) return refuse(told.error);
  if (!told.run) return clear();
  if (told.run !== now.run) clear();
  const ended = now.busy && !told.busy;
  now = { piece, run: told.run, busy: told.busy };
  draw(told);
  if (told.trouble) refuse(told.trouble); // what was refused stays to be read
  if (begun === true) element.scrollIntoView({ block: "nearest" });
  if (ended) window.studio.say(element.querySelector(".state")?.textContent ?? "");
  if (told.busy) timer = setTimeout(look, POLL_MS);
};
const GONE = { error: "The studio is not answering. Your text is safe in this browser." };
const asking = (call) => call.then((answer) => answer ?? GONE, () => GONE);
const ACTS = {
  use: async (button) => {
    const { run } = now;
    button.disabled = true;
    const place = JSON.parse(await window.studio.flush());
    const before = box().value;
    const answer = await asking(server.use({ piece: place.piece, base: place.base, run, attempt: +button.dataset.n }));
    button.disabled = false;
    if (answer.error) return refuse(answer.error), look();
    window.studio.took(answer, before);
    clear();
    window.studio.offer(answer.note);
    if (box().value === answer.text.replace(/\r\n?/g, "\n")) {
      box().focus();
      box().setSelectionRange(...answer.at);
    }
  },
  none: async () => {
    const answer = await asking(server.none({ piece: now.piece, run: now.run }));
    if (answer.error) return refuse(answer.error);
    clear();
    window.studio.say("Let go; your manuscript is as it was.");
    box().focus();
  },
  stop: async () => {
    await asking(server.halt({ piece: now.piece, run: now.run }));
    look();
  },
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]:not(:disabled)");
  if (button) ACTS[button.dataset.do]?.(button);
});
document.addEventListener("keydown", (event) => {
  const elsewhere = event.isComposing || event.defaultPrevented || window.studio.closes() || document.querySelector("dialog[open]");
  if (event.key === "Escape" && now.busy && !elsewhere) ACTS.stop();
});
addEventListener("studio:opened", () => opened() !== now.piece && (clear(), look()));
addEventListener("studio:passage", () => look(true));
setTimeout(() => now.run || look(), 300); // a page that was opened before this script
