// What the server cannot do for the page: keys, what the reader has opened, and noticing that the studio is gone or
// back. What is typed is kept by guard.js.
(() => {
  const PING_MS = 5000;
  const TOLD_MS = 4000;
  const MAC = /^(Mac|iP)/.test(navigator.platform);
  let silence = 0;
  const stored = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // no storage in this browser
    }
  };

  window.studio = Object.assign(window.studio ?? {}, {
    place: () => "{}",
    flush: async () => "{}",
    save: async () => {},
    fill: (text) => text,
    took: () => {},
    offer: () => {},
    // Said in the page's one polite region, beside what the studio tells there.
    say: (sentence) => {
      const region = document.querySelector("#announce");
      const line = region?.querySelector("[data-said]") ?? region?.appendChild(document.createElement("span"));
      if (!line) return;
      line.dataset.said = "";
      line.textContent = sentence;
      clearTimeout(silence);
      silence = setTimeout(() => line.remove(), TOLD_MS);
    },
    part: () => null,
    writer: document.querySelector("meta[name=writer]")?.content ?? "", // several may use one browser
    unsaved: () => Boolean(document.querySelector('#saved .state[data-state="failed"]')),
    // What a script puts into a field, as if it had been typed.
    type: (field, value) => {
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, value);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    // On a Mac, Option with a letter types another one, so there Control has to be held as well; elsewhere Control and Alt
    // are one key that types, too.
    alt: (event) => event.altKey && !event.metaKey && !event.shiftKey && event.ctrlKey === MAC,
    closes: () => closes,
  });

  // Keys. Single letters act only inside boards (see their scripts), never in a text field.
  const press = (id) => document.querySelector(`button#${id}:not([disabled])`)?.click();
  const inField = (target) => target.closest?.("input, textarea, select, [contenteditable]");
  const help = () => {
    const sheet = document.querySelector("template[data-dialog=keys]");
    if (!sheet || document.querySelector("dialog[open]")) return;
    const dialog = document.createElement("dialog");
    dialog.className = "asking";
    dialog.append(sheet.content.cloneNode(true));
    dialog.addEventListener("click", (e) => (e.target === dialog || e.target.closest("[data-close]")) && dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.querySelector(".gradio-container").append(dialog);
    dialog.showModal();
  };
  const TABS = ["write", "compare", "train", "models", "settings"];
  const tab = (name) => {
    const at = TABS.indexOf(name);
    if (at < 0) return null;
    const shown = document.querySelector(`#tabs button[data-tab-id="${TABS[at]}"]`);
    // Those that do not fit beside the others stand, in the same order, at the end of a menu.
    const folded = [...document.querySelectorAll("#tabs .overflow-dropdown button")].at(at - TABS.length);
    const found = shown ?? folded;
    found?.click();
    (shown ?? document.querySelector("#tabs .overflow-menu > button"))?.focus();
    return found;
  };
  // An Escape that closes a list of choices, or empties a search, stops nothing: looked at before the list hears of it.
  let closes = false;
  addEventListener(
    "keydown",
    ({ target }) => {
      closes = Boolean(target.matches?.("input[aria-expanded=true]") || (target.matches?.("input[type=search]") && target.value));
    },
    true,
  );
  // Before any field hears of it: for a checkbox of Gradio's every Enter is a change of mind.
  addEventListener(
    "keydown",
    (event) => {
      const begins = event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;
      const start = document.querySelector("#start");
      if (!begins || document.querySelector("dialog[open]") || !start?.getClientRects().length || event.target.closest?.(".direction")) return;
      event.preventDefault();
      event.stopPropagation();
      press("start");
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      if (!closes && sheet()) {
        event.preventDefault(); // it closes the list and stops nothing
        closeSheet();
      } else if (!closes) press("stop");
    } else if (event.key.toLowerCase() === "s" && command) {
      event.preventDefault();
      window.studio.save("kept by hand");
    } else if (window.studio.alt(event) && /^Digit[1-9]$/.test(event.code)) {
      if (tab(TABS[+event.code.slice(5) - 1])) event.preventDefault();
    } else if (event.key === "?" && !command && !inField(event.target)) {
      help();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-help]")) help();
    if (event.target.closest?.("[data-skip]")) {
      tab("write");
      setTimeout(() => document.querySelector("#brief textarea")?.focus(), 50); // once it is shown
    }
    const text = event.target.closest?.("[data-use]")?.dataset.use;
    if (text) document.querySelector(`#rounds .use[data-attempt="${text}"]`)?.click();
    const page = event.target.closest?.("[data-tab]")?.dataset.tab;
    if (page) tab(page);
    const toggle = event.target.closest?.("[data-shelf]");
    if (toggle) shelf(!document.body.classList.contains("shelf-open"));
    else if (sheet() && event.target.closest?.("[data-unshelf]")) closeSheet();
    else if (sheet() && event.target.isConnected && (event.target.closest(".shelf .open, .shelf .new") || !event.target.closest("#library, dialog, #files-said"))) shelf(false);
  });

  // Signing out, what was typed goes to the library first.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest?.("[data-sign-out]");
    if (!form) return;
    event.preventDefault();
    await Promise.race([window.studio.save(), new Promise((late) => setTimeout(late, 3000))]);
    form.submit();
  });

  // The sidebar: open at start where there is room beside the page, a sheet over it where there is not.
  const narrow = matchMedia("(max-width: 1099px)");
  const shelf = (open) => {
    document.body.classList.toggle("shelf-open", open);
    document.querySelector("[data-shelf]")?.setAttribute("aria-expanded", String(open));
    try {
      if (!narrow.matches) localStorage.setItem("writer-r1.shelf", open ? "open" : "closed");
    } catch {
      // No storage in this browser: it opens as usual next time.
    }
  };
  const sheet = () => narrow.matches && document.body.classList.contains("shelf-open");
  const closeSheet = () => {
    shelf(false);
    document.querySelector("[data-shelf]")?.focus();
  };
  const usual = () => !narrow.matches && stored("writer-r1.shelf") !== "closed";
  document.body.classList.toggle("shelf-open", usual());
  narrow.addEventListener("change", () => document.body.classList.toggle("shelf-open", usual()));

  // An update of a part closes its details, because the server does not know which are open.
  const open = new Set();
  document.addEventListener("click", (event) => {
    const details = event.target.closest?.("summary")?.parentElement;
    if (!details?.dataset.key) return;
    if (details.open) open.delete(details.dataset.key);
    else open.add(details.dataset.key);
  });
  const settle = () => {
    for (const details of document.querySelectorAll("details[data-key]")) {
      if (open.has(details.dataset.key) && !details.open) details.open = true;
    }
    for (const region of document.querySelectorAll("#announce, #train-announce")) {
      if (region.getAttribute("aria-live") !== "polite") region.setAttribute("aria-live", "polite");
    }
    for (const dialog of document.querySelectorAll("dialog[open]:not([aria-label])")) {
      dialog.setAttribute("aria-label", dialog.querySelector("h2")?.textContent || "A question");
    }
    const toggle = document.querySelector("[data-shelf]");
    const expanded = String(document.body.classList.contains("shelf-open"));
    if (toggle && toggle.getAttribute("aria-expanded") !== expanded) toggle.setAttribute("aria-expanded", expanded);
  };
  new MutationObserver(settle).observe(document, {
    attributes: true,
    attributeFilter: ["open", "data-key"],
    childList: true,
    subtree: true,
  });

  // The studio may be closed behind an open page: then the page says so, and takes up again when it is back.
  let born = null;
  let gone = false;
  window.studio.reborn = (name) => (born = name); // this page knows of it, and loads itself anew when it is read
  const ping = async () => {
    let answer = null;
    try {
      const reply = await fetch("studio/alive", { cache: "no-store", signal: AbortSignal.timeout(PING_MS) });
      if (reply.status === 401) return location.reload(); // signed out: the way in is shown, what was typed is kept here
      answer = reply.ok ? await reply.text() : null;
    } catch {
      // Not answering: shown below.
    }
    const banner = document.querySelector("#gone");
    if (answer === null) {
      gone = true;
      if (banner) banner.hidden = false;
      return;
    }
    if (banner) banner.hidden = true;
    if (gone || (born && born !== answer)) {
      gone = false;
      // A new studio knows nothing of this page: loaded again, it finds the piece, the run and what was typed.
      if (born && born !== answer && answer.startsWith("emptied-")) return window.studio.forgetTexts();
      if (born !== answer && document.querySelector("dialog[open]")) return (gone = true); // what is typed there is nowhere else
      if (born !== answer) {
        await Promise.race([window.studio.save(), new Promise((late) => setTimeout(late, 1500))]);
        return location.reload();
      }
      await window.studio.save();
    }
    born = answer;
  };
  setInterval(() => document.visibilityState === "visible" && ping(), PING_MS);
  ping();
})();
