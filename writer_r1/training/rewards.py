"""(prompt, rubric, text) -> reward in [0, 1]: what can be checked, and at most to a half what a judge says.

A judge of this size can be flattered by odd text, a check cannot; so the checks always have their half, and a gate
takes the whole reward from what is no piece at all. The rubric of a prompt is fixed for the run, since rewards compare
only under one rubric. The judge is a model of its own and never has the adapter on.
"""

import math
import random
from contextlib import suppress
from typing import NamedTuple

from writer_r1 import catalog, places
from writer_r1.acceptance import judge_range
from writer_r1.calibration import Readers, calibration_of
from writer_r1.checks import faults
from writer_r1.drafting import ASKING, OPENING, TALK
from writer_r1.errors import TrainingError, WriterError
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.judge import Judge, measured_score, scored
from writer_r1.llm import load, never
from writer_r1.training.config import Config
from writer_r1.training.data import Example
from writer_r1.trajectory import Criterion, Rubric, digest, prompt_id, weighted_reward

UNSUITED = ("relevance",)  # checks that need a model of their own


class Reward(NamedTuple):
    """What a text earns; `value` is NaN where nothing could be scored. `scores` are by criterion name.

    `weights` are of the criteria that could be scored, and sum to 1: a text that is a piece earns the sum of both.
    `range` is the width of the judge's own range of the value, 0 where nothing but checks has a say.
    """

    value: float
    scores: dict[str, float]
    gated: bool = False
    weights: dict[str, float] = {}
    range: float = 0.0


class Rewarder:
    """The reward of one run, and how often it had to look."""

    def __init__(self, config: Config) -> None:
        self._config, self._judge = config, _judge_of(config)
        self._known: dict[tuple[str, str, bool], Reward] = {}
        self.asked = self.remembered = 0
        share = f"{config.judge_share:g}" if self._judge else ""
        self.id = ":".join(part for part in (config.reward, config.judge or "", share) if part)

    def rubric(self, example: Example) -> Rubric:
        """Return what texts for this prompt are held to."""
        return frozen_rubric(example, judged=self._judge is not None)

    def reward(self, prompt: str, rubric: Rubric, text: str, *, whole: bool) -> Reward:
        """Return what `text` earns; a text that is not `whole` was cut at its longest length, so it has no ending."""
        key = rubric.id, text, whole
        if key in self._known:
            self.remembered += 1
        else:
            self.asked += 1
            self._known[key] = self._looked(prompt, rubric, text, whole)
        return self._known[key]

    def earned(self, example: Example, text: str, *, whole: bool) -> Reward:
        """Return what `text` earns as an answer to this example's request."""
        return self.reward(example.prompt, self.rubric(example), text, whole=whole)

    def _looked(self, prompt: str, rubric: Rubric, text: str, whole: bool) -> Reward:
        if self._config.reward == "random":
            return Reward(random.Random(digest(str(self._config.seed), text)).random(), {})
        checked = _checked(prompt, rubric, text, whole)
        value = weighted_reward(_only(rubric, judged=False), checked)
        scores = {c.name: v for c in rubric.criteria if (v := checked.get(c.id)) is not None}
        weights = _shares(rubric, scores)
        if is_no_piece(text):
            return Reward(0.0, scores, gated=True, weights=weights)
        if self._judge and any(c.check is None for c in rubric.criteria):
            asked = _only(rubric, judged=True)
            found = scored(prompt, text, asked, self._judge)
            if found.reward is None or value is None:
                return Reward(math.nan, scores)
            said = {c.name: s.value for c, s in zip(asked.criteria, found.scores, strict=True) if s.value is not None}
            share = self._config.judge_share
            both = _shares(rubric, scores, 1 - share) | _shares(asked, said, share)
            width = share * judge_range(asked, found)
            return Reward((1 - share) * value + share * found.reward, scores | said, weights=both, range=width)
        return Reward(math.nan if value is None else value, scores, weights=weights)


def frozen_rubric(example: Example, *, judged: bool) -> Rubric:
    """Return what texts for a prompt are held to all run: its own rubric, or what its words state outright.

    Criteria without a check are among it only where a model has a say, `judged`.
    """

    def counts(criterion: Criterion) -> bool:
        return judged if criterion.check is None else criterion.check.type not in UNSUITED

    own = example.rubric.criteria if example.rubric else ()
    kept = [c for c in own or measured_criteria(read_facts(example.prompt)) if counts(c)]
    if not any(c.check for c in kept):  # the checks always have their share
        kept += [c for c in measured_criteria(read_facts(example.prompt)) if counts(c)]
    return Rubric(prompt_id=prompt_id(example.prompt), criteria=tuple(kept))


def _checked(prompt: str, rubric: Rubric, text: str, whole: bool) -> dict[str, float | None]:
    found = {c.id: measured_score(c, c.check, prompt, text, None).value for c in rubric.criteria if c.check is not None}
    cut = {c.id: 0.0 for c in rubric.criteria if c.check and c.check.type == "completeness" and not whole}
    return found | cut


def _shares(rubric: Rubric, scores: dict[str, float], whole: float = 1.0) -> dict[str, float]:
    """Return the weights of the criteria that were scored, by name, so that they sum to `whole`."""
    found = {c.name: c.weight for c in rubric.criteria if c.name in scores}
    total = math.fsum(found.values())
    return {name: whole * weight / total for name, weight in found.items()} if total else {}


def _only(rubric: Rubric, *, judged: bool) -> Rubric:
    return rubric.model_copy(update={"criteria": tuple(c for c in rubric.criteria if (c.check is None) == judged)})


def is_no_piece(text: str) -> bool:
    """Return whether a text is empty, runs in a loop, or talks to its reader about the task instead of doing it."""
    return bool(faults(text, None, False)) or bool(TALK.search(text) or ASKING.search(text[:OPENING]))


def _judge_of(config: Config) -> Judge | None:
    if config.reward != "judge" or config.judge is None:
        return None
    from writer_r1.embedding import embed, similarity

    name = catalog.find(config.judge, places.models()).name
    base = config.base
    with suppress(WriterError):  # one that is no model of the list, such as a folder of weights
        base = catalog.find(base, places.models()).name
    if name == base:
        raise TrainingError(f"{name!r} cannot judge its own training; choose another judge.", "settings")
    llm = load(catalog.path_of(name, places.models()), name=name, threads=config.threads)
    fit = calibration_of(name, places.home())
    return Judge(llm, similarity, never, Readers(fit, embed) if fit else None)
