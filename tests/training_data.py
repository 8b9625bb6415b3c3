"""Rows for a tiny model to learn from, as files."""

import json
from pathlib import Path
from typing import Any

from writer_r1.training.config import Config, configured

SMALL = {"prompt_tokens": 900, "text_tokens": 24, "steps": 6, "checkpoint_every": 2, "evaluate_every": 3, "rank": 4}


def write_rows(path: Path, count: int = 12, pieces: bool = True) -> Path:
    words = "the sea is calm and old the lamp is lit again tonight by her hand".split()  # noqa: SIM905 - it reads so
    rows = []
    for i in range(count):
        text = " ".join(words[(i + k) % len(words)] for k in range(9)) + "."
        rows.append({"id": f"row-{i}", "prompt": f"Write {4 + i} words about sea number {i}.", "text": text})
    path.write_text("".join(json.dumps(row if pieces else {"prompt": row["prompt"]}) + "\n" for row in rows))
    return path


def run_config(kind: Any, base: Path, data: Path, **chosen: Any) -> Config:
    settings = {**SMALL, "text_tokens": 120 if kind == "sft" else 24, "group": 4, "batch": 4, **chosen}
    return configured(kind, **{"name": "sea", "base": str(base), "data": str(data), **settings})
