"""Draft -> Measures of its shape: length, a finished end, repetition, loops, and what it shares with a source."""

import re
import unicodedata
from collections.abc import Sequence

from writer_r1.checks.text import MAX_SPANS, Measure, Span, is_cjk, lines, paragraphs, sentences, word_count, words
from writer_r1.facts import POEMS
from writer_r1.facts.language import WORD
from writer_r1.facts.length import LengthUnit

_FINISHED = re.compile(
    r"[.!?…。！？｡।؟۔][\"'”’»)\]）」』*_\s]*\Z|\b(?:the end|fin)\W*\Z|[完终][）)]?\s*\Z", re.IGNORECASE
)
_BLANK = re.compile(
    r"\[(?:your|insert|recipient|sender|company|name|date|address|city|phone|title|product)\b[^\]\n]{0,40}\]",
    re.IGNORECASE,
)
_BREAKS_OFF = re.compile(
    r"(?:[,;:—–(“「-]|\b(?:an?|the|and|or|but|of|to|in|with|for|from|that|is|was|were|his|her|my|your|their))\s*\Z",
    re.IGNORECASE,
)
_SIGNED = frozenset({"letter", "cover letter", "email", "newsletter", "diary entry"})
_LISTED = frozenset({"outline", "lesson plan", "recipe", "post", "slogan", "advertisement", "script", "screenplay"})


def length_fit(text: str, low: int | None, high: int | None, unit: LengthUnit = "words") -> Measure:
    """Return 1 inside the length asked for, falling to 0 at a third of `low` and at four times `high`.

    Source: the length score of LongBench-Write (LongWriter, arXiv 2408.07055), from the nearer end of the range.
    """
    count = size(text, unit)
    value, spans = 1.0, list[Span]()
    if high is not None and count > high:
        value = max(0.0, 1 - (count / max(1, high) - 1) / 3)
        if unit == "words":
            start = next((m.start() for i, m in enumerate(WORD.finditer(text)) if i == high), 0)
            spans = [(start, len(text))]
    elif low is not None and count < low:
        value = max(0.0, 1 - (low / count - 1) / 2) if count else 0.0
    ends = [f"{n:,}" for n in dict.fromkeys((low, high)) if n is not None]
    limit = "at most " if low is None else "at least " if high is None else ""
    asked = f"{limit}{' to '.join(ends)} asked" if ends else "no length asked"
    return Measure(value=value, spans=tuple(spans), reason=f"{count:,} {unit}; {asked}.")


def size(text: str, unit: LengthUnit) -> int:
    """Return how long a text is in `unit`; a character of Chinese or Japanese counts as a word."""
    if unit == "lines":
        return len(lines(text))
    if unit == "sentences":
        return len(sentences(text))
    found = words(text)
    # In Chinese "characters" are what its writers call words; elsewhere they are letters, spaces and marks.
    return len(found) if unit == "words" or is_cjk(found) else len(text.strip())


def completeness(text: str, form: str | None = None) -> Measure:
    """Return 1 for a finished text, 0.5 for an open quotation or a blank left to fill in, 0 for one that breaks off.

    Source: ours.
    """
    rows = paragraphs(text)
    if not rows:
        return Measure(value=0.0, reason="There is no text.")
    if blanks := [m.span() for m in _BLANK.finditer(text)]:
        return Measure(value=0.5, spans=tuple(blanks), reason="A blank is left to fill in.")
    start, end = rows[-1]
    last = text[start:end]
    line = last.rsplit("\n", 1)[-1]
    tail = ((end - min(len(line), 80), end),)
    if last.count('"') % 2 or last.count("“") > last.count("”") or last.count("「") > last.count("」"):
        return Measure(value=0.5, spans=tail, reason="A quotation in the last paragraph is not closed.")
    if _FINISHED.search(last[-40:]):
        return Measure(value=1.0, reason="The last sentence is finished.")
    if "\u0e00" <= last[-1] <= "\u0e7f":
        return Measure(value=None, reason="Not measured: this script does not mark the end of a sentence.")
    if not _BREAKS_OFF.search(last[-20:]):
        if unicodedata.category(last[-1])[0] in "PS" or form in _LISTED:
            return Measure(value=1.0, reason="The last line is whole.")
        if form in _SIGNED and word_count(line) <= 8:
            return Measure(value=1.0, reason="It ends with a signature.")
        if form in POEMS:
            return _verse_end(text, tail)
    return Measure(value=0.0, spans=tail, reason="It breaks off before the last sentence is finished.")


