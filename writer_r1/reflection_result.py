"""What the arms of a measurement wrote -> what can be verified of it, their differences, and pictures of both.

What is verified without a judge comes first. Intervals are paired: requests are drawn, and each brings what every arm
made of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from writer_r1.acceptance import usable
from writer_r1.agreement import mean_interval, rounded
from writer_r1.checks import measure
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.figure import Line, Point, Row, bars, forest, lines
from writer_r1.loop import Task, reached
from writer_r1.reflection_arms import MRPO, Played
from writer_r1.trajectory import Attempt, Rubric, mean

CONSTRAINTS, LENGTH, REPETITION, ENDING = "constraints met", "length as asked", "no repetition", "an ending"
VERIFIED = (CONSTRAINTS, LENGTH, REPETITION, ENDING)
OWN, SECOND = "the loop's own judge", "a second judge"
ASKED = ("length", "must_include", "must_not", "language")  # checks that are met or not; others only estimate
TARGETS = (0.5, 0.6, 0.7, 7 / 9, 0.9)  # of the sweep, of the reward
MET = 0.999
TAKEN, ALIKE, FELL, NONE = "taken", "not clearly better", "a criterion fell", "no text, or a copy"
ENDS = (TAKEN, ALIKE, FELL, NONE)

Outcomes = dict[str, float | None]


def outcomes(prompt: str, attempt: Attempt) -> Outcomes:
    """Return what can be verified of a text, and the reward of the loop's own judge; None where it was not asked."""
    facts = read_facts(prompt)
    found = dict[str, float | None]()
    values = list[float]()
    for criterion in measured_criteria(facts):
        if criterion.check is None or criterion.check.type == "relevance":
            continue
        value = measure(criterion.check, attempt.text, prompt).value
        match criterion.check.type:
            case "repetition":
                found[REPETITION] = value
            case "completeness":
                found[ENDING] = value
            case _ if criterion.check.type in ASKED and value is not None:
                values.append(value)
                if criterion.check.type == "length":
                    found[LENGTH] = value
    found[CONSTRAINTS] = mean(float(v >= MET) for v in values) if values else None
    found[OWN] = attempt.evaluation.reward if attempt.evaluation else None
    return {name: found.get(name) for name in (*VERIFIED, OWN)}


def result(
    rubrics: Mapping[str, Rubric],
    arms: Sequence[str],
    rounds: int,
    played: Mapping[tuple[str, str], Played],
    found: Mapping[tuple[str, str], Outcomes],
) -> dict[str, Any]:
    """Return means with intervals, MRPO's gain over each arm, what was degraded, the curve, and the rounds used.

    `rubrics` are the criteria by request.
    """
    prompts = list(rubrics)
    names = [*VERIFIED, OWN, *([SECOND] if any(SECOND in row for row in found.values()) else [])]
    loops = {p: played[MRPO, p] for p in prompts if MRPO in arms}
    return {
        "requests": len(prompts),
        "arms": {
            arm: {name: _mean([found[arm, p].get(name) for p in prompts]) for name in names}
            | {
                "tokens": rounded(mean(played[arm, p].tokens for p in prompts)),
                "degraded": rounded(mean(float(_degraded(p, played[arm, p])) for p in prompts)),
                "degraded_last": rounded(mean(float(_degraded(p, played[arm, p], last=True)) for p in prompts)),
                "texts": verdicts([played[arm, p] for p in prompts]),
            }
            for arm in arms
        },
        "mrpo_over": {
            arm: {name: _gain([(found[MRPO, p].get(name), found[arm, p].get(name)) for p in prompts]) for name in names}
            for arm in (arms if MRPO in arms else ())
            if arm != MRPO
        },
        "curve": {arm: _curve([(p, played[arm, p]) for p in prompts], rounds) for arm in arms},
        "iterations": {str(n): k for n, k in sorted(Counter(len(one.attempts) - 1 for one in loops.values()).items())},
        "sweep": list(_sweep(loops, rubrics, rounds)),
    }


def verdicts(plays: Sequence[Played]) -> dict[str, int]:
    """Return what became of the texts that were written after the draft: how many had each end."""
    found = dict.fromkeys(ENDS, 0)
    for attempt in [a for one in plays for a in one.attempts[1:]]:
        refused = FELL if " fell by " in attempt.why else ALIKE if usable(attempt) else NONE
        found[TAKEN if attempt.accepted else refused] += 1
    return found


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    rows = [v for v in values if v is not None]
    if not rows:
        return {"mean": None, "lo": None, "hi": None, "n": 0}
    lo, hi = mean_interval(rows)
    return {"mean": rounded(fmean(rows)), "lo": lo, "hi": hi, "n": len(rows)}


def _gain(pairs: Sequence[tuple[float | None, float | None]]) -> dict[str, Any]:
    """Return the paired difference, with its interval over requests, and in how many requests there is one."""
    apart = [a - b if a is not None and b is not None else None for a, b in pairs]
    found = _mean(apart)
    return {"gain": found.pop("mean")} | found | {"moved": sum(d is not None and abs(d) > 1e-9 for d in apart)}


def _degraded(prompt: str, played: Played, *, last: bool = False) -> bool:
    """Return whether fewer constraints are met, or more is repeated, than in the draft."""
    before = outcomes(prompt, played.attempts[0])
    after = outcomes(prompt, played.attempts[-1] if last else played.best)
    pairs = [(before[name], after[name]) for name in (CONSTRAINTS, REPETITION)]
    return any(a is not None and b is not None and b < a - 1e-9 for a, b in pairs)


