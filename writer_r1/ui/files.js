// Files out and in: what a button asks for is fetched and handed to the browser; a chosen file is sent and becomes a
// piece, or the library. What was typed is saved first. What came of it stands in one line that is read out.
(() => {
  const SHOWN_MS = 10000;
  const HEADERS = { "x-writer-r1": "page" }; // a page of another site may not send it
  const GONE = "The studio is not answering. Nothing was changed; start it again and try once more.";
  const UNSAVED = "What you typed is not saved yet, so an export would lack it; see why below the manuscript.";
  const page = () => document.querySelector(".gradio-container") ?? document.body;

  let fading = 0;
  const say = (sentence, wrong = false, stays = wrong) => {
    let line = document.querySelector("#files-said");
    if (!line) {
      line = Object.assign(document.createElement("div"), { id: "files-said" });
      line.innerHTML = '<p role="status"></p><button type="button">Close</button>';
      line.querySelector("button").addEventListener("click", () => (line.hidden = true));
      page().append(line);
    }
    clearTimeout(fading);
    line.hidden = false;
    line.dataset.wrong = wrong;
    line.firstChild.setAttribute("role", wrong ? "alert" : "status");
    line.firstChild.textContent = sentence;
    if (!stays) fading = setTimeout(() => (line.hidden = true), SHOWN_MS);
  };

  // The answer, or null where it was a sentence, which is then said.
  const ask = async (what, told = {}, body = null) => {
    const url = `studio/files/${what}?${new URLSearchParams(told)}`;
    try {
      const answer = await fetch(url, { method: body ? "POST" : "GET", headers: HEADERS, body });
      if (answer.ok) return answer;
      const { error } = await answer.json().catch(() => ({ error: GONE }));
      say(error, true);
    } catch {
      say(GONE, true);
    }
    return null;
  };

  const keep = async (answer) => {
    const name = decodeURIComponent(answer.headers.get("content-disposition").split("filename*=UTF-8''")[1]);
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000); // a browser may ask where to put it
    say(`“${name}” is in your downloads.`);
  };

  const choose = (accept) =>
    new Promise((chosen) => {
      const field = Object.assign(document.createElement("input"), { type: "file", accept });
      field.addEventListener("change", () => chosen(field.files[0] ?? null));
      field.addEventListener("cancel", () => chosen(null));
      field.click();
    });

  const exported = async (form) => {
    const place = JSON.parse(await window.studio.flush());
    if (window.studio.unsaved()) return say(UNSAVED, true);
    const chosen = [...document.querySelectorAll(".export [data-extra]:checked")].map((box) => [box.dataset.extra, "yes"]);
    const answer = await ask("export", { as: form, piece: place.piece ?? "", run: place.run ?? "", ...Object.fromEntries(chosen) });
    if (answer) await keep(answer);
  };

  const imported = async (accept) => {
    const file = await choose(accept);
    const answer = file && (await ask("import", { name: file.name }, file));
    if (!answer) return;
    const made = await answer.json();
    dispatchEvent(new CustomEvent("studio:open", { detail: { piece: made.piece, run: made.run } }));
    const sheet = matchMedia("(max-width: 1099px)").matches && document.body.classList.contains("shelf-open");
    if (sheet) document.querySelector("[data-shelf]").click(); // it would lie over what was opened
    say(`“${made.title}” is a new piece. ${made.note}`.trim(), false, Boolean(made.note));
  };

  const backedUp = async () => {
    await window.studio.flush();
    say("Packing your library …", false, true);
    const answer = await ask("backup");
    if (answer) await keep(answer);
  };

  const restored = async () => {
    const file = await choose(".zip");
    if (!file) return;
    const dialog = document.createElement("dialog");
    dialog.className = "asking";
    dialog.innerHTML = `<h2>Restore this backup?</h2><p class="which" dir="auto"></p>
      <p class="safe">It takes the place of everything in the library. What is there now is kept as a backup first.</p>
      <p class="refusal" role="alert" hidden></p>
      <footer><button type="button" data-no autofocus>Cancel</button><button type="button" class="main" data-yes>Restore</button></footer>`;
    const part = (selector) => dialog.querySelector(selector);
    part(".which").textContent = file.name;
    part("[data-no]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    let sent = false;
    dialog.addEventListener("cancel", (event) => sent && event.preventDefault()); // its end would be missed
    part("[data-yes]").addEventListener("click", async () => {
      for (const button of dialog.querySelectorAll("button")) button.disabled = true;
      sent = true;
      await window.studio.flush();
      const answer = await ask("restore", { name: file.name }, file);
      sent = false;
      if (!answer) return dialog.close();
      const { pieces, before, born } = await answer.json();
      window.studio.reborn(born);
      if (!dialog.open) return location.assign(location.pathname);
      part("h2").textContent = `Restored: ${pieces} ${pieces === 1 ? "piece" : "pieces"}`;
      part(".which").textContent = "";
      part(".safe").textContent = `What was there before is kept in ${before}`;
      part("footer").innerHTML = '<button type="button" class="main">Open the library</button>';
      const open = part("footer button");
      open.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => location.assign(location.pathname));
      open.focus();
    });
    page().append(dialog);
    dialog.showModal();
  };

  const menu = () => document.querySelector("details.export[open]");
  const close = (focus = false) => {
    const open = menu();
    if (!open) return;
    open.open = false;
    if (focus) open.querySelector("summary").focus();
  };
  let busy = false; // a second click while a file is on its way asks for nothing new
  const once = async (work) => {
    if (busy) return;
    busy = true;
    try {
      await work();
    } finally {
      busy = false;
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-export], [data-import], [data-library]");
    if (!event.target.closest?.("details.export") || button?.dataset.export) close(Boolean(button?.dataset.export));
    if (!button) return;
    if (button.dataset.export) once(() => exported(button.dataset.export));
    else if (button.dataset.import) imported(button.dataset.import);
    else if (button.dataset.library === "backup") once(backedUp);
    else if (button.dataset.library === "preferences") {
      once(async () => {
        const answer = await ask("preferences");
        if (answer) await keep(answer);
      });
    }
    else restored();
  });
  addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !menu()?.contains(document.activeElement)) return;
      event.preventDefault(); // it closes the menu and stops nothing
      close(true);
    },
    true,
  );
})();
