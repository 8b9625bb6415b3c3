// A manuscript's text -> its chapters and scenes, by where they stand in it: what `scenes.py` reads, letter for letter, so
// that the page need not ask the studio while its writer types. Places are counted in UTF-16, as a text box does.
(() => {
  const HEADING = /^[ \t]*(#{1,6})(?:[ \t]+(.*))?$/;
  const RULE = /^[ \t]*(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
  const SIGNS = /^[*#⁂~•](?:\s*[*#⁂~•]){0,8}$/;
  const UNSEEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
  const width = (line) => {
    let columns = 0;
    for (const c of line) {
      if (c === " ") columns += 1;
      else if (c === "\t") columns += 4 - (columns % 4);
      else break;
    }
    return columns;
  };
  const marksOf = (text) => {
    const found = [];
    let paragraph = null; // where it begins, and its words
    const close = (end) => {
      if (paragraph && SIGNS.test(paragraph.words.trim())) found.push({ start: paragraph.start, end, level: 0, words: "" });
      paragraph = null;
    };
    for (const match of text.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)) {
      const line = match[1].replace(UNSEEN, "");
      const [start, end] = [match.index, match.index + match[0].length];
      const interrupts = !paragraph || width(line) <= 3;
      const heading = interrupts && !RULE.test(line) && HEADING.exec(line);
      if (/^[ \t]*$/.test(line)) close(start);
      else if (interrupts && RULE.test(line)) {
        close(start);
        found.push({ start, end, level: 0, words: "" });
      } else if (heading) {
        close(start);
        const words = (heading[2] ?? "").replace(/[ \t]+$/, "").replace(/(^|[ \t])#+$/, "").trim();
        found.push({ start, end, level: words ? heading[1].length : 0, words });
      } else if (paragraph) paragraph.words += `\n${line}`;
      else paragraph = { start, words: line };
      if (end === text.length) break;
    }
    close(text.length);
    return found;
  };
  const chaptersOf = (text) => {
    const marks = marksOf(text);
    const levels = marks.map((one) => one.level).filter(Boolean);
    const twice = levels.filter((level, i) => levels.indexOf(level) !== i);
    const top = Math.min(...(twice.length ? twice : levels), 6);
    const found = [];
    let [title, name, at, begun, scenes] = ["", "", 0, 0, []];
    for (const mark of [...marks, { start: text.length, end: text.length, level: 1, words: "" }]) {
      const body = text.slice(at, mark.start);
      if (body.replace(UNSEEN, "").trim()) {
        const start = at + body.length - body.trimStart().length;
        const end = at + body.trimEnd().length;
        const around = { from: at, until: mark.start }; // with the white space on both sides
        scenes.push({ start, end, ...around, name, chapter: found.length, number: scenes.length + 1 });
        name = "";
      }
      const last = mark.start === text.length;
      if (mark.level && (mark.level <= top || last)) {
        if (title || scenes.length) found.push({ title, start: begun, end: mark.start, scenes });
        [title, name, begun, scenes] = [mark.words, "", mark.start, []];
      } else if (mark.level) name = mark.words;
      at = mark.end;
    }
    return found;
  };

  // As `facts/language.py` has them: of scripts without spaces a character is a word, and signs on a letter are part of it.
  const CJK = "\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
  const LETTER = `(?![${CJK}])[\\p{L}\\p{N}]`;
  const WORD = new RegExp(`[${CJK}]|${LETTER}(?:['’-]?${LETTER}|\\p{M})*`, "gu");
  const words = (text) => text.match(WORD)?.length ?? 0;

  window.studio = Object.assign(window.studio ?? {}, { chapters: chaptersOf, words });
})();
