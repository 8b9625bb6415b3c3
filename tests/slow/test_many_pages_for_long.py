"""Ten minutes of fifty pages on one studio; a minute of it is in the usual tier."""

from pathlib import Path

import pytest
from many_pages import PAGES, held, studio_of

MOST_MB_A_PIECE = 0.05  # a library that grows, on fifty pages; one copy of a board too many is as much


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_minutes_lose_no_event_take_turns_and_let_memory_be(tmp_path: Path) -> None:
    studio = studio_of(tmp_path)
    studio.start()
    found = held(studio, 600)
    studio.stop()
    print(found)
    assert min(found.pieces) > PAGES and max(found.pieces) - min(found.pieces) <= 2
    third = len(found.memory_mb) // 3
    written = sum(found.pieces) * 2 / 3
    assert (found.memory_mb[-1] - found.memory_mb[third]) / written < MOST_MB_A_PIECE
