"""Rated stories + criteria from seven hands -> whose criteria agree best with readers: `writer-r1 bench criteria`.

The first claim of Writer-R1 is that its criteria judge as well as those of people. The same judge scores the same
stories under each hand's criteria, and each overall score is compared with what readers gave. "ours, for another
request" is the placebo: criteria that do no better than it do not carry the work. Source: arXiv 2603.15061 for the
claim; the protocol is ours (`docs/criteria.md`).

Criteria and verdicts are kept as they are made, a line each, so that a run that was broken off goes on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from writer_r1.agreement import agreement, interval, rounded
from writer_r1.calibrate import Gathered, Rated, unseen_ratings
from writer_r1.checks import word_count
from writer_r1.criteria import Analyst
from writer_r1.criteria_arms import (
    ARMS,
    NONE,
    ONE_CALL,
    OTHER,
    OURS,
    PUBLISHED,
    READERS,
    WHOLE,
    Criteria,
    Published,
    arms,
    nearest,
    one_call,
    ours,
)
from writer_r1.errors import WriterError
from writer_r1.figure import Point, Row, forest
from writer_r1.fitting import Rows, spearman
from writer_r1.judge import QUESTIONS, Judge, verdicts
from writer_r1.lines import Kept
from writer_r1.prompts import prompt_hash
from writer_r1.rated_sets import QUESTIONS as ASKED
from writer_r1.rated_sets import Folder
from writer_r1.trajectory import Criterion, digest, mean

OTHERS = "writingbench_literature.jsonl"
ASK = QUESTIONS[:1]  # the second wording is for the range, and takes as long again
MARGIN = 0.10  # by which ours may be worse than people's and still count as no worse
ALONE, MIXED = "the verdict alone", "the whole judge"
LIKED = "likability"
PROMPTS = ("one_call", "open_coding", "axial_coding", "selective_coding")

Say = Callable[[str, int, int], None]  # what is being done, done, in all
Said = dict[str, list[tuple[float | None, float]]]  # by arm: verdict (None: no answer) and nearness of each criterion
Scores = dict[str, Rows]  # by arm: one for each text


class Bench(NamedTuple):
    """What is compared: so many requests of the rated ones, by one judge, which also makes the criteria."""

    found: Gathered
    data: Path
    requests: int
    seed: int
    judge: Judge
    kept: Kept


def compare(bench: Bench, say: Say) -> dict[str, Any]:
    """Return the agreement with readers under each arm, and of ours against each other one; all with intervals.

    Raises:
        WriterError: a file of the data cannot be used.
    """
    if bench.judge.readers is None:
        raise WriterError(
            f"{bench.judge.llm.name} has no fit to readers; make one first: writer-r1 calibrate --data DIR"
        )
    requests = list(dict.fromkeys(r.request for r in bench.found.rated))
    chosen = Random(bench.seed).sample(requests, min(bench.requests, len(requests)))
    texts = [r for r in bench.found.rated if r.request in chosen]
    criteria = dict(_criteria(bench, chosen, say))
    looked = list[tuple[Rated, Said]]()
    for done, text in enumerate(texts):
        say("judging", done, len(texts))
        looked.append((text, _said(bench, text, criteria[text.request])))
    say("judging", len(texts), len(texts))
    whole = [(t, row) for t, row in looked if all(v is not None for said in row.values() for v, _ in said)]
    scores = dict(_scores(bench, whole, criteria))
    counts = {"requests": len(chosen), "left_out": len(looked) - len(whole)}
    return _result(bench, [t for t, _ in whole], scores) | counts


def _scores(
    bench: Bench, looked: Sequence[tuple[Rated, Said]], criteria: Mapping[str, Mapping[str, Criteria]]
) -> Iterator[tuple[str, Scores]]:
    """Yield by the verdict alone, and by the whole judge, the overall score of each text under every arm."""
    said = {arm: [mean(v for v, _ in row[arm] if v is not None) for _, row in looked] for arm in ARMS}
    yield ALONE, {arm: np.array(row) for arm, row in said.items()}
    unseen = unseen_ratings(bench.found)
    mixed = {
        arm: [
            mean(_mixed(bench.judge, criteria[t.request][arm], row[arm], unseen[t.request, t.text]))
            for t, row in looked
        ]
        for arm in ARMS
    }
    yield MIXED, {arm: np.array(row) for arm, row in mixed.items()}


def _criteria(bench: Bench, chosen: Sequence[str], say: Say) -> Iterator[tuple[str, dict[str, Criteria]]]:
    """Yield the criteria of every arm for each request; "another request" is the one before it in the list."""
    asked = _asked(bench.data, bench.found.ratings)
    published = _published(bench.data)
    made: list[dict[str, Criteria]] = []
    for done, request in enumerate(chosen):
        say("making criteria", done, len(chosen))
        made.append(_made(bench, request, published))
    say("making criteria", len(chosen), len(chosen))
    for k, request in enumerate(chosen):
        yield request, arms(request, made[k], asked, made[k - 1][OURS])


def _made(bench: Bench, request: str, published: Sequence[Published]) -> dict[str, Criteria]:
    judge = bench.judge
    analyst = Analyst(judge.llm, judge.similarity, judge.cancel, bench.seed)
    version = digest(judge.llm.name, str(bench.seed), *map(prompt_hash, PROMPTS))

    def kept(arm: str, make: Callable[[str, Analyst], Criteria]) -> Criteria:
        rows = bench.kept.get(
            digest("criteria", version, arm, request),
            lambda: [[c.name, c.description] for c in make(request, analyst)],
        )
        return tuple(Criterion(name=name, description=description) for name, description in rows)

    likeness = judge.similarity(request, [p.request for p in published]) if judge.similarity else [0.0] * len(published)
    return {
        PUBLISHED: nearest(request, published, likeness),
        OURS: kept(OURS, ours),
        ONE_CALL: kept(ONE_CALL, one_call) or (WHOLE,),  # an answer that names nothing leaves nothing else
    }


def _said(bench: Bench, text: Rated, criteria: Mapping[str, Criteria]) -> Said:
    """Return what the judge says of a story by each criterion, all asked in one forked batch."""
    every = [(arm, c) for arm in ARMS for c in criteria[arm]]
    fit = prompt_hash("judge") + digest(*ASK)
    key = digest(
        "said", bench.judge.llm.name, fit, text.request, text.text, *(arm + c.name + c.description for arm, c in every)
    )
    readers = bench.judge.readers
    assert readers is not None

    def ask() -> Said:
        found: Said = {arm: [] for arm in ARMS}
        scores = verdicts(text.request, text.text, [c for _, c in every], None, bench.judge, ASK)
        nears = readers.found(text.text, [c for _, c in every])
        for (arm, _), score, near in zip(every, scores, nears, strict=True):
            found[arm].append((score.parts.get("verdict"), near))
        return found

    return {arm: [(v, n) for v, n in rows] for arm, rows in bench.kept.get(key, ask).items()}


def _mixed(
    judge: Judge, criteria: Criteria, said: Sequence[tuple[float | None, float]], ratings: Mapping[str, float]
) -> Iterator[float]:
    """Yield the score of each criterion as the studio gives it, from a fit that saw no text of the request."""
    assert judge.readers is not None
    for criterion, (verdict, near) in zip(criteria, said, strict=True):
        assert verdict is not None  # such a text was left out
        yield judge.readers.calibration.mixed(judge.readers.of_criterion(criterion, ratings), verdict, near)


def _result(bench: Bench, texts: Sequence[Rated], scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Return the agreement of each arm with the mean of the ratings and with how much a story was liked."""
    words, groups = [word_count(t.text) for t in texts], [t.request for t in texts]
    people = {"mean": np.array([mean(t.ratings.values()) for t in texts])}
    people |= {LIKED: np.array([t.ratings[LIKED] for t in texts])} if LIKED in bench.found.ratings else {}
    found: dict[str, Any] = {"model": bench.judge.llm.name, "texts": len(texts), "seed": bench.seed, "with": {}}
    for rated, given in people.items():
        found["with"][rated] = {
            way: {
                arm: agreement(row.tolist(), given.tolist(), words, groups).model_dump() for arm, row in by_arm.items()
            }
            for way, by_arm in scores.items()
        }
    found["ours_over"] = {
        way: {arm: _over(by_arm[OURS], by_arm[arm], people["mean"], groups) for arm in ARMS if arm != OURS}
        for way, by_arm in scores.items()
    }
    found["whole_over_verdict"] = {
        arm: _over(scores[MIXED][arm], scores[ALONE][arm], people["mean"], groups) for arm in ARMS
    }
    found["no_worse_than_readers"] = {way: rows[READERS]["lo"] > -MARGIN for way, rows in found["ours_over"].items()}
    found["better_than_placebo"] = {way: rows[OTHER]["lo"] > 0 for way, rows in found["ours_over"].items()}
    found["better_than_none"] = {way: rows[NONE]["lo"] > 0 for way, rows in found["ours_over"].items()}
    return found


