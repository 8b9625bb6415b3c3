"""A base, an adapter and held-out requests -> which of the two writes better pieces, told by one judge.

Both write to the same requests with the same seeds; the judge is the base without the adapter, or another model. A
request that the adapter was trained on would tell only what it remembers, so it is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np

from writer_r1.acceptance import DELTA, judge_range, usable
from writer_r1.adapters import Adapter
from writer_r1.agreement import interval, rounded
from writer_r1.drafting import Writer, Written, write_draft
from writer_r1.errors import WriterError
from writer_r1.events import outcome
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.judge import Judge, scored
from writer_r1.llm import LLM, Cancel
from writer_r1.training.adoption import examples_of
from writer_r1.training.data import Example, read_prompts
from writer_r1.trajectory import Evaluation, Noun, Rubric, prompt_id

Outcome = Literal["win", "tie", "loss", "not scored"]
Tick = Callable[[int, int], None]  # how many texts are written and judged, of how many


class Pair(Noun):
    """What both wrote to one request; `outcome` is the adapter's, rewards are in [0, 1], None where not scored."""

    prompt: str
    base: str
    adapter: str
    base_reward: float | None
    adapter_reward: float | None
    outcome: Outcome


class Comparison(Noun):
    """The adapter against its base. `win_rate` counts a tie as half; intervals are at 95 %, drawn over requests.

    `difference` is the adapter's mean reward less the base's. `left_out` requests were trained on.
    """

    base: str
    adapter: str
    strength: float
    judge: str
    wins: int
    ties: int
    losses: int
    not_scored: int
    left_out: int
    win_rate: float
    win_rate_lo: float
    win_rate_hi: float
    difference: float
    difference_lo: float
    difference_hi: float
    pairs: tuple[Pair, ...]


class Sides(NamedTuple):
    """The base, and the same with the adapter on."""

    base: LLM
    adapted: LLM


def held_out(path: Path, adapter: Adapter) -> tuple[list[Example], int]:
    """Return the requests in a file that the adapter was not trained on, and how many it was.

    Raises:
        WriterError: none is left, or the file cannot be used.
    """
    found = read_prompts(path).examples
    known = set(adapter.trained_on)
    kept = [e for e in found if prompt_id(e.prompt) not in known]
    if not kept:
        raise WriterError(
            f"The adapter {adapter.name!r} was trained on every request in {path.name!r}, so they would show only what "
            "it remembers; give requests that it has not seen."
        )
    return kept, len(found) - len(kept)


def unseen(folder: Path, adapter: Adapter) -> list[Example]:
    """Return the requests that a run held out, each once, without those that its adapter was trained on elsewhere.

    Raises:
        WriterError: none is left, or the run's data are gone.
    """
    known = set(adapter.trained_on)
    found = {prompt_id(e.prompt): e for e in examples_of(folder, "held_out")}
    if kept := [e for id_, e in found.items() if id_ not in known]:
        return kept
    raise WriterError(f"The run {folder.name!r} held out no request that {adapter.name!r} has not seen.")


def written(example: Example, sides: Sides, cancel: Cancel, *, seed: int, max_words: int) -> Iterator[Written]:
    """Yield what the base writes to a request, and then what the adapter does, from the same seed."""
    facts = read_facts(example.prompt)
    for llm in sides:
        yield outcome(write_draft(1, example.prompt, Writer(llm, cancel, facts, seed, max_words)))


def compared(
    examples: Sequence[Example], sides: Sides, judge: Judge, *, seed: int, max_words: int, tick: Tick
) -> Iterator[Pair]:
    """Yield for each request what both wrote and how the adapter did."""
    for number, example in enumerate(examples):
        criteria = example.rubric.criteria if example.rubric else measured_criteria(read_facts(example.prompt))
        rubric = Rubric(prompt_id=prompt_id(example.prompt), criteria=criteria)
        texts, found = list[str](), list[Evaluation | None]()
        for one in written(example, sides, judge.cancel, seed=seed + number, max_words=max_words):
            texts.append(one.text)
            found.append(scored(example.prompt, one.text, rubric, judge) if usable(one) else None)
            tick(2 * number + len(texts), 2 * len(examples))
        rewards = [e.reward if e else None for e in found]
        yield Pair(
            prompt=example.prompt,
            base=texts[0],
            adapter=texts[1],
            base_reward=rewards[0],
            adapter_reward=rewards[1],
            outcome=_outcome(rubric, *found),
        )


def _outcome(rubric: Rubric, base: Evaluation | None, adapted: Evaluation | None) -> Outcome:
    """Return how the adapter did; a text that is no piece loses to one that is, and a judge's ranges must part."""
    values = [e.reward if e else 0.0 for e in (base, adapted)]
    before, after = values
    if before is None or after is None:
        return "not scored"
    least = max(DELTA, sum(judge_range(rubric, e) for e in (base, adapted) if e) / 2)
    return "tie" if abs(after - before) < least else "win" if after > before else "loss"


def comparison(
    pairs: Sequence[Pair], adapter: Adapter, *, strength: float, judge: str, left_out: int = 0
) -> Comparison:
    """Return what the pairs come to.

    Raises:
        WriterError: none of them could be scored.
    """
    told = [p for p in pairs if p.outcome != "not scored"]
    if not told:
        raise WriterError(f"The judge {judge} could score none of {len(pairs)} pairs; choose another judge.")
    score = np.array([{"win": 1.0, "tie": 0.5}.get(p.outcome, 0.0) for p in told])
    gain = np.array([(p.adapter_reward or 0.0) - (p.base_reward or 0.0) for p in told])
    groups = [p.prompt for p in told]
    rate = interval(lambda at: float(score[at].mean()), groups)
    difference = interval(lambda at: float(gain[at].mean()), groups)
    count = [p.outcome for p in pairs].count
    return Comparison(
        base=adapter.base,
        adapter=adapter.name,
        strength=strength,
        judge=judge,
        wins=count("win"),
        ties=count("tie"),
        losses=count("loss"),
        not_scored=count("not scored"),
        left_out=left_out,
        win_rate=rounded(fmean(score)),
        win_rate_lo=rate[0],
        win_rate_hi=rate[1],
        difference=rounded(fmean(gain)),
        difference_lo=difference[0],
        difference_hi=difference[1],
        pairs=tuple(pairs),
    )
