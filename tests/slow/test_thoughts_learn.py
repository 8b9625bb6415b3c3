"""Thoughts on the starter: SFT teaches their form, then MRPO pays for the outcome or part by part -> what came of it.

The starter learns the form from thoughts that the standard model made (`writer-r1 synth`, kept in
`docs/training/thoughts.jsonl`) and, since those are few, from the project's own pieces spoiled and told as thoughts
(`told_pieces.py`). Then it practises on the sample requests, of which it has seen none, with `thoughts` "outcome" and
with "credits", three seeds each. Runs lie in `build/thoughts/` and go on where they were stopped or killed; of a
finished one the columns that are reported go to `docs/training/thoughts-<arm>-<seed>.metrics.jsonl`.
"""

import hashlib
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from conftest import ROOT, STARTER
from test_learning import evaluated, rounded
from told_pieces import endings, rows

from writer_r1.agreement import interval, mean_interval
from writer_r1.drafting import Writer
from writer_r1.events import Reflected, Thought
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.figure import Line, lines
from writer_r1.judge import Judge
from writer_r1.llm import LLM, Cancel, Reply, Request, Sampling, never
from writer_r1.llm.llamacpp import LlamaCpp
from writer_r1.one_go import OPENS, think
from writer_r1.traces import Trace, parse
from writer_r1.training import job, run_folder
from writer_r1.training.config import Config, configured, parsed
from writer_r1.training.data import read_prompts, split
from writer_r1.training.export import to_gguf_adapter
from writer_r1.trajectory import Rubric

BUILD, REPORT = ROOT / "build" / "thoughts", ROOT / "docs" / "training"
MADE = REPORT / "thoughts.jsonl"  # by the standard model
REQUESTS = ROOT / "assets" / "sample_prompts.jsonl"
SFT: dict[str, Any] = {"steps": 96, "batch": 2, "prompt_tokens": 640, "text_tokens": 512, "learning_rate": 1e-3}
SFT |= {"held_out": 0.1, "held_out_prompts": 4, "evaluate_every": 48, "checkpoint_every": 8}
# Then with thoughts among them whose draft is good: what a model never does cannot be made likelier.
ENDING: dict[str, Any] = SFT | {"learning_rate": 5e-4}
# Eight thoughts an update: with four, twelve updates at 3e-4 were mostly noise. A schedule of 40 updates, of which the
# first are run: the rate has not run out, so that a run may go on.
UPDATES = 20
SIZES: dict[str, Any] = {"steps": 40, "group": 8, "prompts": 1, "prompt_tokens": 640, "text_tokens": 448}
SIZES |= {"learning_rate": 2e-4, "held_out": 0.5, "held_out_prompts": 30, "checkpoint_every": 4}
FORM: tuple[str, int] = ("form", 0)  # what SFT taught, told by the same thirty requests before any update
DRAWS = 2

PAIRS = 3  # seeds, each with both arms
RUNS = [(arm, seed) for seed in range(PAIRS) for arm in ("outcome", "credits")]
WELL_FORMED = 0.9  # share of the replies that are thoughts with a reflection
PAY = {"credits": 3}  # counted up where an arm is paid otherwise than before
SHORTER = 0.15  # of the reflection tokens, with "credits" against "outcome"
FIGURES = {
    "thoughts.svg": ("thoughts/reflection_tokens", "Tokens of reflections and revisions"),
    "thoughts-reward.svg": ("reward", "Reward of the pieces"),
}
KEPT = ("step", "split", "reward", "rewards", "kl", "entropy", "words", "finished", "tokens", "groups_flat", "seconds")


