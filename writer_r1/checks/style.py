"""Draft -> Measures of its manner: variety of words, stock phrases, share of speech.

Counted, not judged: a plain tale may well use few words, and a worn phrase may be meant. Libraries for this were looked
at and left out: lexicalrichness brings matplotlib and nltk for a loop of ten lines, textstat counts no phrases.
"""

import re
from functools import cache
from itertools import product
from typing import Literal

from writer_r1.checks.text import MAX_SPANS, Measure, Span, between, is_cjk, shown
from writer_r1.facts.language import WORD, detect_language
from writer_r1.places import data

WINDOW, SHORT_WINDOW = 100, 50  # words
POOREST, RICHEST = {WINDOW: 0.55, SHORT_WINDOW: 0.65}, {WINDOW: 0.70, SHORT_WINDOW: 0.78}
FREE, WORN = 1.0, 9.0  # stock phrases per 1,000 words that count as none and as all too many
ENOUGH_SPEECH = 0.1  # of the words

Phrase = tuple[frozenset[str], ...]  # the words that may stand at each place

_UNSPACED = {"zh", "ja", "th"}
_OWN = ("my", "your", "his", "her", "its", "our", "their")
_SPOKEN = re.compile(
    r"“[^”\n]{1,2000}”?|„[^„“”\n]{1,2000}[“”]|\"[^\"\n]{1,2000}\"?|«[^«»\n]{1,2000}»|「[^」\n]{1,2000}」?"
    r"|(?<!\w)‘[^’\n]{0,400}[.,!?…—]’(?!\w)|^[ \t]*[—–][ \t]?\w[^\n]*",
    re.MULTILINE,
)
_SAID = re.compile(r"[.,!?…—。！？，-][^\w\n]*\Z")


def mattr(found: list[str], window: int) -> float:
    """Return the mean share of different words over all windows of that many words; 0 without words.

    Source: the moving-average type-token ratio of Covington and McFall (2010), which does not fall with length.
    """
    window = min(window, len(found))
    if not window:
        return 0.0
    return sum(_kinds(found, window)) / (len(found) - window + 1) / window


def _kinds(found: list[str], window: int) -> list[int]:
    """Return how many different words each window has."""
    counts: dict[str, int] = {}
    kinds: list[int] = []
    for i, word in enumerate(found):
        counts[word] = counts.get(word, 0) + 1
        if i >= window:
            old = found[i - window]
            counts[old] -= 1
            if not counts[old]:
                del counts[old]
        if i >= window - 1:
            kinds.append(len(counts))
    return kinds


def variety(text: str) -> Measure:
    """Return how varied the words are: 0 at a MATTR of 0.55, 1 at 0.70 (windows of 50 words: 0.65 and 0.78).

    The window is 100 words, or 50 in a text of fewer than 200. Shown is the poorest window. Source: `mattr`; the
    ends are ours. Published pieces lie at 0.60 to 0.75 (0.72 to 0.84), weak models' at 0.57 to 0.68. Other languages
    than English have other ends: an inflected one looks more varied.
    """
    places = [m.span() for m in WORD.finditer(text)]
    found = [text[start:end].lower() for start, end in places]
    if len(found) < SHORT_WINDOW:
        return Measure(value=None, reason="Not measured: the text is too short to tell how varied its words are.")
    if is_cjk(found) or detect_language(text) in _UNSPACED:
        return Measure(value=None, reason="Not measured: this script does not part its words.")
    window = WINDOW if len(found) >= 2 * WINDOW else SHORT_WINDOW
    kinds = _kinds(found, window)
    ratio = sum(kinds) / len(kinds) / window
    value = between(ratio, POOREST[window], RICHEST[window])
    told = "The words are varied" if value >= 0.7 else "Some words come often" if value >= 0.3 else "Few words are used"
    poorest = min(range(len(kinds)), key=kinds.__getitem__)
    spans = ((places[poorest][0], places[poorest + window - 1][1]),) if value < 0.9 else ()
    return Measure(
        value=value, spans=spans, reason=f"{told}: {round(100 * ratio)} % of {window} words in a row are different."
    )


