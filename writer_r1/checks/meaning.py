"""Draft and vectors -> Measures of meaning: does one sentence lead to the next, is each demand of the request met.

Every function takes the embedder as an argument and asks it once. Likeness of meaning is measured in English only, and
says what a text is about, not how well it is told.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import fsum, sqrt
from typing import NamedTuple

from writer_r1.checks.text import MAX_SPANS, Measure, Span, between, sentences, shown, word_count
from writer_r1.checks.wording import standing
from writer_r1.embedding import cosine
from writer_r1.facts.language import detect_language
from writer_r1.trajectory import Noun, Unit

Vector = Sequence[float]
Similarity = Callable[[str, Sequence[str]], Sequence[float]]
Embed = Callable[[Sequence[str]], Sequence[Vector]]

OFF_TOPIC, ON_TOPIC = 0.05, 0.45  # likeness that counts as 0 and as 1
MAX_UNITS = 64  # sentences of a text that are read
RUN = 4  # of a longer text, runs of so many neighbours are read, evenly spread
MIN_WORDS = 4  # a shorter sentence is read with the one beside it
MAX_CHARACTERS = 300  # of a sentence, about 60 words
SAME = 0.95  # neighbours so alike say the same: that is repetition
APART, TOGETHER = 0.12, 0.30  # mean likeness of neighbours that counts as 0 and as 1
UNMET, MET = 0.15, 0.50  # likeness of a demand to the nearest sentence that counts as 0 and as 1
MAX_DEMANDS = 32
UNREAD = Measure(
    value=None, reason="Not measured: the part that compares meanings is not there; install the studio again."
)


class Met(Noun):
    """How far one demand is met, and the words that are nearest to it (None where nothing is near)."""

    demand: str
    likeness: float  # of the nearest part to the demand, in [-1, 1]
    value: Unit
    span: Span | None


def relevance(text: str, request: str, similarity: Similarity | None) -> Measure:
    """Return how near the text is to the request in meaning: 0 at a likeness of 0.05, 1 at 0.45, straight between.

    Source: the two ends are ours. Published stories and the requests written for them lie at 0.28 to 0.63, a story and
    the request for another at 0.24 on average. The likeness says nothing outside English, so there it is not used.
    """
    if not text.strip():
        return Measure(value=0.0, reason="There is no text.")
    if similarity is None:
        return UNREAD
    if _foreign(text, request):
        return Measure(value=None, reason="Not measured: likeness of meaning can be measured in English only.")
    likeness = similarity(request, [text])[0]
    value = between(likeness, OFF_TOPIC, ON_TOPIC)
    told = "keeps to" if value >= 0.7 else "is loosely tied to" if value >= 0.3 else "is about something else than"
    return Measure(value=value, reason=f"The piece {told} the request (likeness {likeness:.2f}).")


def units(text: str) -> list[Span]:
    """Return the sentences, where one of fewer than four words is read with its neighbour on the same line."""
    found: list[Span] = []
    short = False
    for start, end in sentences(text):
        is_short = word_count(text[start:end]) < MIN_WORDS
        last = found[-1] if found else (0, 0)
        if (short or is_short) and 0 < last[1] - last[0] < MAX_CHARACTERS and "\n" not in text[last[1] : start]:
            found[-1] = (last[0], end)
            short = short and word_count(text[last[0] : end]) < MIN_WORDS
        else:
            found.append((start, end))
            short = is_short
    return found


def runs(text: str) -> list[list[Span]]:
    """Return runs of neighbouring units, 64 at most in all: the whole text, or sixteen runs of four spread over it."""
    found = units(text)
    if len(found) <= MAX_UNITS:
        return [found] if found else []
    count = MAX_UNITS // RUN
    starts = [round(k * (len(found) - RUN) / (count - 1)) for k in range(count)]
    return [found[at : at + RUN] for at in starts]


def read(text: str, span: Span) -> str:
    """Return the words of a unit that the embedder is given."""
    return text[span[0] : min(span[1], span[0] + MAX_CHARACTERS)]


class Neighbours(NamedTuple):
    pairs: list[tuple[Span, Span, float]]  # with their likeness
    overall: float  # mean likeness of any two of the sentences, in any order


def neighbours(text: str, embed: Embed) -> Neighbours:
    """Return how alike each read sentence is to the next one; those that say the same again are left out."""
    rows = runs(text)
    vectors = iter(embed([read(text, span) for row in rows for span in row]))
    pairs: list[tuple[Span, Span, float]] = []
    seen: list[Vector] = []
    for row in rows:
        found = [next(vectors) for _ in row]
        seen += found
        alike = [cosine(a, b) for a, b in pairwise(found)]
        pairs += [(a, b, x) for a, b, x in zip(row, row[1:], alike, strict=False) if x < SAME]
    return Neighbours(pairs, _overall(seen))


def _overall(vectors: Sequence[Vector]) -> float:
    n = len(vectors)
    if n < 2:
        return 0.0
    # The squared length of a sum of unit vectors is n and twice the sum of their likenesses.
    length = fsum(total * total for total in map(sum, zip(*vectors, strict=True)))
    own = fsum(cosine(v, v) for v in vectors)
    return max(-1.0, min(1.0, (length - own) / (n * (n - 1))))


def _foreign(*texts: str) -> bool:
    return bool({detect_language(text) for text in texts} - {"en", None})


def coherence(text: str, embed: Embed | None) -> Measure:
    """Return how well neighbouring sentences hold together: 0 at a mean likeness of 0.12, 1 at 0.30.

    Source: first-order coherence (Foltz, Kintsch and Landauer 1998) with sentence vectors; the ends are ours. Stories
    lie at 0.19 to 0.35, the same with their sentences shuffled at 0.15 to 0.32 (a story lies above its own shuffle in
    78 of 100 cases), sentences of many stories mixed at 0.07 to 0.18.
    """
    if embed is None:
        return UNREAD
    if _foreign(text):
        return Measure(value=None, reason="Not measured: likeness of meaning can be measured in English only.")
    pairs = neighbours(text, embed).pairs if text.strip() else []
    if len(pairs) < 3:
        return Measure(value=None, reason="Not measured: the text has too few sentences.")
    mean = fsum(likeness for _, _, likeness in pairs) / len(pairs)
    value = between(mean, APART, TOGETHER)
    # The weakest joints, each from the start of one sentence to the end of the next.
    weak = sorted(sorted(pairs, key=lambda pair: pair[2])[: max(1, len(pairs) // 8)])
    spans = tuple((a[0], b[1]) for a, b, _ in weak)[:MAX_SPANS] if value < 0.9 else ()
    told = "follow from each other" if value >= 0.7 else "hang together loosely" if value >= 0.3 else "hardly connect"
    return Measure(value=value, spans=spans, reason=f"Neighbouring sentences {told} (likeness {mean:.2f}).")


def met(text: str, demands: Sequence[str], embed: Embed) -> list[Met]:
    """Return for each demand how near the nearest sentence or pair of sentences is: 0 at 0.15, 1 at 0.50.

    Words of a demand that stand in the text as they are count as met. Source: the ends are ours. For the
    demands of its own request the nearest part of a story lies at 0.18 to 0.55, of another request at 0.12 to 0.33.
    """
    demands = [demand for demand in demands if demand.strip()][:MAX_DEMANDS]
    rows = runs(text)
    known = list(embed([*demands, *(read(text, span) for row in rows for span in row)]))
    parts = Parts(rows, known[len(demands) :])
    return [_nearest(text, demand, vector, parts) for demand, vector in zip(demands, known, strict=False)]


class Parts:
    """The sentences that were read, with the pairs of neighbours: a pair's vector is the sum of its two."""

    def __init__(self, rows: list[list[Span]], vectors: Sequence[Vector]) -> None:
        self.vectors = vectors
        self.spans = [span for row in rows for span in row]
        self.pairs: list[tuple[int, float]] = []  # where the first of the two is, and the length of their sum
        at = 0
        for row in rows:
            for i in range(at, at + len(row) - 1):
                self.pairs.append((i, sqrt(max(0.0, 2 + 2 * cosine(vectors[i], vectors[i + 1])))))
            at += len(row)

    def alike(self, vector: Vector) -> Iterator[tuple[float, Span]]:
        """Yield how alike each sentence and each pair is to `vector`."""
        single = [cosine(vector, each) for each in self.vectors]
        yield from zip(single, self.spans, strict=True)
        for i, length in self.pairs:
            if length:
                span = (self.spans[i][0], self.spans[i + 1][1])
                yield max(-1.0, min(1.0, (single[i] + single[i + 1]) / length)), span


