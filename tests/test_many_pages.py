"""Five writers with ten pages each, on loopback and the scripted model; ten minutes of it are in the long tier."""

from pathlib import Path

import pytest
from many_pages import PAGES, WRITERS, held, studio_of

from writer_r1 import writers

WARM_MB = 40.0  # what a minute may add after the first third: caches of what is kept anyway


@pytest.mark.alone
def test_fifty_pages_lose_no_event_take_turns_and_let_memory_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "LOG_N", 10)  # the same scrypt, quicker
    studio = studio_of(tmp_path)
    studio.start()
    found = held(studio, 20)
    studio.stop()
    print(found)
    assert min(found.pieces) >= PAGES and max(found.pieces) - min(found.pieces) <= 2
    assert found.longest >= WRITERS * PAGES / 2  # they stood in the line at once
    third = len(found.memory_mb) // 3
    assert found.memory_mb[-1] - found.memory_mb[third] < WARM_MB