@cache
def _phrases() -> dict[tuple[str, ...], list[Phrase]]:
    """Return the stock phrases by their first two words (or the one they have); the file says how it is written."""
    found: dict[tuple[str, ...], list[Phrase]] = {}
    for line in (data("assets") / "stock_phrases.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            slots = tuple(_slot(part) for part in line.split())
            for start in product(*slots[:2]):
                found.setdefault(start, []).append(slots)
    return found


def _slot(part: str) -> frozenset[str]:
    if part == "one's":
        return frozenset(_OWN)
    if part.endswith("~"):
        word = part[:-1]
        stem = word.removesuffix("e")
        return frozenset({word, f"{word}s", f"{stem}ed", f"{stem}ing"})
    return frozenset(part.split("/"))


def worn_places(text: str) -> list[Span]:
    """Return where stock phrases stand, in order and apart."""
    places = [m.span() for m in WORD.finditer(text)]
    found = [text[start:end].lower().replace("’", "'") for start, end in places]
    spans: list[Span] = []
    phrases = _phrases()
    at = 0
    while at < len(found):
        starting = (*phrases.get((found[at],), ()), *phrases.get(tuple(found[at : at + 2]), ()))
        length = max((len(phrase) for phrase in starting if _stands(phrase, found, at)), default=0)
        if length:
            spans.append((places[at][0], places[at + length - 1][1]))
        at += length or 1
    return spans


def _stands(phrase: Phrase, found: list[str], at: int) -> bool:
    return at + len(phrase) <= len(found) and all(found[at + i] in slot for i, slot in enumerate(phrase))


def stock_phrases(text: str) -> Measure:
    """Return 1 up to 1 stock phrase per 1,000 words, 0 from 9 on, straight between; the first is not counted.

    Source: the list `assets/stock_phrases.txt` and the ends are ours. In published prose and readers' own stories 0 to
    0.5 of its phrases come in 1,000 words, in stories of chat assistants 2 to 11.
    """
    words = sum(1 for _ in WORD.finditer(text))
    if words < SHORT_WINDOW:
        return Measure(value=None, reason="Not measured: the text is too short for stock phrases to tell anything.")
    if detect_language(text) != "en":
        return Measure(value=None, reason="Not measured: stock phrases are known in English only.")
    spans = worn_places(text)
    value = 1 - between(1000 * max(0, len(spans) - 1) / words, FREE, WORN)
    said = list(dict.fromkeys(shown(text[a:b]) for a, b in spans))
    more = f" and {len(said) - 4:,} more" if len(said) > 4 else ""
    reason = f"Worn phrases: {', '.join(f'“{s}”' for s in said[:4])}{more}." if said else ""
    return Measure(value=value, spans=tuple(spans[:MAX_SPANS]), reason=reason or "No stock phrase was found.")


def speech(text: str) -> list[Span]:
    """Return where someone speaks: in quotation marks, or on a line that a dash opens; quoted words are no speech."""
    found: list[Span] = []
    for m in _SPOKEN.finditer(text):
        if _SAID.search(m.group().strip('“”„"«»「」‘’ ')) or sum(1 for _ in WORD.finditer(m.group())) >= 4:
            found.append(m.span())
    return found


def speech_share(text: str) -> float:
    """Return the share of words that someone speaks."""
    total = sum(1 for _ in WORD.finditer(text))
    return sum(1 for a, b in speech(text) for _ in WORD.finditer(text, a, b)) / total if total else 0.0


def dialogue(text: str, asked: Literal["speech", "none"] | None) -> Measure:
    """Return whether a wish for dialogue is met: 1 from a tenth of the words on; for "none" 0 from there on.

    Without a wish there is no value, since neither much nor little speech is better.
    """
    share, spans = speech_share(text), tuple(speech(text)[:MAX_SPANS])
    counted = f"{round(100 * share)} % of the words are spoken" if spans else "Nobody speaks"
    if asked is None or not text.strip():
        return Measure(value=None, spans=spans, reason=f"{counted}; the request does not ask for it or against it.")
    met = min(1.0, share / ENOUGH_SPEECH)
    if asked == "none":
        return Measure(value=1 - met, spans=spans, reason=f"{counted}; no dialogue was asked for.")
    return Measure(value=met, spans=spans, reason=f"{counted}; dialogue was asked for.")
