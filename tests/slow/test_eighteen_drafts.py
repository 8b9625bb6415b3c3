"""Eighteen drafts by hand for two requests, good, mediocre and bad -> how often the judge puts the better one first.

The drafts are read from the development data and not copied; the result is `docs/proof/eighteen.json`.
"""

import json
import runpy
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from conftest import MODELS, ROOT

from writer_r1 import embedding
from writer_r1.calibration import Readers, calibration_of
from writer_r1.catalog import find, path_of
from writer_r1.errors import ModelError
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.judge import Judge, scored
from writer_r1.llm import load, never
from writer_r1.trajectory import Criterion, Rubric, prompt_id

DRAFTS = ROOT.parent / "shared" / "baselines" / "models" / "drafts.py"
WANTED = {("good", "bad"): 1.0, ("mediocre", "bad"): 1.0, ("good", "mediocre"): 0.9}
LABELS = {3: "good", 2: "mediocre", 1: "bad"}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_better_of_two_drafts_by_hand_comes_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if not DRAFTS.exists():
        pytest.skip("the development data (../shared) are not here")
    try:
        llm = load(path_of("standard", MODELS), name=find("standard", MODELS).name)
    except ModelError as absent:
        pytest.skip(str(absent))
    fit = calibration_of(llm.name, tmp_path)
    assert fit is not None and fit.needs_model
    judge = Judge(llm, embedding.similarity, never, Readers(fit, embedding.embed))
    rewards: list[dict[str, list[float]]] = []
    for request, criteria, drafts in runpy.run_path(str(DRAFTS))["PROMPTS"]:
        judged = [Criterion(name=name, description=said) for name, said in criteria]
        rubric = Rubric(prompt_id=prompt_id(request), criteria=(*judged, *measured_criteria(read_facts(request))))
        by_label: dict[str, list[float]] = {label: [] for label in LABELS.values()}
        for label, _, text in drafts:
            reward = scored(request, text.strip(), rubric, judge).reward if text.strip() else 0.0
            assert reward is not None
            by_label[LABELS[label]].append(round(reward, 4))
        rewards.append(by_label)
    found: dict[str, Any] = {"model": llm.name, "rewards": rewards}
    for better, worse in WANTED:
        pairs = [a > b for row in rewards for a, b in product(row[better], row[worse])]
        found[f"{better} over {worse}"] = {"pairs": len(pairs), "in_order": round(sum(pairs) / len(pairs), 3)}
    (ROOT / "docs" / "proof" / "eighteen.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    with capsys.disabled():
        print("\n" + json.dumps(found, indent=1))
    for (better, worse), wanted in WANTED.items():
        assert found[f"{better} over {worse}"]["in_order"] >= wanted
