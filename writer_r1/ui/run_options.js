// How a run shall go, kept in this browser: after a reload the next Start does what the last one would have done.
(() => {
  const KEY = `writer-r1.run.${window.studio.writer}`;
  const rounds = () => document.querySelector("#count input[type=number]");
  const boxes = () => [...document.querySelectorAll("#setup input[type=checkbox]")];
  let restored = false;
  const keep = () => {
    if (!restored) return; // what stands there is not the reader's yet
    try {
      localStorage.setItem(KEY, JSON.stringify({ rounds: rounds().value, on: boxes().map((box) => box.checked) }));
    } catch {
      // No storage in this browser: the usual settings next time.
    }
  };
  const kept = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY) ?? "null");
    } catch {
      return null;
    }
  };
  const restore = () => {
    const told = kept();
    restored = true;
    if (!told) return;
    if (rounds().value !== told.rounds) window.studio.type(rounds(), told.rounds);
    boxes().forEach((box, n) => box.checked !== Boolean(told.on?.[n]) && box.click());
  };
  for (const name of ["input", "change"]) {
    document.addEventListener(name, ({ target }) => target.closest?.("#setup") && setTimeout(keep));
  }
  addEventListener("studio:opened", restore, { once: true }); // before, the page would set them back
})();
