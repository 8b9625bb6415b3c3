"""A request, its frozen criteria and a text -> what the text earns, as in Writer-R1's own training.

Needs writer-r1 only. Where a judge is named in `reward.json`, it is read from the models of the machine that this runs
on; with its calibration, if that machine has one.
"""

import json
import math
import threading
from functools import cache
from pathlib import Path
from typing import Any

from writer_r1.training.config import configured
from writer_r1.training.rewards import Reward, Rewarder
from writer_r1.trajectory import Rubric

HERE = Path(__file__).parent
_TURN = threading.Lock()  # a judge is one model and answers one at a time


def rows() -> list[dict[str, Any]]:
    """Return the requests: `id`, `request` as typed, `system` and `prompt` as the model sees it, and `rubric`."""
    return [json.loads(line) for line in (HERE / "prompts.jsonl").read_text("utf-8").split("\n") if line]


def scored(request: str, rubric: dict[str, Any], text: str, *, whole: bool = True) -> Reward:
    """Return what a text earns; one that is not `whole` was cut at its longest length, so it has no ending."""
    with _TURN:
        return _rewarder().reward(request, Rubric.model_validate(rubric), text.strip(), whole=whole)


def value(found: Reward) -> float:
    """Return the reward itself, in [0, 1].

    Raises:
        ValueError: nothing could be scored, as when the judge gave no score; that is not a 0.
    """
    if math.isnan(found.value):
        raise ValueError("This piece could not be scored: the judge gave no score, or nothing of it could be checked.")
    return found.value


@cache
def _rewarder() -> Rewarder:
    said = json.loads((HERE / "reward.json").read_text("utf-8"))
    return Rewarder(configured("mrpo", name="taskset", base="trained elsewhere", data=str(HERE), **said))
