// How the page looks to this reader: theme, size, width and spacing of the text, single-letter keys. Kept in this browser
// too, so that it is in force before anything of the page is shown; the settings on disk are the truth, applied on load.
(() => {
  const KEY = "writer-r1.comfort";
  const WIDTHS = { narrow: "31rem", medium: "37.5rem", wide: "46rem" };
  const LEADINGS = { normal: "1.68", loose: "1.95" };
  const usual = { theme: "system", size: 100, width: "medium", leading: "normal", letters: true };

  const read = () => {
    try {
      return { ...usual, ...JSON.parse(localStorage.getItem(KEY)) };
    } catch {
      return { ...usual };
    }
  };
  let now = read();

  const style = document.createElement("style");
  const night = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => {
    if (now.theme !== "system") document.body.classList.toggle("dark", now.theme === "dark");
  };
  const apply = () => {
    const size = Math.min(160, Math.max(90, Number(now.size) || 100)) / 100;
    const width = WIDTHS[now.width] ?? WIDTHS.medium;
    const leading = LEADINGS[now.leading] ?? LEADINGS.normal;
    // On the element itself the page's own updates would take it away again.
    style.textContent = `.gradio-container{--reading-size:${size};--reading-width:${width};--reading-leading:${leading}}`;
    shade();
  };
  const comfort = (part) => {
    now = { ...now, ...part };
    if (now.theme === "system") document.body.classList.toggle("dark", night.matches);
    try {
      localStorage.setItem(KEY, JSON.stringify(now));
    } catch {
      // No storage in this browser: the choice is applied when the page has loaded.
    }
    apply();
  };

  document.head.append(style);
  apply();
  // Gradio chooses by the system's theme when it starts and whenever that changes.
  new MutationObserver(shade).observe(document.body, { attributeFilter: ["class"] });

  // With single letters off, they still type and choose from lists: only the page's own keys do not hear them.
  const typing = (target) => target?.closest?.("input, textarea, select, [contenteditable]");
  addEventListener(
    "keydown",
    (event) => {
      const letter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (!now.letters && letter && !typing(event.target)) event.stopImmediatePropagation();
    },
    true,
  );

  window.studio = Object.assign(window.studio ?? {}, {
    comfort,
    forgetTexts: () => {
      window.studio.copies.forget();
      dispatchEvent(new Event("studio:deleted"));
    },
  });
})();
