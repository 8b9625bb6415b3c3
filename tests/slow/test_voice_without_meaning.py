"""Decision 19 measured anew: where all write for one request, likeness of meaning parts no two hands."""

import json
from bisect import bisect_left, bisect_right
from itertools import combinations
from pathlib import Path
from statistics import fmean, median

import pytest

from writer_r1.checks.voice import USUAL, _apart, _lengths_apart, habits
from writer_r1.embedding import embed

SHARED = Path(__file__).parents[3] / "shared" / "data"
VERSE = ("poem", "free verse", "sonnet")

pytestmark = pytest.mark.slow


def passages(name: str, words: int) -> list[tuple[str, str, str]]:
    """Return author, piece and text of passages, three of a piece at most."""
    rows = [json.loads(line) for line in (SHARED / name).read_text("utf-8").splitlines()]
    found = []
    for row in rows:
        if row.get("form") not in VERSE:
            text = row.get("text", row.get("story", "")).split(" ")
            cut = [" ".join(text[n * words : (n + 1) * words]) for n in range(min(3, len(text) // words))]
            whole = (one for one in cut if len(one.split()) >= 0.9 * words)
            found += [(row.get("author", row.get("system", "")), row["id"], one) for one in whole]
    return found


def auc(same: list[float], other: list[float]) -> float:
    """Return the share of pairs in which a distance of one author's passages is the smaller one."""
    same = sorted(same)
    below = sum((bisect_left(same, far) + bisect_right(same, far)) / 2 for far in other)
    return below / len(same) / len(other)


def weighed(name: str, words: int, weights: tuple[float, ...]) -> list[float]:
    """Return the AUC for each weight of MiniLM's distance beside the three habits."""
    found = passages(name, words)
    counted, vectors = [habits(text) for *_, text in found], embed([text for *_, text in found])
    rows = []
    for i, j in combinations(range(len(found)), 2):
        if found[i][1] != found[j][1]:
            one, two = counted[i], counted[j]
            apart = (
                _lengths_apart(one.lengths, two.lengths) / USUAL["sentences"],
                _apart(one.small, two.small) / USUAL["small words"],
                _apart(one.marks, two.marks) / USUAL["marks"],
            )
            meaning = 1 - sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
            rows.append((found[i][0] == found[j][0], fmean(apart), meaning))
    usual = median(meaning for same, _, meaning in rows if same)
    values = []
    for w in weights:
        far = [(same, (3 * apart + w * meaning / usual) / (3 + w)) for same, apart, meaning in rows]
        values.append(auc([d for same, d in far if same], [d for same, d in far if not same]))
    return values


@pytest.mark.skipif(not SHARED.exists(), reason="the development data (../shared) are not here")
def test_meaning_parts_subjects_and_not_hands(capsys: pytest.CaptureFixture[str]) -> None:
    told = {}
    for name in ("public_domain_sample.jsonl", "confederacy_stories.jsonl"):
        for words in (120, 250, 400):
            told[f"{name} {words}"] = [round(value, 3) for value in weighed(name, words, (0.0, 1.0, 4.0))]
    with capsys.disabled():
        print(f"\nRESULT {json.dumps(told)}")
    for words in (250, 400):
        alone, some, much = told[f"confederacy_stories.jsonl {words}"]
        assert alone > some > much