def _over(these: Rows, others: Rows, people: Rows, groups: Sequence[str]) -> dict[str, float]:
    """Return by how much these scores agree better, with the paired interval over requests."""
    lo, hi = interval(lambda at: spearman(these[at], people[at]) - spearman(others[at], people[at]), groups)
    gain = spearman(these, people) - spearman(others, people)
    return {"gain": rounded(gain), "lo": lo, "hi": hi}


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the result as lines for people."""
    yield f"{result['model']}: {result['texts']} stories to {result['requests']} requests; rho with the mean rating"
    yield f"{'criteria':<34} {ALONE:<24} {MIXED:<24} ours over it (whole judge)"
    for arm in ARMS:
        cells = [_with_interval(result["with"]["mean"][way][arm], "rho") for way in (ALONE, MIXED)]
        over = "" if arm == OURS else _with_interval(result["ours_over"][MIXED][arm], "gain")
        yield f"{arm:<34} {cells[0]:<24} {cells[1]:<24} {over}"


def _with_interval(row: Mapping[str, Any], key: str) -> str:
    return "not known" if row[key] is None else f"{row[key]:5.2f} [{row['lo']:.2f}, {row['hi']:.2f}]"


def picture(result: Mapping[str, Any]) -> str:
    """Return the result as a picture (SVG)."""
    found, ways = result["with"]["mean"], (ALONE, MIXED)
    rows = []
    for arm in ARMS:
        cells = [found[way][arm] for way in ways]
        points = [Point(k, c["rho"], c["lo"], c["hi"]) for k, c in enumerate(cells) if c["rho"] is not None]
        rows.append(Row(arm, tuple(points)))
    return forest("Agreement with readers (Spearman), by whose criteria are asked", rows, ways)


def _asked(data: Path, rated: Mapping[str, Sequence[float]]) -> Criteria:
    """Return what the readers were asked, in the words of the study."""
    try:
        found = Folder(data, 0, 0).questions("wp_a")
        return tuple(Criterion(name=name.capitalize(), description=found[name]) for name in rated)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WriterError(f"{ASKED!r} does not say what the readers were asked ({error!r}).") from None


def _published(data: Path) -> list[Published]:
    """Return the English requests of WritingBench with the criteria that were published for each."""
    try:
        found = [
            Published(
                row["query"],
                tuple(Criterion(name=c["name"][:60], description=c["description"]) for c in row["criteria"]),
            )
            for row in Folder(data, 0, 0).rows(OTHERS)
            if row["lang"] == "en"
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WriterError(f"{OTHERS!r} holds no published criteria ({error!r}).") from None
    if not found:
        raise WriterError(f"{OTHERS!r} holds no English request.")
    return found
