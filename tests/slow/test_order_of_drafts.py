"""Drafts of one model, good against degraded, on requests that no fit has seen: which of two does the judge put first?

The standard model writes each piece (the studio's own prompt and sampling), writes it again too hot, and from half of
the requirements; three more are the good draft cut, with a paragraph repeated, and with a sentence of its plot from
another piece. All are judged against the whole request. Drafts and scores are kept as they come in `docs/proof/`, so
that a run that was broken off goes on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import MODELS, ROOT

from writer_r1 import embedding
from writer_r1.calibration import Readers, calibration_of
from writer_r1.catalog import path_of
from writer_r1.checks import paragraphs, sentences
from writer_r1.drafting import draft_request
from writer_r1.errors import ModelError
from writer_r1.judge import Judge, scored
from writer_r1.llm import LLM, Sampling, complete, load, never
from writer_r1.trajectory import Criterion, Rubric, digest, mean, prompt_id

PROOF = ROOT / "docs" / "proof"
GOOD = Sampling(max_tokens=256, temperature=0.8, repeat_penalty=1.08)  # as `drafting.write_draft` has it
HOT = Sampling(max_tokens=256, temperature=1.7, top_p=1.0, min_p=0.0)
WANTED, LEAST = 100, 0.85


class Asked(NamedTuple):
    ask: str
    requirements: list[str]

    @property
    def whole(self) -> str:
        return f"{self.ask} {' '.join(self.requirements)}"

    @property
    def half(self) -> str:
        return f"{self.ask} {' '.join(self.requirements[::2])}"

    @property
    def rubric(self) -> Rubric:
        criteria = tuple(
            Criterion(name=f"Requirement {k}", description=said) for k, said in enumerate(self.requirements, 1)
        )
        return Rubric(prompt_id=prompt_id(self.whole), criteria=criteria)


def asked() -> list[Asked]:
    lines = (ROOT / "tests" / "fixtures" / "order_requests.jsonl").read_text("utf-8").splitlines()
    return [Asked(**json.loads(line)) for line in lines]


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def add(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return row


def written(llm: LLM) -> dict[tuple[int, str], str]:
    """Return the drafts by request and kind, writing those that are missing."""
    path = PROOF / "order_drafts.jsonl"
    found = {(row["request"], row["kind"]): row["text"] for row in kept(path)}
    for number, one in enumerate(asked()):
        for kind, prompt, sampling in (("good", one.whole, GOOD), ("hot", one.whole, HOT), ("half", one.half, GOOD)):
            if (number, kind) not in found:
                text, _ = complete(llm, draft_request(prompt), sampling._replace(seed=number), never)
                found[number, kind] = text.strip()
                add(path, {"request": number, "kind": kind, "text": text.strip()})
    return found


def spoiled(text: str, other: str) -> dict[str, str]:
    """Return the good draft spoiled without a model: cut, a paragraph repeated, a sentence of another's plot in it."""
    (start, end), spans = max(paragraphs(text), key=lambda span: span[1] - span[0]), sentences(text)
    a, b = spans[len(spans) // 2]
    c, d = sentences(other)[len(sentences(other)) // 2]
    return {
        "cut": text[: int(len(text) * 0.6)].rstrip(" .!?"),
        "repeated": f"{text[:end]}\n\n{text[start:end]}{text[end:]}",
        "swapped": text[:a] + other[c:d] + text[b:],
    }


def drafts(llm: LLM) -> Iterator[tuple[int, str, str]]:
    found, count = written(llm), len(asked())
    for number in range(count):
        good = found[number, "good"]
        yield number, "good", good
        yield from ((number, kind, found[number, kind]) for kind in ("hot", "half"))
        yield from ((number, kind, text) for kind, text in spoiled(good, found[(number + 7) % count, "good"]).items())


def judged(llm: LLM, judge: Judge) -> dict[tuple[int, str], float]:
    """Return the mean over the requirements of what the mixture gives; its parts are kept, to be weighed anew."""
    path, ways = PROOF / "order_scores.jsonl", asked()
    assert judge.readers is not None
    fit = judge.readers.calibration
    version = digest(fit.model, fit.prompt_hash, *(a.model_dump_json() for a in fit.aspects))
    known = {row["key"]: row["parts"] for row in kept(path)}
    found: dict[tuple[int, str], float] = {}
    for number, kind, text in drafts(llm):
        key = digest(version, str(number), kind, text)
        if key not in known:
            scores = scored(ways[number].whole, text, ways[number].rubric, judge).scores
            known[key] = [[round(s.parts[name], 4) for name in ("readers", "verdict", "near")] for s in scores]
            add(path, {"key": key, "request": number, "kind": kind, "parts": known[key]})
        found[number, kind] = mean(fit.mixed(*parts) for parts in known[key])
    return found


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_of_two_drafts_of_one_model_the_better_comes_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    try:
        llm = load(path_of("standard", MODELS), name="qwen2.5-coder-1.5b")
    except ModelError as absent:
        pytest.skip(str(absent))
    fit = calibration_of(llm.name, tmp_path)
    assert fit is not None and fit.needs_model
    rewards = judged(llm, Judge(llm, embedding.similarity, never, Readers(fit, embedding.embed)))
    kinds = ["hot", "half", "cut", "repeated", "swapped"]
    gaps = {kind: [rewards[n, "good"] - rewards[n, kind] for n in range(len(asked()))] for kind in kinds}
    every = [gap for rows in gaps.values() for gap in rows]
    clear = [gap for gap in every if abs(gap) >= fit.margin]
    table = {
        "model": llm.name,
        "pairs": len(every),
        "in_order": round(sum(g > 0 for g in every) / len(every), 3),
        "by_kind": {kind: round(sum(g > 0 for g in rows) / len(rows), 3) for kind, rows in gaps.items()},
        "beyond_the_margin": {"pairs": len(clear), "in_order": round(sum(g > 0 for g in clear) / len(clear), 3)},
    }
    (PROOF / "order.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    with capsys.disabled():
        print("\n" + json.dumps(table, indent=1))
    assert len(every) >= WANTED and table["in_order"] >= LEAST
