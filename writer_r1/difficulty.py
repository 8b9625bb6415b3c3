"""Requests and the model that is to learn -> those neither too easy nor too hard for it: `writer-r1 difficulty`.

A prompt whose drafts all score alike teaches nothing, whether all are good or all are bad. So the current policy
writes some drafts to each request, and the request stays where their mean reward is within limits and their spread is
more than the judge's own noise. That R2-Write filters by difficulty is known at second hand; the limits are ours
(`docs/papers.md` 5).
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from writer_r1.acceptance import judge_range
from writer_r1.adapters import digest_of
from writer_r1.checks import faults
from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.drafting import Writer, draft_request, reply_tokens
from writer_r1.errors import RequestTooLong, WriterError
from writer_r1.events import outcome
from writer_r1.facts import read_facts
from writer_r1.judge import Judge, scored
from writer_r1.llm import LLM, Cancel, Sampling
from writer_r1.room import Doing, Host, work_off
from writer_r1.row_files import Pair, Row, Say
from writer_r1.thought_aloud import piece_of
from writer_r1.training.data import Example
from writer_r1.trajectory import Rubric, digest
from writer_r1.weights_folder import ADAPTER_FILE

EASY = "too easy: its drafts are good already"
HARD = "too hard: its drafts score too low"
FLAT = "its drafts score alike, within the judge's noise"
UNSCORED = "fewer than two of its drafts could be scored"
TOO_LONG = "the request is too long for the model"
CHANGED = "What the drafting model wears was changed meanwhile; begin again to try requests with what it is now."
RANGE = 1.645 * math.sqrt(2)  # widths of noise in a range from which 19 pairs in 20 are in order
BINS = 10


class Limits(NamedTuple):
    """Which mean rewards stay, and which spread; without `noise` it is told by the judge's own ranges."""

    low: float = 0.3
    high: float = 0.85
    noise: float | None = None


class Wish(NamedTuple):
    """Whose drafts are taken, by which judge, how many of a request, and what stays."""

    policy: str
    judge: str
    drafts: int
    seed: int
    limits: Limits
    adapter: Path | None = None  # a file for llama.cpp, or a folder of PEFT's for a model in transformers
    worn: str = ""  # what it is called, and the digest of its weights
    weights: str = ""
    strength: float = 1.0


class Spread(NamedTuple):
    """The rewards of a request's drafts; `noise` is the spread that the judge alone would give them."""

    rewards: tuple[float, ...]
    noise: float

    @property
    def mean(self) -> float:
        """Return the mean reward, as it is kept."""
        return round(fmean(self.rewards), 4)

    @property
    def spread(self) -> float:
        """Return the sample standard deviation of the rewards."""
        return stdev(self.rewards) if len(self.rewards) > 1 else 0.0


class Requests(Pair):
    """The rows of requests that stay and, beside them, of those that were left out."""

    begins = ("d-",)


def unfit(found: Spread, limits: Limits) -> str | None:
    """Return why a request is left out; None where its drafts have something to teach."""
    if len(found.rewards) < 2:
        return UNSCORED
    if found.mean < limits.low:
        return HARD
    if found.mean > limits.high:
        return EASY
    noise = found.noise if limits.noise is None else limits.noise
    return FLAT if found.spread <= noise else None


def histogram(means: Sequence[float], bins: int = BINS) -> list[int]:
    """Return how many of the means lie in each of `bins` equal parts of [0, 1]; 1 belongs to the last."""
    counts = Counter(min(bins - 1, int(mean * bins)) for mean in means)
    return [counts[k] for k in range(bins)]


def choose(host: Host, examples: Sequence[Example], files: Requests, wish: Wish, say: Say, cancel: Cancel) -> int:
    """Try every request that was not tried yet, and return how many were tried now."""
    weights = _weights(wish)

    def work(key: str, example: Example, halt: Cancel, doing: Doing) -> None:
        if _weights(wish) != weights:
            raise WriterError(CHANGED)
        judge = host.judge_by(wish.judge, halt, wish.policy)
        policy = host.llm(wish.policy)
        policy = policy.adapted(wish.adapter, wish.strength) if wish.adapter else policy
        doing(f"writing {wish.drafts} drafts and judging them")
        _try(key, example, policy, judge, files, wish)

    return work_off(examples, key_of, files, host.jobs, work, say, cancel)


def _weights(wish: Wish) -> str:
    """Return the digest of what the policy wears; an empty string where it wears nothing."""
    worn = wish.adapter
    return digest_of(worn / ADAPTER_FILE if worn.is_dir() else worn) if worn else ""


def key_of(example: Example) -> str:
    """Return the id of the row that a request ends in."""
    return Requests.begins[0] + digest(example.prompt)


def _try(key: str, example: Example, policy: LLM, judge: Judge, files: Requests, wish: Wish) -> None:
    row: dict[str, Any] = {"id": key, "prompt": example.prompt} | _tried_with(wish)
    try:
        rubric = example.rubric or outcome(
            derive_rubric(example.prompt, Analyst(judge.llm, judge.similarity, judge.cancel, wish.seed))
        )
        found = tried(example, rubric, policy, judge, wish)
    except RequestTooLong:
        files.drop(row | {"reason": TOO_LONG})
        return
    if judge.cancel():
        return  # what was cut short says nothing
    row |= {"rewards": list(found.rewards), "noise": found.noise}
    row |= {"mean": found.mean, "spread": round(found.spread, 4)} if found.rewards else {}
    # Of what is dropped, too: by other limits it may stay.
    row |= {"rubric": json.loads(rubric.model_dump_json())}
    if why := unfit(found, wish.limits):
        files.drop(row | {"reason": why})
    else:
        files.keep(row)


