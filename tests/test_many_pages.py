"""Five writers with ten pages each, on loopback and the scripted model; ten minutes of it are in the long tier."""

from pathlib import Path

import pytest
from gradio.state_holder import SessionState
from many_pages import PAGES, WRITERS, held, studio_of

from writer_r1 import writers
from writer_r1.ui import gradio as gr

WARM_MB = 20.0  # what the pages may add after the first piece of each


def test_an_update_of_a_part_leaves_no_copy_of_it_behind() -> None:
    with gr.Blocks() as app:
        box = gr.Textbox("words")
    state = SessionState(app)
    there = set(state.blocks_config.blocks)
    for _ in range(3):
        state[box._id] = gr.Textbox(render=False)  # as gradio does it where a handler returns an update
        state[state[box._id]._id] = state[box._id]  # and then for the next value
    assert set(state.blocks_config.blocks) == there


@pytest.mark.alone
def test_fifty_pages_lose_no_event_take_turns_and_let_memory_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "LOG_N", 10)  # the same scrypt, quicker
    studio = studio_of(tmp_path)
    studio.start()
    found = held(studio, 8)
    studio.stop()
    print(found)
    assert min(found.pieces) >= PAGES and max(found.pieces) - min(found.pieces) <= 2
    assert found.longest >= WRITERS * PAGES / 2  # they stood in the line at once
    assert found.memory_mb[-1] - found.memory_mb[0] < WARM_MB