def taught(name: str, texts: list[dict[str, str]], **chosen: Any) -> None:
    """Teach the starter by these thoughts and the standard model's, or go on with it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    made = [json.loads(line) for line in MADE.read_text("utf-8").splitlines()]
    data = BUILD / f"{name}.jsonl"
    whole = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*made, *texts])
    if not data.exists() or data.read_text("utf-8") != whole:
        data.write_text(whole, "utf-8")
    config = configured("sft", name="thoughts", base="starter", data=str(data), **chosen)
    followed(BUILD / name, config, config.steps)


def asked(arm: str, seed: int) -> Config:
    pay = "outcome" if (arm, seed) == FORM else arm
    chosen = SIZES | {"thoughts": pay, "seed": seed, "evaluate_every": UPDATES, "adapter": str(adapter(arm, seed))}
    return configured("mrpo", name=f"{arm}-{seed}", base="starter", data=str(REQUESTS), **chosen)


def adapter(arm: str, seed: int) -> Path:
    """Return the folder of the adapter that a run begins with."""
    return BUILD / ("form" if (arm, seed) == FORM else "ending") / "adapter"


def followed(folder: Path, config: Config, last: int) -> None:
    """Begin a run, or go on with it, until it has evaluated after its update `last`."""
    if not (folder / "run.json").exists():
        job.start(folder, config)
    elif not job.is_alive(folder) and evaluated(folder) < last:
        job.resume(folder)
    while job.is_alive(folder):
        if last < config.steps and evaluated(folder) >= last and run_folder.stop_asked(folder) is None:
            job.stop(folder)
        time.sleep(1.0)
    assert evaluated(folder) >= last, job.log_tail(folder)


def run_with(arm: str, seed: int) -> dict[str, Any]:
    """Return what a run depends on: settings, requests, and the thoughts that its adapter was made of."""
    settings = asked(arm, seed).model_dump(mode="json") | {"data": REQUESTS.name, "adapter": "thoughts"}
    learned = [rows(), SFT] if (arm, seed) == FORM else [rows(), SFT, endings(), ENDING]
    texts = "".join(path.read_text("utf-8") for path in (REQUESTS, MADE)) + json.dumps(learned)
    found = {"settings": settings, "data": hashlib.sha256(texts.encode()).hexdigest(), "updates": last_of(arm, seed)}
    return found | ({"pay": PAY[arm]} if arm in PAY else {})


def last_of(arm: str, seed: int) -> int:
    """Return after how many updates a run is told."""
    return 0 if (arm, seed) == FORM else UPDATES


class Heard:
    """A model, and what it said last."""

    def __init__(self, llm: LLM) -> None:
        self._llm, self.said = llm, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        self.said = ""
        stream = self._llm.stream(request, sampling, cancel)
        while True:
            try:
                delta = next(stream)
            except StopIteration as end:
                return end.value
            self.said += delta
            yield delta


def on_the_page() -> dict[str, Any]:
    """Return what becomes of thoughts as the page has them: by llama.cpp, at its temperature and longest length."""
    llm, why, reflecting, strictly = LlamaCpp(STARTER, name="starter", threads=1), Counter[str](), 0, 0
    worn = Heard(llm.adapted(to_gguf_adapter(adapter(*FORM), STARTER, BUILD / "adapter.gguf"), 1.0))
    judge = Judge(worn, None, never)  # which is not asked
    for number, prompt in enumerate(requests_of(0)):
        facts = read_facts(prompt)
        rubric = Rubric(prompt_id="", criteria=measured_criteria(facts))
        for seed in range(DRAWS * number, DRAWS * (number + 1)):
            events = list(think(prompt, rubric, Writer(worn, never, facts, seed), judge))
            refused = next(e.refused for e in events if isinstance(e, Thought))
            why[refused or "read"] += 1
            reflecting += not refused and any(isinstance(e, Reflected) for e in events)
            strictly += isinstance(parse(OPENS + worn.said, prompt), Trace)
    llm.close()
    counts = {
        "read": why["read"],
        "reflecting": reflecting,
        "strictly": strictly,
    }  # strictly: with the piece written out
    shares = {name: round(count / why.total(), 4) for name, count in counts.items()}
    return {"replies": why.total()} | shares | {"why": dict(why.most_common())}


def told(arm: str, seed: int) -> list[dict[str, Any]] | None:
    """Return the rows of a run as they were kept, or None where there is none, or one with other settings."""
    path = REPORT / f"thoughts-{arm}-{seed}.metrics.jsonl"
    if not path.exists():
        return None
    head, *kept = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    wanted = run_with(arm, seed)
    same = parsed(head.pop("settings")) == parsed(wanted.pop("settings"))
    return kept if same and head == wanted else None


def keep(folder: Path, arm: str, seed: int) -> None:
    """Write what is reported of a run."""
    found = [row for row in run_folder.metrics(folder) if row["step"] <= last_of(arm, seed)]
    for row in found:
        row["seconds"] = sum(value for key, value in row.items() if key.startswith("seconds/"))
    kept = [
        {k: rounded(v) for k, v in row.items() if v is not None and (k in KEPT or k.startswith("thoughts/"))}
        for row in found
    ]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in (run_with(arm, seed), *kept))
    (REPORT / f"thoughts-{arm}-{seed}.metrics.jsonl").write_text(text, "utf-8")


def held_out(kept: list[dict[str, Any]], step: int) -> dict[str, Any]:
    (row,) = [row for row in kept if row.get("split") == "held_out" and row["step"] == step]
    return row


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(14400)
def test_the_form_is_learned() -> None:
    if all(told(*run) for run in [FORM, *RUNS]):
        return  # nothing is left to do with the adapter
    taught("form", rows(), **SFT)
    taught("ending", endings(), adapter=str(adapter(*FORM)), **ENDING)
    (REPORT / "thoughts-form-page.json").write_text(json.dumps(on_the_page(), indent=1) + "\n", "utf-8")


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(14400)
@pytest.mark.parametrize(("arm", "seed"), [FORM, *RUNS])
def test_a_run_goes_to_its_last_evaluation(arm: str, seed: int) -> None:
    if told(arm, seed):
        return
    if not adapter(arm, seed).exists():
        pytest.skip("the adapter that knows the form is not made yet; the test above makes it")
    folder = BUILD / f"{arm}-{seed}"
    followed(folder, asked(arm, seed), last_of(arm, seed))
    keep(folder, arm, seed)


def requests_of(seed: int) -> list[str]:
    """Return the requests that a run holds out, in the order of its rewards."""
    _, held = split(read_prompts(REQUESTS).examples, SIZES["held_out"], seed)
    return [example.prompt for example in held[: SIZES["held_out_prompts"]]]


def figures(runs: dict[tuple[str, int], list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what the form was worth, and for each seed the process reward against the outcome alone."""
    found: dict[str, Any] = {}
    for (arm, seed), kept in runs.items():
        first, last = held_out(kept, 0), held_out(kept, UPDATES)
        names = [name for name in last if name.startswith("thoughts/") or name in ("reward", "words", "finished")]
        found[f"{arm}-{seed}"] = {name: [first.get(name), last.get(name)] for name in names}
    all_gains, requests = list[float](), list[str]()
    for seed in sorted({seed for _, seed in runs}):
        if ("outcome", seed) not in runs or ("credits", seed) not in runs:
            continue
        outcome, paid = (held_out(runs[arm, seed], UPDATES) for arm in ("outcome", "credits"))
        gains = [a - b for a, b in zip(paid["rewards"], outcome["rewards"], strict=True)]
        low, high = mean_interval(gains)
        all_gains += gains
        requests += requests_of(seed)
        before, after = (row["thoughts/reflection_tokens"] for row in (outcome, paid))
        shorter = round(1 - after / before, 4) if before else None
        found[f"credits against outcome, {seed}"] = {
            "reflection_tokens": [before, after],
            "shorter": shorter,
            "reward": [outcome["reward"], paid["reward"]],
            "gain": round(fmean(gains), 4),
            "lo": low,
            "hi": high,
        }
    if all_gains:  # seeds hold out some of the same requests
        low, high = interval(lambda at: fmean(all_gains[i] for i in at), requests)
        found["all seeds"] = {"gain": round(fmean(all_gains), 4), "requests": len(set(requests)), "lo": low, "hi": high}
    return found