def _tried_with(wish: Wish) -> dict[str, Any]:
    worn = {"adapter": wish.worn, "weights": _weights(wish)}  # a name may stand for other weights one day
    return {"policy": wish.policy, **worn, "judge": wish.judge, "drafts": wish.drafts}


def refuse_others(files: Requests, wish: Wish) -> None:
    """Return where all that was tried before was tried as it is wished now, as far as its rows say.

    Raises:
        WriterError: some was tried otherwise, and says nothing of these drafts.
    """
    now = _tried_with(wish)
    for row in (*files.kept, *files.dropped):
        other = {key: row[key] for key in now if row.get(key, now[key]) != now[key]}
        if other:
            before, asked = _said(other), _said({key: now[key] for key in other})
            raise WriterError(
                f"The requests in {str(files.out)!r} were tried with {before}, not with {asked}; name another file "
                "with --out."
            )


def _said(made: Mapping[str, Any]) -> str:
    words = {
        "policy": "the model {!r}",
        "adapter": "the adapter {!r}",
        "weights": "weights of the adapter with the digest {:.12}",
        "judge": "the judge {!r}",
        "drafts": "{} drafts",
    }
    return " and ".join(words[key].format(value) if value else f"no {key}" for key, value in made.items())


def tried(example: Example, rubric: Rubric, policy: LLM, judge: Judge, wish: Wish) -> Spread:
    """Return how the policy's drafts to a request score; one that is empty, loops or is spoiled by a thought has 0."""
    writer = Writer(policy, judge.cancel, read_facts(example.prompt))
    sampling = Sampling(reply_tokens(writer), temperature=1.0, top_p=1.0, min_p=0.0, seed=wish.seed)
    texts = policy.drafts(draft_request(example.prompt), sampling, wish.drafts, judge.cancel)
    rewards, widths = list[float](), list[float]()
    for text in texts:
        piece, spoiled = piece_of(text, example.prompt)
        if spoiled or faults(piece, None, False):
            rewards.append(0.0)
            continue
        evaluation = scored(example.prompt, piece.strip(), rubric, judge)
        if evaluation.reward is not None:
            rewards.append(round(evaluation.reward, 4))
            widths.append(judge_range(rubric, evaluation))
    return Spread(tuple(rewards), round(fmean(widths) / RANGE, 4) if widths else 0.0)


class Sorted(NamedTuple):
    """Requests that were tried, as limits part them: those that stay, why others do not, and where the means lie."""

    kept: tuple[Row, ...]
    dropped: dict[str, int]
    histogram: list[int]
    kept_histogram: list[int]


def sort_out(rows: Sequence[Row], limits: Limits) -> Sorted:
    """Return how these limits part the rows of requests that were tried; nothing is written anew."""
    kept, reasons = list[Row](), Counter[str]()
    for row in rows:
        if why := _why_out(row, limits):
            reasons[why] += 1
        else:
            kept.append(row)
    means = ([float(row["mean"]) for row in some if "mean" in row] for some in (rows, kept))
    return Sorted(tuple(kept), dict(reasons.most_common()), *map(histogram, means))


def _why_out(row: Row, limits: Limits) -> str:
    """Return why these limits leave out a request that was tried; an empty string where it stays."""
    if not row.get("rewards"):
        return str(row.get("reason", UNSCORED))
    return unfit(Spread(tuple(row["rewards"]), float(row.get("noise", 0.0))), limits) or ""


def part_anew(files: Requests, limits: Limits) -> str:
    """Return what these limits changed of what was tried before, as a sentence; both files are then written anew.

    An empty string where nothing changed.
    """
    with files.alone():
        return _parted_anew(files, limits)


def _parted_anew(files: Requests, limits: Limits) -> str:
    kept, dropped = list[Row](), list[Row]()
    for row in {str(row["id"]): row for row in (*files.kept, *files.dropped)}.values():
        bare, why = {key: value for key, value in row.items() if key != "reason"}, _why_out(row, limits)
        if why:
            dropped.append(bare | {"reason": why})
        else:
            kept.append(bare)
    if (kept, dropped) == (files.kept, files.dropped):
        return ""
    before, now = ({str(row["id"]) for row in rows} for rows in (files.kept, kept))
    files.part(kept, dropped)
    return (
        f"What was tried before was parted anew by these limits ({len(now - before)} more kept, {len(before - now)} "
        "more dropped), and both files were written anew."
    )


def summary(files: Requests) -> dict[str, Any]:
    """Return how many requests stay, why others do not, and where their mean rewards lie."""
    means = [float(row["mean"]) for row in (*files.kept, *files.dropped) if "mean" in row]
    reasons = Counter(str(row.get("reason")) for row in files.dropped)
    return {
        "kept": len(files.kept),
        "dropped": dict(reasons.most_common()),
        "histogram": histogram(means),
        "kept_histogram": histogram([float(row["mean"]) for row in files.kept]),
    }
