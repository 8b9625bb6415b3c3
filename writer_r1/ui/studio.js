// What the server cannot do for the page: keep the typed brief in this browser, keys, and what the reader has opened.
(() => {
  const KEY = "writer-r1.brief";
  const SAVE_AFTER_MS = 400;

  const save = (text) => {
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // No storage in this browser: the brief then lives as long as the page.
    }
  };
  const saved = () => {
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return "";
    }
  };
  window.studio = {
    restore: (now) => now || saved(),
    example: (text) => {
      save(text);
      return text;
    },
  };

  const brief = () => document.querySelector("#brief textarea");
  let timer = 0;
  document.addEventListener("input", (event) => {
    if (event.target !== brief()) return;
    clearTimeout(timer);
    timer = setTimeout(() => save(event.target.value), SAVE_AFTER_MS);
  });
  addEventListener("pagehide", () => brief()?.value && save(brief().value));

  const press = (id) => document.querySelector(`button#${id}:not([disabled])`)?.click();
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("start");
    } else if (event.key === "Escape") {
      press("stop");
    }
  });

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
    const region = document.querySelector("#announce");
    if (region && region.getAttribute("aria-live") !== "polite") region.setAttribute("aria-live", "polite");
    const run = document.querySelector("#phase [data-run]")?.dataset.run;
    const url = new URL(location.href);
    if (run && url.searchParams.get("run") !== run) {
      url.searchParams.set("run", run);
      history.replaceState(history.state, "", url);
    }
  };
  new MutationObserver(settle).observe(document, {
    attributes: true,
    attributeFilter: ["open", "data-key", "data-run"],
    childList: true,
    subtree: true,
  });
})();
