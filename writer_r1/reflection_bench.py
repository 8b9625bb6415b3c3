"""Requests, and drafts made better in several ways -> whether reflection helps: `writer-r1 bench reflection`.

The second claim of Writer-R1 is that reflecting against the criteria beats answering directly and plain refinement.
The judge of the loop cannot show that: it chose what it is asked about. So what counts first can be verified without a
judge (length asked for, constraints met, repetition, an ending); then a second judge that the loop never saw; the
loop's own reward is told beside them, as what may be over-optimised. Protocol: arXiv 2603.15061 for the claim, the
arms and outcomes are ours (`docs/papers.md` 3).

Every arm of every request is kept as it is made, a line each with its texts, so that a run broken off goes on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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
    ONE_GO,
    PLACEBO,
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
)
from writer_r1.reflection_result import SECOND, outcomes, result
from writer_r1.training.data import Example
from writer_r1.trajectory import Advice, Rubric, digest
from writer_r1.workspace import Workspace

PROMPTS = ("draft", "revise", "reflect", "judge", "think")

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


def compare(bench: Bench, say: Say, cancel: Cancel) -> dict[str, Any]:
    """Return what the arms come to; what was made before a stop is not made again."""
    total, done, began, made = len(bench.examples) * len(bench.arms), 0, time.monotonic(), 0
    started, played = dict[str, Start](), dict[tuple[str, str], Played]()
    order = [arm for arm in (MRPO, DIRECT, BLIND, GENERIC, BEST_OF, ONE_GO, PLACEBO) if arm in bench.arms]
    for arm in order:  # the loop first, since its reflections are the placebo of the next request
        for number, example in enumerate(bench.examples):
            left = (time.monotonic() - began) / made * (total - done) if made else None
            say(arm, done, total, left)
            fresh = _key(bench, arm, example, _before(bench, number)) not in bench.kept
            started[example.prompt], played[arm, example.prompt] = _play(bench, arm, number, played, cancel)
            done, made = done + 1, made + fresh
    say("measuring", total, total, None)
    texts = {(arm, e.prompt): played[arm, e.prompt] for arm in order for e in bench.examples}
    found = {key: outcomes(key[1], one.best) for key, one in texts.items()}
    if bench.second:
        for (arm, prompt), value in _second(bench, started, texts, say, cancel).items():
            found[arm, prompt][SECOND] = value
    told = {"model": bench.model, "judge": bench.judge, "second": bench.second, "rounds": bench.rounds}
    return (
        told | {"seed": bench.seed} | result([e.prompt for e in bench.examples], bench.arms, bench.rounds, texts, found)
    )


def _before(bench: Bench, number: int) -> str:
    """Return the request whose reflections are this one's placebo."""
    return bench.examples[number - 1].prompt


def _key(bench: Bench, arm: str, example: Example, other: str) -> str:
    version = digest(bench.model, bench.judge, str(bench.rounds), str(bench.seed), *map(prompt_hash, PROMPTS))
    rubric = example.rubric.id if example.rubric else ""
    return digest(arm, version, rubric, example.prompt, other if arm == PLACEBO else "", length=24)


def _play(
    bench: Bench, arm: str, number: int, played: Mapping[tuple[str, str], Played], cancel: Cancel
) -> tuple[Start, Played]:
    example, other = bench.examples[number], _before(bench, number)
    beside = played.get((MRPO, other)) if other != example.prompt else None  # one's own reflections are no placebo

    def players() -> Players:
        judge = bench.workspace.judge_by(bench.judge, cancel)
        return Players(bench.workspace.llm(bench.model), judge, bench.rounds, bench.seed)

    def start() -> dict[str, Any]:
        with bench.workspace.machine():
            return begin(example.prompt, example.rubric, players()).model_dump(mode="json")

    begun = Start.model_validate(bench.kept.get(_key(bench, "start", example, ""), start))

    def play() -> dict[str, Any]:
        with bench.workspace.machine():
            found = _played(arm, begun, played.get((MRPO, example.prompt)), beside, players())
        if cancel():
            raise KeyboardInterrupt  # what was cut short says nothing
        return found.model_dump(mode="json")

    return begun, Played.model_validate(bench.kept.get(_key(bench, arm, example, other), play))


def _played(arm: str, start: Start, loop: Played | None, other: Played | None, players: Players) -> Played:
    budget = loop.tokens if loop else 0
    given: list[tuple[Advice, ...]] = advised(other) if other else []
    match arm:
        case "MRPO":
            return looped(start, players)
        case "blind rewrite":
            return blind(start, budget, players)
        case "placebo critique":
            return placebo(start, budget, given, players)
        case "generic critique":
            return generic(start, budget, players)
        case "thinking in one go":
            return one_go(start, players)
        case "best of several":
            return best_of(start, budget, players)
    return Played(attempts=(start.draft,))


def _second(
    bench: Bench,
    started: Mapping[str, Start],
    texts: Mapping[tuple[str, str], Played],
    say: Say,
    cancel: Cancel,
) -> dict[tuple[str, str], float | None]:
    """Return the reward of each last accepted text by the second judge, over the judged criteria alone."""
    assert bench.second is not None
    found = dict[tuple[str, str], float | None]()
    with bench.workspace.machine():
        judge = bench.workspace.judge_by(bench.second, cancel)
        for done, ((arm, prompt), one) in enumerate(texts.items()):
            say("asking the second judge", done, len(texts), None)
            key = digest("second", judge.llm.name, prompt_hash("judge"), prompt, one.best.text, length=24)
            found[arm, prompt] = bench.kept.get(key, lambda: _seen(prompt, one, started, judge))  # noqa: B023
    return found


def _seen(prompt: str, one: Played, started: Mapping[str, Start], judge: Judge) -> float | None:
    rubric = started[prompt].rubric
    judged = tuple(c for c in rubric.criteria if c.check is None)
    if not judged:
        return None
    return scored(prompt, one.best.text, Rubric(prompt_id=rubric.prompt_id, criteria=judged), judge).reward
