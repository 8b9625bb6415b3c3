"""The embedder on its real weights: no stand-in could show that the right file is read in the right way."""

import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from writer_r1 import embedding
from writer_r1.checks import relevance
from writer_r1.embedding import DIMENSIONS, cosine, embed, load, ready, similarity
from writer_r1.errors import ModelError


def test_importing_it_loads_no_heavy_library():
    code = (
        "import sys, writer_r1.embedding as e; print(e.ready(), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_loading_prints_nothing_to_the_terminal():
    code = "import writer_r1.embedding as e; e.load(); assert e.ready()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Loading weights" not in done.stdout + done.stderr


def test_a_damaged_weight_file_is_refused_in_one_sentence(tmp_path: Path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"not the model")
    with pytest.raises(ModelError, match=r"not the expected file .* again\.$"):
        embedding._verify(weights)
    with pytest.raises(ModelError, match="cannot be read"):
        embedding._verify(tmp_path / "absent")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError, match="no_such_package_here"):
        embedding.folder()


def test_vectors_have_length_one_and_equal_the_published_model():
    (vector,) = embed(["This is an example sentence"])
    # The first numbers that sentence-transformers prints for this sentence with this model.
    assert vector[:3] == pytest.approx([0.0677, 0.0635, 0.0487], abs=1e-3)
    assert len(vector) == DIMENSIONS
    assert math.fsum(x * x for x in vector) == pytest.approx(1.0, abs=1e-5)


def test_meaning_counts_more_than_words():
    near, far = similarity("A dog barks at the moon.", ["The hound howls at night.", "Revenue rose at the bank."])
    assert near > far + 0.3


def test_a_text_gets_the_same_vector_alone_in_a_batch_and_from_the_cache():
    texts = [f"Boat number {i} leaves the harbour" + " slowly" * i for i in range(20)]
    embedding._cache.clear()
    alone = embed([texts[7]])[0]
    embedding._cache.clear()
    together = embed(texts)[7]
    assert together == pytest.approx(alone, abs=1e-5)
    assert embed(texts)[7] == together


def test_short_texts_are_not_padded_to_the_length_of_a_long_one():
    windows = [(i, [0] * size) for i, size in enumerate([9, 14, 18, 18, 20, 23, 30, 64, 256])]
    batches = list(embedding._batches(windows))
    assert [window for rows in batches for window in rows] == windows
    assert [[len(ids) for _, ids in rows] for rows in batches] == [[9], [14, 18, 18, 20], [23, 30], [64], [256]]
    assert [len(rows) for rows in embedding._batches([(0, [0] * 9)] * 20)] == [8, 8, 4]


def test_results_cannot_change_the_cache():
    first = embed(["the tide turns"])[0]
    first[0] = 9.0
    assert embed(["the tide turns"])[0][0] != 9.0


def test_the_cache_stays_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "CACHED_TEXTS", 3)
    embed([f"page {i}" for i in range(6)])
    assert len(embedding._cache) == 3
    assert "page 5" in embedding._cache


def test_blank_texts_are_like_nothing():
    assert similarity("the sea", ["", "  \n"]) == [0.0, 0.0]
    assert similarity("", ["the sea"]) == [0.0]
    assert embed([]) == []


def test_the_end_of_a_long_text_counts():
    sea = "The boat rocked on the waves while gulls cried over the harbour. " * 60
    tax = "The accountant filed the quarterly tax return with the revenue office. " * 60
    about_tax = "tax accounting"
    only_sea, mixed = similarity(about_tax, [sea, sea + tax])
    assert mixed > only_sea + 0.15


@pytest.mark.parametrize("text", ["\ud83d", "x" * 300_000, "中" * 5_000, "\x00", "\u200b\ufeff"])
def test_odd_texts_get_a_finite_vector(text: str):
    assert all(math.isfinite(x) for x in embed([text])[0])


def test_the_on_topic_check_tells_the_right_story_from_another():
    request = "Write a short story about fishermen who come home with the tide."
    story = "The sun went down and the boats came home with the tide. It was not late, and the fishermen slept."
    right, other = (
        relevance(t, request, similarity).value for t in (story, "The tax rate of the bank rose by a tenth.")
    )
    assert right is not None and other is not None
    assert right > 0.7 > 0.3 > other


def test_cosine_stays_in_range_under_rounding():
    assert cosine([1.0, 1e-8], [1.0000001, 0.0]) == 1.0


def test_torch_keeps_the_number_of_threads_it_had():
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        embed(["a text that nothing else here asks for"])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_many_threads_may_ask_at_once():
    load()
    assert ready()
    results: list[list[float]] = []
    threads = [threading.Thread(target=lambda i=i: results.extend(embed([f"line {i % 2}"]))) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 8
    assert len({tuple(r) for r in results}) == 2
