"""Requests, and drafts made better in several ways -> whether reflection helps: `writer-r1 bench reflection`.

The second claim of Writer-R1 is that reflecting against the criteria beats answering directly and plain refinement.
The judge of the loop cannot show that: it chose what it is asked about. So what counts first can be verified without a
judge (length asked for, constraints met, repetition, an ending); then a second judge that the loop never saw; the
loop's own reward is told beside them, as what may be over-optimised. Protocol: arXiv 2603.15061 for the claim, the
arms and outcomes are ours (`docs/papers.md` 3).

Every arm of every request is kept as it is made, a line each with its texts, so that a run broken off goes on, or goes
on to more requests. A line counts under the models, prompts and choices it was made with, and under no others.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from writer_r1.acceptance import usable
from writer_r1.calibration import calibration_of
from writer_r1.errors import Busy
from writer_r1.judge import Judge, scored
from writer_r1.lines import Kept
from writer_r1.llm import Cancel
from writer_r1.prompts import prompt_hash
from writer_r1.reflection_arms import (
    BEST_OF,
    BLIND,
    DIRECT,
    GENERIC,
    MRPO,
    NO_MEMORY,
    ONE_GO,
    PLACEBO,
    PLAIN,
    Played,
    Players,
    Start,
    advised,
    begin,
    best_of,
    blind,
    generic,
    looped,
    one_go,
    placebo,
    plain_judge,
)
from writer_r1.reflection_result import SECOND, Outcomes, outcomes, result
from writer_r1.training.data import Example
from writer_r1.trajectory import Advice, Attempt, Rubric, digest, mean
from writer_r1.workspace import Workspace

START = "start"
FORM = "4"  # of the arms: counted up where they do something else than before
FORM_OF = {START: "3", DIRECT: "3", ONE_GO: "5"}  # for these instead
CRITERIA = ("open_coding", "axial_coding", "selective_coding")
PROMPTS = ("draft", "judge", *CRITERIA)  # on which every arm rests
ROUNDS = ("revise", "extend", "reflect")
PROMPTS_OF = {START: (), DIRECT: (), ONE_GO: (*ROUNDS, "think"), PLAIN: (*ROUNDS, "verdict")}  # and each of the others
# Left out of rows, as the request is: they quote it, it may be somebody else's, and rows be committed.
UNSAID = {"evaluation": {"notes"}}
PLACES = {"criteria": {"__all__": {"source": {"span"}}}}
SOON_S = 1.0  # for which nothing is said where the model is in use
Hold = Callable[[], AbstractContextManager[None]]
Say = Callable[[str, int, int, float | None], None]  # what is being done, done, in all, seconds left


class Bench(NamedTuple):
    """What is compared, by whom, and where it is kept; `second` is a judge that the loop does not see."""

    workspace: Workspace
    examples: Sequence[Example]
    arms: Sequence[str]
    model: str
    judge: str
    second: str | None
    rounds: int
    seed: int
    kept: Kept


def compare(bench: Bench, say: Say, cancel: Cancel) -> Iterator[dict[str, Any]]:
    """Yield what the arms come to so far, before anything is made and when a request is through, and at the end of all.

    What was made before a stop is not made again. The second judge is asked at the end.
    """
    order = _order(bench.arms, len(bench.examples))
    left = [(arm, n) for arm, n in order if _key(bench, arm, n) not in bench.kept]
    started, played, took = dict[str, Start](), dict[tuple[str, str], Played](), dict[str, list[float]]()
    told = 0
    for done, (arm, number) in enumerate(order):
        prompt, fresh = bench.examples[number].prompt, left[:1] == [(arm, number)]
        if fresh:
            whole = [e.prompt for e in bench.examples if all((one, e.prompt) in played for one in bench.arms)]
            if len(whole) > told:
                told = len(whole)
                yield _told(bench, whole, started, played, _found(bench.arms, whole, played))
            say(arm, done, len(order), _seconds(took, [one for one, _ in left]))
        began = time.monotonic()
        wait = partial(say, f"waiting for the model, then {arm}", done, len(order), None)
        started[prompt], played[arm, prompt] = _play(
            bench, arm, number, played, partial(_hold, bench.workspace, wait), cancel
        )
        if fresh:
            left.pop(0)
            took.setdefault(arm, []).append(time.monotonic() - began)
    say("measuring", len(order), len(order), None)
    prompts = [e.prompt for e in bench.examples]
    found = _found(bench.arms, prompts, played)
    if bench.second:
        for (arm, prompt), value in _second(bench, started, played, say, cancel).items():
            found[arm, prompt][SECOND] = value
    yield _told(bench, prompts, started, played, found)


@contextmanager
def _hold(workspace: Workspace, wait: Callable[[], None]) -> Iterator[None]:
    """Hold the machine's model lock; `wait` is called where another job has it for longer than a moment."""
    with ExitStack() as held:
        try:
            held.enter_context(workspace.machine(SOON_S))
        except Busy:
            wait()
            held.enter_context(workspace.machine())
        yield


def _order(arms: Sequence[str], count: int) -> list[tuple[str, int]]:
    """Return what is made when: request by request, the loop first, whose tokens and reflections the others need."""
    order = dict[tuple[str, int], None]()
    for number in range(count):
        for arm in (MRPO, *arms):
            order |= {(MRPO, other): None} if arm == PLACEBO and (other := _other(number, count)) is not None else {}
            order[arm, number] = None
    return [(arm, number) for arm, number in order if arm in arms]


def _other(number: int, count: int) -> int | None:
    """Return the request whose reflections are this one's placebo; it stays the same when there are more requests."""
    other = number - 1 if number else 1
    return other if other < count else None


