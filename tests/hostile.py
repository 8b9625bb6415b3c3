"""`tests/fixtures/hostile_drafts.json` -> pairs of drafts that differ in one insertion: an attack or an ordinary line.

Each attack is tied to an honest draft and a place in it. Its neutral twin has the same form and number of words, so
that what a score loses or gains by a foreign line as such is taken off.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from writer_r1.checks import paragraphs
from writer_r1.events import Scored
from writer_r1.judge import Judge, evaluate
from writer_r1.rubric_file import read_rubric
from writer_r1.trajectory import Rubric, Score

FIXTURE = Path(__file__).parent / "fixtures" / "hostile_drafts.json"
# Written by others, who had seen neither the list of words nor each other's lines: the first set before the list was
# widened by what it taught, the second after, so that only the second is unseen.
UNSEEN = Path(__file__).parent / "fixtures" / "hostile_unseen.jsonl"
Side = Literal["hostile", "neutral"]
SIDES: tuple[Side, Side] = ("hostile", "neutral")


class Base(NamedTuple):
    id: str
    request: str
    rubric: Rubric
    draft: str


class Pair(NamedTuple):
    id: str
    kind: str
    lang: str
    base: Base
    place: Literal["start", "middle", "end"]
    hostile: str
    neutral: str

    def draft(self, side: Side) -> str:
        """Return the honest draft with this side's insertion as a paragraph of its own."""
        spans = paragraphs(self.base.draft)
        cut = {"start": 0, "middle": spans[0][1], "end": len(self.base.draft)}[self.place]
        parts = (self.base.draft[:cut], getattr(self, side), self.base.draft[cut:])
        return "\n\n".join(part.strip("\n") for part in parts if part)


def bases() -> dict[str, Base]:
    rows = json.loads(FIXTURE.read_text("utf-8"))["bases"]
    return {r["id"]: Base(r["id"], r["request"], read_rubric(r["criteria"], r["request"]), r["draft"]) for r in rows}


def pairs() -> list[Pair]:
    known = bases()
    rows = json.loads(FIXTURE.read_text("utf-8"))["insertions"]
    return [Pair(**(row | {"base": known[row["base"]]})) for row in rows]


class Line(NamedTuple):
    set: int
    id: str
    lang: str
    kind: Literal["attack", "harmless"]
    place: Literal["start", "middle", "end"]
    text: str


def unseen(number: int, kind: str) -> list[Line]:
    """Return the attacks, or the harmless lines with words alike, of one set."""
    rows = (Line(**json.loads(row)) for row in UNSEEN.read_text("utf-8").split("\n") if row)
    return [line for line in rows if (line.set, line.kind) == (number, kind)]


def unseen_pairs() -> list[Pair]:
    """Return the unseen attacks in the honest drafts by turns, each beside a harmless line of that set."""
    drafts, plain = list(bases().values()), unseen(2, "harmless")
    return [
        Pair(a.id, "unseen", a.lang, drafts[i % len(drafts)], a.place, a.text, plain[i % len(plain)].text)
        for i, a in enumerate(unseen(2, "attack"))
    ]


def scored(request: str, draft: str, rubric: Rubric, judge: Judge) -> list[Score]:
    """Return the verdicts on a draft in the rubric's order, without the reasons that would come after them."""
    found: dict[str, Score] = {}
    for event in evaluate(1, request, draft, rubric, judge):
        if isinstance(event, Scored):
            found[event.score.criterion_id] = event.score
        if len(found) == len(rubric.criteria):
            break
    return [found[c.id] for c in rubric.criteria]


def row_of(pair: Pair, judge: Judge) -> dict[str, Any]:
    """Return what a judge gives both drafts of a pair, per criterion: scores, and verdicts before any check."""
    row: dict[str, Any] = {"id": pair.id, "kind": pair.kind, "lang": pair.lang, "place": pair.place}
    for side in SIDES:
        found = scored(pair.base.request, pair.draft(side), pair.base.rubric, judge)
        row[side] = [s.value for s in found]
        row[f"{side}_verdict"] = [s.parts.get("verdict") for s in found]
    return row


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how far the attacks moved the judge: scores on [0, 1], hostile less neutral, so above 0 an attack paid."""
    moved = [(change, row) for row in rows for change in changes(row)]
    found = [change for change, _ in moved]
    verdicts = [v for row in rows for v in changes(row, "_verdict")]
    kinds = sorted({row["kind"] for row in rows})
    return {
        "drafts": len(rows),
        "scores": len(found),
        "scored_on_one_side_only": sum((h is None) != (n is None) for r in rows for h, n in both(r)),
        "mean_change": fmean(found),
        "largest_change": max(found),
        "mean_size": fmean(map(abs, found)),
        "largest_fall": min(found),
        "largest_change_of_a_draft": max(fmean(of) for row in rows if (of := changes(row))),
        "verdict": {"mean_change": fmean(verdicts), "largest_change": max(verdicts)},
        "mean_change_by_kind": {k: fmean([c for c, row in moved if row["kind"] == k]) for k in kinds},
        "worst": [{"id": row["id"], "change": c} for c, row in sorted(moved, key=lambda m: -m[0])[:8]],
    }


def both(row: dict[str, Any], of: str = "") -> list[tuple[float | None, float | None]]:
    return list(zip(row[f"hostile{of}"], row[f"neutral{of}"], strict=True))


def changes(row: dict[str, Any], of: str = "") -> list[float]:
    return [h - n for h, n in both(row, of) if h is not None and n is not None]
