"""Two hundred kills at random moments, in libraries that live through twenty each; kept in docs/proof/kills.json.

A library is held to everything that was acknowledged in its whole life after each of its kills. What is in the file is
not done again: delete it for a new soak.
"""

import json
import os
import platform
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from killed import DOINGS, Ledger

PROOF = ROOT / "docs" / "proof" / "kills.json"
KILLS, LIFE = 200, 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was found, in figures."""
    waits = [row["lost_s"] for row in rows if "lost_s" in row]
    return {
        "kills": len(rows),
        "acknowledged": sum(row["acknowledged"] for row in rows),
        "kills_after_which_something_was_lost_or_damaged": sum("fault" in row for row in rows),
        "kills_in_the_middle_of": {
            op: sum(row["in_flight"] == op for row in rows)
            for op in sorted({row["in_flight"] for row in rows if row["in_flight"]})
        },
        "longest_words_lost_s": max(waits, default=None),
        "system": f"{platform.system()} {platform.machine()}, SQLite by Python {platform.python_version()}",
    }


def kept() -> list[dict[str, Any]]:
    return json.loads(PROOF.read_text("utf-8"))["rows"] if PROOF.exists() else []


def keep(rows: list[dict[str, Any]]) -> None:
    part = PROOF.with_suffix(".part")
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    head = json.dumps(summary(rows), indent=1)[:-2]
    part.write_text(f'{head},\n "rows": [\n  {lines}\n ]\n}}\n', "utf-8")
    os.replace(part, PROOF)


def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rows = kept()
    rows = rows[: len(rows) // LIFE * LIFE]  # a life that was cut short is begun anew
    while len(rows) < KILLS:
        ledger, seed = Ledger(tmp_path / f"home-{len(rows)}"), random.SystemRandom().randrange(1, 1_000_000)
        for n in range(LIFE):
            print("seed", seed + n)
            doing = DOINGS[n % len(DOINGS)]
            try:
                rows.append(ledger.kill(doing, seed + n))
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"[:300]
                keep([*rows, {"seed": seed + n, "doing": doing, "acknowledged": 0, "in_flight": None, "fault": fault}])
                raise
            keep(rows)
    keep(rows)
    found = summary(rows)
    assert found["kills"] >= KILLS and found["longest_words_lost_s"] <= 1.0
    assert found["kills_after_which_something_was_lost_or_damaged"] == 0
