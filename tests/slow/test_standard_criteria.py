"""Twelve requests -> criteria of the standard model, measured against what was promised of them.

One JSON line per request goes to `docs/proof/criteria.jsonl`, keyed by the model's digest, the prompts and the coding's
own source, so that a broken-off run goes on where it was and a changed one starts anew. The requests are read from the
development data and not copied: lines name them by id.
"""

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
from conftest import MODELS, ROOT

from writer_r1 import embedding
from writer_r1.catalog import find, path_of
from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.errors import ModelError
from writer_r1.events import Coded, RubricReady
from writer_r1.llm import LLM, load, never
from writer_r1.prompts import fixed_start, prompt_hash
from writer_r1.review import copied_share, said
from writer_r1.trajectory import Criterion, Rubric, digest
from writer_r1.warming import PINNED
from writer_r1.workspace import Workspace

DATA = ROOT.parent / "shared" / "data"
PROOF = ROOT / "docs" / "proof"
SHORT = 60  # words; the promised seconds are for requests up to this long
ALIKE, COPIED = 0.85, 1 / 3
# Read by a person: the number of words each request states, if any.
LENGTHS = {
    "lbw-0": 100,
    "lbw-1": 100,
    "lbw-6": 200,
    "lbw-10": 200,
    "mt-83": 200,
    "pd-001": 100,
    "pd-021": 550,
    "pd-041": 770,
}


class Asked(NamedTuple):
    id: str
    prompt: str


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").split("\n") if line]


def chosen() -> list[Asked]:
    """Return twelve requests of four kinds, always the same."""
    short = [r for r in rows("longbench_write.jsonl") if r["lang"] == "en" and len(r["prompt"].split()) <= SHORT][:4]
    chat = [r | {"prompt": r["turns"][0]} for r in rows("mtbench_writing.jsonl") if r["category"] == "writing"][:3]
    classics, starts = rows("public_domain_sample.jsonl")[::20][:3], rows("wp_a_teacher_ratings.jsonl")[:60:30]
    return [Asked(r["id"], r["prompt"]) for r in (*short, *chat, *classics, *starts)]


def version(model_sha256: str) -> str:
    """Return what the lines depend on: the model, the prompts, and the code that makes criteria of its replies."""
    code = [(ROOT / "writer_r1" / name).read_text("utf-8") for name in ("criteria.py", "review.py")]
    return digest(model_sha256, *map(prompt_hash, PINNED), *code)


def derived(prompt: str, llm: LLM) -> tuple[Rubric, dict[str, Any]]:
    """Return the rubric of a request, and how long it and the model's first code took."""
    began, first, dropped = time.monotonic(), None, ()
    stages = derive_rubric(prompt, Analyst(llm, embedding.similarity, never))
    while True:
        try:
            event = next(stages)
        except StopIteration as end:
            seconds = time.monotonic() - began
            rubric: Rubric = end.value
            return rubric, {"first_code_s": first, "rubric_s": seconds, "dropped": len(dropped)}
        if first is None and isinstance(event, Coded) and event.code.stage == "open":
            first = time.monotonic() - began
        if isinstance(event, RubricReady):
            dropped = event.dropped


def line(asked: Asked, others: Sequence[Asked], llm: LLM) -> dict[str, Any]:
    """Return what is kept of one request."""
    rubric, times = derived(asked.prompt, llm)
    pick = random.Random(asked.id)

    def judged(c: Criterion) -> dict[str, Any]:
        own, other = embedding.similarity(said(c), [asked.prompt, pick.choice(others).prompt])
        row = {"name": c.name, "description": c.description, "stage": c.source.stage, "own": own, "other": other}
        return row | {"copied": copied_share(c, asked.prompt)}

    texts = [said(c) for c in rubric.criteria]
    length = next((c.check for c in rubric.criteria if c.check and c.check.type == "length"), None)
    return {
        "id": asked.id,
        "words": len(asked.prompt.split()),
        **times,
        "criteria": [judged(c) for c in rubric.criteria if c.kind == "judged"],
        "alike": max(max(embedding.similarity(t, texts[:i])) for i, t in enumerate(texts) if i),
        "length": [length.low, length.high] if length and length.unit == "words" else None,
    }


def measure(requests: Sequence[Asked], model: Path, key: str, out: Path) -> list[dict[str, Any]]:
    """Return a line per request, measuring those that `out` does not hold under this key."""
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = [json.loads(text) for text in out.read_text("utf-8").split("\n") if text] if out.exists() else []
    done = {row["id"]: row for row in kept if row["key"] == key}
    out.write_text("".join(json.dumps(row) + "\n" for row in done.values()), "utf-8")
    missing = [r for r in requests if r.id not in done]
    if not missing:
        return [done[r.id] for r in requests]
    workspace = Workspace()
    with workspace.machine():
        llm = load(model, name=model.stem)
        try:
            workspace.similarity("warm", ["up"])
            for name in PINNED:
                llm.warm(fixed_start(name))
            for asked in missing:
                done[asked.id] = {"key": key, **line(asked, [r for r in chosen() if r.id != asked.id], llm)}
                with out.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(done[asked.id]) + "\n")
        finally:
            llm.close()
    return [done[r.id] for r in requests]


def figures(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the twelve lines as one row of numbers."""
    judged = [c for row in lines for c in row["criteria"]]
    made = [c for c in judged if c["stage"] not in ("general", "rule")]
    quick = [row for row in lines if row["words"] <= SHORT]
    firsts = [row["first_code_s"] for row in quick if row["first_code_s"] is not None]
    wrong = [row["id"] for row in lines if not length_found(row)]
    return {
        "requests": len(lines),
        "judged": len(judged),
        "model_made_share": len(made) / len(judged),
        "closer_to_own_request_share": sum(c["own"] > c["other"] for c in made) / max(1, len(made)),
        "most_words_copied_share": max((c["copied"] for c in made), default=0.0),
        "closest_pair_cosine": max(row["alike"] for row in lines),
        "lengths_wrong": wrong,
        "first_code_s": {"median": median(firsts), "max": max(firsts)} if firsts else None,
        "rubric_s": {"median": median(r["rubric_s"] for r in quick), "max": max(r["rubric_s"] for r in quick)},
    }


def length_found(row: dict[str, Any]) -> bool:
    """Return whether the measured length is the one a person reads in the request, or neither has one."""
    wanted, found = LENGTHS.get(row["id"]), row["length"]
    if wanted is None or found is None:
        return wanted is None and found is None
    low, high = found  # "fewer than 200" is up to 199
    return (low or 0) <= wanted <= (high or wanted) + 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_criteria_of_the_standard_model_belong_to_their_request(capsys: pytest.CaptureFixture[str]) -> None:
    if not DATA.is_dir():
        pytest.skip(f"the development data are not at {DATA.relative_to(ROOT.parent)} beside the checkout")
    try:
        model, sha256 = path_of("standard", MODELS), find("standard", MODELS).sha256
    except ModelError as absent:
        pytest.skip(str(absent))
    found = figures(measure(chosen(), model, version(str(sha256)), PROOF / "criteria.jsonl"))
    found = {"model": model.name, "sha256": sha256, **found}
    (PROOF / "criteria.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    with capsys.disabled():
        print("\n" + json.dumps(found, indent=1))
    assert found["requests"] == 12
    assert found["model_made_share"] >= 0.5
    assert found["closer_to_own_request_share"] >= 0.9
    assert found["most_words_copied_share"] <= COPIED
    assert found["closest_pair_cosine"] <= ALIKE
    assert found["lengths_wrong"] == []
