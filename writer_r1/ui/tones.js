// A chip sets or takes out a word in the brief's last line, "Tone: dry, plain.": the brief alone says what is asked for.
(() => {
  const LINE = /(?:^|\n)Tone: ([^\n]*?)\.?\s*$/;
  const brief = () => document.querySelector("#brief textarea");
  const told = (text) => (text.match(LINE)?.[1] ?? "").split(/,\s*/).filter(Boolean);
  const paint = () => {
    const words = told(brief()?.value ?? "");
    for (const chip of document.querySelectorAll("#tones button")) {
      chip.setAttribute("aria-pressed", String(words.includes(chip.dataset.tone)));
    }
  };
  const turn = (word) => {
    const before = brief().value;
    const words = told(before);
    const now = words.includes(word) ? words.filter((w) => w !== word) : [...words, word];
    const rest = before.replace(LINE, "").trimEnd();
    window.studio.put("brief", now.length ? `${rest}\nTone: ${now.join(", ")}.` : rest);
  };
  document.addEventListener("click", (event) => {
    const chip = event.target.closest?.("#tones button");
    if (chip) turn(chip.dataset.tone);
  });
  document.addEventListener("input", (event) => event.target === brief() && paint());
  // Another piece, or an earlier version, puts another text into the brief without a word.
  for (const name of ["studio:opened", "studio:saved"]) addEventListener(name, paint);
})();
