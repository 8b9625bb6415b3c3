// What was typed -> copies in this browser by piece, for when the studio or the browser dies before a save; see guard.js.
(() => {
  const KEEP = 20; // pieces whose copies this browser holds
  // Several writers may use one browser: each finds the own copies only.
  const { writer } = window.studio;
  const PREFIX = writer ? `writer-r1.piece.${writer}/` : "writer-r1.piece.";
  const copies = {
    PREFIX,
    get(key) {
      try {
        return JSON.parse(localStorage.getItem(PREFIX + key) ?? "null");
      } catch {
        return null; // no storage in this browser, or a copy that was cut: the library has its own
      }
    },
    // Reading the others is left to when one more is kept, or a few long texts would be read at each pause.
    // What was decided in reviews goes before words that were typed.
    oldest() {
      const at = (k) => (k.startsWith(`${PREFIX}review.`) ? -1e15 : 0) + (copies.get(k.slice(PREFIX.length))?.at ?? 0);
      return Object.keys(localStorage)
        .filter((k) => k.startsWith(PREFIX))
        .map((k) => [at(k), k])
        .sort(([a], [b]) => a - b)
        .map(([, k]) => k);
    },
    // A browser keeps about five million characters: where they are full the oldest copies make room, one by one.
    fit(key, words) {
      const others = () => copies.oldest().filter((k) => k !== key);
      for (;;) {
        try {
          return localStorage.setItem(key, words);
        } catch (full) {
          const [oldest] = others();
          if (!oldest) throw full;
          localStorage.removeItem(oldest);
        }
      }
    },
    set(key, value) {
      try {
        const more = localStorage.getItem(PREFIX + key) === null;
        copies.fit(PREFIX + key, JSON.stringify(value));
        if (more) for (const k of copies.oldest().slice(0, -KEEP)) localStorage.removeItem(k);
      } catch {
        // No storage, or full: the text then lives in the page and the library.
      }
    },
    forget() {
      for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
    },
    drop(key) {
      try {
        localStorage.removeItem(PREFIX + key);
      } catch {
        // As above.
      }
    },
  };
  window.studio.copies = copies;
})();