def drawn(runs: dict[tuple[str, int], list[dict[str, Any]]], name: str, title: str) -> str:
    """Return a picture of what was reported under a name in training, a line for each arm: the mean over its seeds."""
    found = defaultdict[tuple[str, int], list[float]](list)
    for (arm, _), kept in runs.items():
        for row in kept:
            if "split" not in row and (value := row.get(name)) is not None:
                found[arm, row["step"]].append(value)
    arms = sorted({arm for arm, _ in found})
    curves = [
        Line(arm, [(float(n), fmean(some)) for (of, n), some in sorted(found.items()) if of == arm]) for arm in arms
    ]
    return lines(f"{title}, mean of the seeds, by updates", curves, "updates")


@pytest.mark.slow
def test_thoughts_are_well_formed(capsys: pytest.CaptureFixture[str]) -> None:
    runs, form = {run: kept for run in RUNS if (kept := told(*run))}, told(*FORM)
    if not form:
        pytest.skip("no run is kept yet; the tests above make them")
    page = json.loads((REPORT / "thoughts-form-page.json").read_text("utf-8"))
    found = {"form": held_out(form, 0), "form on the page": page} | figures(runs)
    (REPORT / "thoughts.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for file, (name, title) in FIGURES.items() if runs else ():
        (REPORT / file).write_text(drawn(runs, name, title), "utf-8")
    with capsys.disabled():
        print("\n" + json.dumps(found, indent=1))
    assert page["reflecting"] >= WELL_FORMED  # of the replies, two to each request


@pytest.mark.slow
def test_the_process_reward_shortens_thoughts_at_no_lower_reward() -> None:
    found = figures({run: kept for run in RUNS if (kept := told(*run))})
    pairs = [row for name, row in found.items() if "against" in name]
    if len(pairs) < PAIRS:
        pytest.skip(f"{len(pairs)} of {PAIRS} pairs are kept so far; the tests above make the rest")
    assert fmean(row["shorter"] for row in pairs) >= SHORTER, pairs
    assert fmean(row["gain"] for row in pairs) >= 0, pairs