def _nearest(text: str, demand: str, vector: Vector, parts: Parts) -> Met:
    likeness, span = max(parts.alike(vector), default=(0.0, None), key=lambda found: found[0])
    if literal := standing(text, demand):
        return Met(demand=demand, likeness=likeness, value=1.0, span=literal[0])
    value = between(likeness, UNMET, MET)
    return Met(demand=demand, likeness=likeness, value=value, span=span if value else None)


def coverage(text: str, demands: Sequence[str], embed: Embed | None) -> Measure:
    """Return the mean of `met` over the demands, with the words that meet each."""
    if embed is None:
        return UNREAD
    return covered(text, met(text, demands, embed))


def covered(text: str, found: Sequence[Met]) -> Measure:
    """Return the mean of what `met` found in `text`."""
    if not found:
        return Measure(value=None, reason="Not measured: the request names nothing that could be looked for.")
    if not text.strip():
        return Measure(value=0.0, reason="There is no text.")
    if _foreign(text, " ".join(row.demand for row in found)):
        return Measure(value=None, reason="Not measured: likeness of meaning can be measured in English only.")
    least = min(found, key=lambda row: row.value)
    missed = f"Least to be found: “{shown(least.demand, 80)}”."
    return Measure(
        value=min(1.0, fsum(row.value for row in found) / len(found)),
        spans=tuple(sorted({row.span for row in found if row.span})[:MAX_SPANS]),
        reason=missed if least.value < 0.7 else "Everything asked for can be found.",
    )
