"""Text -> its words, sentences and paragraphs by position, and the Measure that every check returns."""

import re
from collections.abc import Sequence

from writer_r1.facts.language import CJK, WORD
from writer_r1.trajectory import Noun, Unit

Span = tuple[int, int]

MAX_SPANS = 100  # of one measure; a page can show no more

_CJK = re.compile(f"[{CJK}]")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]»*_]*+(?=\s|\Z)|[。！？｡]++[”’」』）]*+|[।؟۔]++|\n++")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|vs|e\.g|i\.e|Jr|Sr|[A-HJ-Z])$")


class Measure(Noun):
    value: Unit | None
    spans: tuple[Span, ...] = ()  # start and end in the text of what caused it
    reason: str


def word_count(text: str) -> int:
    """Return the number of words, where each Chinese or Japanese character counts as one."""
    return len(WORD.findall(text))


def words(text: str) -> list[str]:
    """Return the words in small letters."""
    return [m.group().lower() for m in WORD.finditer(text)]


def is_cjk(found: Sequence[str]) -> bool:
    """Return whether most of these words are single Chinese or Japanese characters."""
    return sum(1 for w in found if len(w) == 1 and _CJK.match(w)) * 2 > len(found)


def between(x: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and the straight line between."""
    return max(0.0, min(1.0, (x - low) / (high - low)))


def shown(text: str, limit: int = 60) -> str:
    """Return `text` as one line of at most `limit` characters, fit to be quoted in a reason."""
    # A lone surrogate (half an emoji from a cut stream) cannot be stored.
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def sentences(text: str) -> list[Span]:
    """Return start and end of each sentence; between them lies only white space, and a line break always ends one."""
    found: list[Span] = []
    start = 0
    for m in _SENTENCE_END.finditer(text):
        if m.group()[0] in ".!?…" and _goes_on(text, m):
            continue
        _add(found, text, start, m.end())
        start = m.end()
    _add(found, text, start, len(text))
    return found


def sentences_around(text: str, start: int, end: int) -> Span:
    """Return start and end of the whole sentences that this part of a text is in."""
    inside = [span for span in sentences(text) if span[0] < max(end, start + 1) and span[1] > start]
    return min([start, *(first for first, _ in inside)]), max([end, *(last for _, last in inside)])


def _goes_on(text: str, m: re.Match[str]) -> bool:
    after = text[m.end() : m.end() + 2].lstrip()[:1]
    return after.islower() or (m.group() == "." and bool(_ABBREVIATION.search(text[max(0, m.start() - 6) : m.start()])))


def lines(text: str) -> list[Span]:
    """Return start and end of each line that is not blank."""
    found: list[Span] = []
    for m in re.finditer(r"[^\n]+", text):
        _add(found, text, m.start(), m.end())
    return found


def paragraphs(text: str) -> list[Span]:
    """Return start and end of each paragraph; between them lies only white space.

    Blank lines part paragraphs. Where there is none, line breaks do, if the lines are long; short ones are verse.
    """
    rows = lines(text)
    is_new = [text.count("\n", a[1], b[0]) > 1 for a, b in zip(rows, rows[1:], strict=False)]
    if rows and not any(is_new) and sum(end - start for start, end in rows) > 80 * len(rows):
        return rows
    found = rows[:1]
    for (start, end), new in zip(rows[1:], is_new, strict=True):
        if new:
            found.append((start, end))
        else:
            found[-1] = (found[-1][0], end)
    return found


def parting(text: str) -> str:
    """Return what parts the paragraphs of a text: an empty line, or a line break where its paragraphs are lines."""
    spans = paragraphs(text)
    gaps = [text.count("\n", a[1], b[0]) for a, b in zip(spans, spans[1:], strict=False)]
    return "\n" if gaps and max(gaps) == 1 else "\n\n"


def _add(found: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if stripped := piece.strip():
        start += len(piece) - len(piece.lstrip())
        found.append((start, start + len(stripped)))