def _at(played: Played, rounds: int) -> Attempt:
    """Return the accepted text as it stood after so many rounds."""
    return Played(attempts=played.attempts[: rounds + 1]).best


def _curve(rows: Sequence[tuple[str, Played]], rounds: int) -> dict[str, list[float | None]]:
    """Return by outcome the mean after 0, 1, … rounds, of the accepted texts.

    Each mean is of the same requests: those of which the outcome is known after every round.
    """
    told = [[outcomes(p, _at(one, n)) for n in range(rounds + 1)] for p, one in rows]
    found: dict[str, list[float | None]] = {}
    for name in (*VERIFIED, OWN):
        known = [[v for at in one if (v := at[name]) is not None] for one in told]
        whole = [values for values in known if len(values) == rounds + 1]
        found[name] = [rounded(mean(values)) for values in zip(*whole, strict=True)] if whole else [None] * (rounds + 1)
    return found


def _sweep(loops: Mapping[str, Played], rubrics: Mapping[str, Rubric], rounds: int) -> Iterator[dict[str, Any]]:
    """Yield what the loop would have come to with other targets and fewer rounds, from the rounds that it made.

    It ends by its own rule (`loop.reached`), which also asks each criterion to be 6 of 10.
    """
    for target in TARGETS if loops else ():
        for most in range(rounds + 1):
            ended = {p: _ended(rubrics[p], one, target, most) for p, one in loops.items()}
            told = [outcomes(p, a) for p, (a, _) in ended.items()]
            yield {
                "target": round(target, 3),
                "rounds": most,
                "used": rounded(mean(float(n) for _, n in ended.values())),
                **{name: _mean_known([one[name] for one in told]) for name in (OWN, CONSTRAINTS, LENGTH)},
            }


def _mean_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of what is known, or None where nothing is."""
    known = [v for v in values if v is not None]
    return rounded(mean(known)) if known else None


def _ended(rubric: Rubric, played: Played, target: float, most: int) -> tuple[Attempt, int]:
    task = Task("bench", "", target=target)
    for number in range(most + 1):
        best = _at(played, number)
        if reached(rubric, best, task) or number + 1 >= len(played.attempts):
            return best, number
    return _at(played, most), most


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the result as lines for people."""
    yield f"{found['model']}, {found['requests']} requests, {found['rounds']} rounds at most; judge {found['judge']}"
    names = [name for name in (*VERIFIED, OWN, SECOND) if any(name in row for row in found["arms"].values())]
    yield f"{'':<18}" + "".join(f"{name:<22}" for name in names) + "tokens  degraded"
    for arm, row in found["arms"].items():
        cells = "".join(f"{_told(row[name], 'mean'):<22}" for name in names)
        yield f"{arm:<18}{cells}{row['tokens']:>6.0f}  {row['degraded']:.0%}"
    for arm, row in found["mrpo_over"].items():
        yield f"{'MRPO - ' + arm:<18}"[:18] + "".join(f"{_told(row[name], 'gain'):<22}" for name in names)
    yield "rounds used: " + ", ".join(f"{n}: {k}" for n, k in found["iterations"].items())


def _told(row: Mapping[str, Any], key: str) -> str:
    return (
        "-"
        if row[key] is None
        else f"{row[key]:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]".replace("+", "" if key == "mean" else "+")
    )


def pictures(found: Mapping[str, Any]) -> dict[str, str]:
    """Return by name the figures (SVG): rounds that MRPO used, its gain over each arm, curves by round and by target.

    Source: the first and the last are what the paper shows as its figures 2 and 3; see `docs/papers.md` 3.
    """
    names = [CONSTRAINTS, LENGTH, SECOND if any(SECOND in row for row in found["arms"].values()) else OWN]
    rows = []
    for arm, row in found["mrpo_over"].items():
        cells = [(k, row[name]) for k, name in enumerate(names)]
        rows.append(Row(arm, tuple(Point(k, c["gain"], c["lo"], c["hi"]) for k, c in cells if c["gain"] is not None)))
    drawn = dict[str, str]()
    if used := found["iterations"]:
        counts = [(f"{n} round{'s' * (n != 1)}", used.get(str(n), 0)) for n in range(found["rounds"] + 1)]
        drawn["reflection_rounds"] = bars("Requests, by the rounds that MRPO used", counts)
    if any(row.points for row in rows):
        drawn["reflection_arms"] = forest("What MRPO gains over each arm", rows, names)
    name = _told_by(found)
    if curves := list(_by_round(found, name)):
        drawn["reflection_curve"] = lines(f"{name.capitalize()}, by round, in the accepted texts", curves, "rounds")
    if curves := list(_by_target(found, name)):
        drawn["reflection_sweep"] = lines(f"{name.capitalize()} by MRPO, by its target", curves, "target, of 10")
    return drawn


def _told_by(found: Mapping[str, Any]) -> str:
    """Return what the curves show: the length, where one is asked for, which moves before a constraint is met."""
    return LENGTH if any(v is not None for curve in found["curve"].values() for v in curve[LENGTH]) else CONSTRAINTS


def _by_round(found: Mapping[str, Any], name: str) -> Iterator[Line]:
    for arm, curve in found["curve"].items():
        if points := [(float(n), v) for n, v in enumerate(curve[name]) if v is not None]:
            yield Line(arm, points)


def _by_target(found: Mapping[str, Any], name: str) -> Iterator[Line]:
    for most in range(1, found["rounds"] + 1):
        rows = [row for row in found["sweep"] if row["rounds"] == most and row[name] is not None]
        if rows:
            points = [(round(1 + 9 * row["target"], 1), row[name]) for row in rows]
            yield Line(f"{most} round{'s' * (most > 1)} at most", points)