def _verse_end(text: str, tail: tuple[Span]) -> Measure:
    rows = lines(text)
    marked = sum(not text[end - 1].isalnum() for _, end in rows)
    if 2 * marked >= len(rows):
        return Measure(value=0.5, spans=tail, reason="The last line has no mark at its end, though most others do.")
    return Measure(value=1.0, reason="It is written without marks at the line ends, and the last line is whole.")


def repetition(text: str) -> Measure:
    """Return 1 where nothing is said twice, 0 where half of the text or more is; a refrain costs little.

    The share is the larger of: words in sentences said before, and four-word runs (in Chinese and Japanese, runs of ten
    characters) used before, less the tenth of them that good prose has too.
    """
    found = [(m.start(), m.end(), m.group().lower()) for m in WORD.finditer(text)]
    if len(found) < 4:
        return Measure(value=None, reason="Not measured: the text is too short.")
    spans, again = _said_before(text)
    plain = [w for _, _, w in found]
    n = 10 if is_cjk(plain) else 4
    runs = _runs(plain, n)
    shared = max(0.0, 1 - len(set(runs)) / len(runs) - 0.1) if runs else 0.0
    share = max(again / len(found), shared)
    value = max(0.0, 1 - 2 * share)
    if not spans and value < 0.9:
        spans = _seen_runs(runs, [(found[i][0], found[i + n - 1][1]) for i in range(len(runs))])
    if value >= 0.9:
        return Measure(value=value, spans=tuple(spans[:MAX_SPANS]), reason="Little or nothing is repeated.")
    said = f"{again:,} of {len(found):,} words are in sentences said before"
    return Measure(
        value=value,
        spans=tuple(spans[:MAX_SPANS]),
        reason=f"{said}." if again / len(found) >= shared else f"{round(100 * shared)} % of its phrases come again.",
    )


def _said_before(text: str) -> tuple[list[Span], int]:
    """Return the sentences of four words or more that came before, and how many words they have."""
    seen: set[tuple[str, ...]] = set()
    spans, again = list[Span](), 0
    for start, end in sentences(text):
        key = tuple(words(text[start:end]))
        if len(key) >= 4 and key in seen:
            spans.append((start, end))
            again += len(key)
        seen.add(key)
    return spans, again


def _runs(found: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]


def _seen_runs(runs: Sequence[tuple[str, ...]], where: Sequence[Span]) -> list[Span]:
    seen: set[tuple[str, ...]] = set()
    spans: list[Span] = []
    for run, (start, end) in zip(runs, where, strict=True):
        if run in seen:
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        seen.add(run)
    return spans


def is_looping(text: str) -> bool:
    """Return whether the end of `text` says the same thing over and over; cheap enough to ask after every few tokens.

    Found are a unit of up to 400 characters said three or four times in a row (numbers in it may count up), and an end
    of 150 words with hardly a new phrase in it.
    """
    tail = re.sub(r"\d+", "0", re.sub(r"\s+", " ", text[-2000:].lower()))
    cjk = is_cjk(words(tail[-200:]))
    for period in range(1, min(400, len(tail) // 3) + 1):
        times = 3 if period >= (30 if cjk else 80) else 4
        length = max(period * times, 30 if cjk else 60)
        # A rule of dashes is one character many times, but no loop until it fills lines.
        if not any(c.isalpha() for c in tail[-period:]):
            length = max(length, 400)
        if length <= len(tail) and tail[-length:-period] == tail[period - length :]:
            return True
    last = words(tail)[-150:]
    runs = _runs(last, 4)
    return len(last) == 150 and len(set(runs)) < 0.3 * len(runs)


def copied_share(text: str, source: str) -> float:
    """Return the share of the five-word runs of `text` (ten characters in Chinese) that stand in `source`."""
    found = words(text)
    n = 10 if is_cjk(found) else 5
    runs, given = _runs(found, n), set(_runs(words(source), n))
    return sum(run in given for run in runs) / len(runs) if runs else 0.0
