"""A process that writes to the library is killed (SIGKILL) at random moments: nothing acknowledged is ever lost."""

import random
import time
from pathlib import Path

import pytest
from killed import DOINGS, Ledger, text_of

from writer_r1.store import Store

pytestmark = pytest.mark.long

KILLS = 20


@pytest.mark.timeout(300)
def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    ledger, seed = Ledger(tmp_path / "home"), random.SystemRandom().randrange(1, 1_000_000)
    found = []
    for n in range(KILLS):
        print("seed", seed + n)  # shown where it fails
        found.append(ledger.kill(DOINGS[n % len(DOINGS)], seed + n))
    assert sum(row["acknowledged"] for row in found) > KILLS
    assert max(row.get("lost_s", 0.0) for row in found) <= 1.0


def test_the_ledger_sees_a_save_that_is_gone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    for seed in range(1, 20):
        ledger.kill("saving", seed)
        if any(len(rows) > 2 for rows in ledger.saved.values()):
            break
        time.sleep(0.1)
    store = Store(tmp_path / "home" / "library.db")
    piece_id = next(id_ for id_, rows in ledger.saved.items() if len(rows) > 2)
    ledger.check([], None)
    with store._transaction("BEGIN IMMEDIATE") as db:
        db.execute("DELETE FROM versions WHERE piece_id = ? AND revision = 1", (piece_id,))
    with pytest.raises(AssertionError, match="1 is lost"):
        ledger.check_piece(store, piece_id, ledger.saved[piece_id])
    with store._transaction("BEGIN IMMEDIATE") as db:
        db.execute("UPDATE pieces SET text = ? WHERE id = ?", (text_of(7) + "!", piece_id))
    with pytest.raises(AssertionError, match="the last save is lost"):
        ledger.check_piece(store, piece_id, ledger.saved[piece_id])