def _seconds(took: Mapping[str, Sequence[float]], arms: Sequence[str]) -> float | None:
    """Return how long these arms will take, by those of their kind that were made; None before there is one."""
    if not took:
        return None
    usual = mean(t for times in took.values() for t in times)
    return math.fsum(mean(took[arm]) if arm in took else usual for arm in arms)


def _found(
    arms: Sequence[str], prompts: Sequence[str], played: Mapping[tuple[str, str], Played]
) -> dict[tuple[str, str], Outcomes]:
    return {(arm, p): outcomes(p, played[arm, p].best) for arm in arms for p in prompts}


def _told(
    bench: Bench,
    prompts: Sequence[str],
    started: Mapping[str, Start],
    played: Mapping[tuple[str, str], Played],
    found: Mapping[tuple[str, str], Outcomes],
) -> dict[str, Any]:
    rubrics = {prompt: started[prompt].rubric for prompt in prompts}
    who = {"model": bench.model, "judge": bench.judge, "second": bench.second, "rounds": bench.rounds}
    asked = {"seed": bench.seed, "asked": len(bench.examples)}
    return who | asked | result(rubrics, bench.arms, bench.rounds, played, found)


def _key(bench: Bench, arm: str, number: int) -> str:
    example, other = bench.examples[number], _other(number, len(bench.examples))
    fit = calibration_of(bench.judge, bench.workspace.common)
    words = [prompt_hash(name) for name in (*PROMPTS, *PROMPTS_OF.get(arm, ROUNDS))]
    form = FORM_OF.get(arm, FORM)
    made_by = (form, bench.model, bench.judge, fit.id if fit else "", str(bench.rounds), str(bench.seed), *words)
    beside = bench.examples[other].prompt if arm == PLACEBO and other is not None else ""
    return digest(arm, *made_by, example.rubric.id if example.rubric else "", example.prompt, beside, length=24)


def _play(
    bench: Bench, arm: str, number: int, played: Mapping[tuple[str, str], Played], hold: Hold, cancel: Cancel
) -> tuple[Start, Played]:
    example = bench.examples[number]

    def players() -> Players:
        judge = bench.workspace.judge_by(bench.judge, cancel)
        return Players(bench.workspace.llm(bench.model), judge, bench.rounds, bench.seed)

    def start() -> dict[str, Any]:
        with hold():
            begun = begin(example.prompt, example.rubric, players())
        return begun.model_dump(mode="json", exclude={"prompt": True, "draft": UNSAID, "rubric": PLACES})

    begun = Start.model_validate(bench.kept.get(_key(bench, START, number), start) | {"prompt": example.prompt})

    def play() -> dict[str, Any]:
        with hold():
            loop, others = played.get((MRPO, example.prompt)), _advised(bench, number, played) if arm == PLACEBO else []
            found = _played(arm, begun, loop, others, players())
        if cancel():
            raise KeyboardInterrupt  # what was cut short says nothing
        return found.model_dump(mode="json", exclude={"attempts": {"__all__": UNSAID}})

    return begun, Played.model_validate(bench.kept.get(_key(bench, arm, number), play))


def _advised(bench: Bench, number: int, played: Mapping[tuple[str, str], Played]) -> list[tuple[Advice, ...]]:
    """Return what another request was advised, whose loop was played before."""
    other = _other(number, len(bench.examples))
    if other is None or (loop := played.get((MRPO, bench.examples[other].prompt))) is None:
        return []
    start = bench.kept.get(_key(bench, START, other), dict)  # is there: its loop began with it
    return advised(Rubric.model_validate(start["rubric"]), loop)


def _played(
    arm: str, start: Start, loop: Played | None, others: Sequence[tuple[Advice, ...]], players: Players
) -> Played:
    budget = loop.tokens if loop else 0
    ways: dict[str, Callable[[], Played]] = {
        DIRECT: lambda: Played(attempts=(start.draft,)),
        BLIND: lambda: blind(start, budget, players),
        PLACEBO: lambda: placebo(start, budget, others, players),
        MRPO: lambda: looped(start, players),
        BEST_OF: lambda: best_of(start, budget, players),
        GENERIC: lambda: generic(start, budget, players),
        PLAIN: lambda: plain_judge(start, budget, players),
        NO_MEMORY: lambda: looped(start, players, memory=False),
        ONE_GO: lambda: one_go(start, players),
    }
    return ways[arm]()


def _second(
    bench: Bench,
    started: Mapping[str, Start],
    texts: Mapping[tuple[str, str], Played],
    say: Say,
    cancel: Cancel,
) -> dict[tuple[str, str], float | None]:
    """Return the reward of each last accepted text by the second judge, over the judged criteria alone."""
    assert bench.second is not None
    found, began, made = dict[tuple[str, str], float | None](), time.monotonic(), 0
    with _hold(bench.workspace, partial(say, "waiting for the model, then the second judge", 0, len(texts), None)):
        judge = bench.workspace.judge_by(bench.second, cancel)
        for done, ((arm, prompt), one) in enumerate(texts.items()):
            rubric, by = started[prompt].rubric, judge.info
            key = digest(
                "second", by.model, by.prompt_hash, by.calibration, rubric.id, prompt, one.best.text, length=24
            )
            left_s = (time.monotonic() - began) / made * (len(texts) - done) if made else None
            say("asking the second judge", done, len(texts), left_s)
            made += key not in bench.kept
            found[arm, prompt] = bench.kept.get(key, lambda: _seen(prompt, one.best, rubric, judge))  # noqa: B023
    return found


def _seen(prompt: str, best: Attempt, rubric: Rubric, judge: Judge) -> float | None:
    judged = tuple(c for c in rubric.criteria if c.check is None)
    if not judged or not usable(best):
        return None
    return scored(prompt, best.text, Rubric(prompt_id=rubric.prompt_id, criteria=judged), judge).reward
