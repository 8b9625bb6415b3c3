"""Rounds of a scene and the manuscript around it: what was decided goes to its place, all else keeps every byte."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manuscripts import HARD, chaptered

from writer_r1.errors import WriterError
from writer_r1.events import Drafted, Part, Retold, Started, Summary
from writer_r1.processes import this_process
from writer_r1.scenes import scenes
from writer_r1.store import Piece
from writer_r1.trajectory import Trajectory
from writer_r1.ui.desk import Desk
from writer_r1.ui.render import story_so_far
from writer_r1.ui.reviewing import Taking, Wish, on_compare, on_take_over
from writer_r1.ui.scene import part_at
from writer_r1.ui.story import corrected
from writer_r1.ui.view import View
from writer_r1.ui.write_tab import on_round
from writer_r1.workspace import Workspace

NOVEL = chaptered(6_000, chapters=6)
_runs = itertools.count(1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "models")


def written(workspace: Workspace, text: str, number: int, new: str) -> tuple[Piece, Wish]:
    """A piece with this text, and a run whose second attempt has other words for one of its scenes."""
    piece, one = workspace.store.new_piece("A novel.", text), scenes(text)[number]
    words, run = text[one.start : one.end], f"run{next(_runs)}"
    part = Part(label="Chapter 3, scene 2", text=words)
    workspace.store.begin(run, "A novel.", "fake", this_process(), piece.id)
    events = [
        Started(prompt="A novel.", model="m", judge="m", seed=0, part=part),
        Drafted(attempt=1, text=words, by="user"),
        Drafted(attempt=2, parent=1, text=new),
    ]
    workspace.store.append(run, events)
    return piece, Wish(piece=piece.id, base=piece.revision, run=run, attempt=2)


def decided(workspace: Workspace, wish: Wish, verdict: str) -> Piece:
    told = on_compare(workspace, wish)
    decisions = {one["id"]: {"verdict": verdict} for one in told["changes"]}
    on_take_over(workspace, Taking.model_validate(wish.model_dump() | {"key": told["key"], "decisions": decisions}))
    return held(workspace, wish)


def held(workspace: Workspace, wish: Wish) -> Piece:
    piece = workspace.store.piece(wish.piece)
    assert piece
    return piece


def used(workspace: Workspace, wish: Wish, text: str) -> Desk:
    place = f'{{"piece": "{wish.piece}", "base": {held(workspace, wish).revision}, "run": "{wish.run}"}}'
    return on_round(workspace, place, "A novel.", text, {"act": "use", "attempt": str(wish.attempt)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.sampled_from([*HARD.values(), NOVEL, NOVEL.replace("\n", "\r\n")]), st.data())
def test_rejecting_all_leaves_every_byte_and_accepting_all_puts_the_round_in_its_place(
    workspace: Workspace, text: str, data: st.DataObject
) -> None:
    found = scenes(text)
    if not found:
        return
    number = data.draw(st.integers(0, len(found) - 1))
    one = found[number]
    extra = data.draw(st.text(st.sampled_from("ab é👩\u200d👧灯ש\n."), max_size=20)).strip()
    new = f"{text[one.start : one.end]}\n\nShe left. {extra}".strip()
    piece, wish = written(workspace, text, number, new)
    assert decided(workspace, wish, "reject").text == text
    after = decided(workspace, wish.model_copy(update={"base": held(workspace, wish).revision}), "accept")
    assert after.text == text[: one.start] + new + text[one.end :]


def test_a_round_is_used_for_its_scene_and_offered_to_be_undone(workspace: Workspace) -> None:
    one = scenes(NOVEL)[7]
    piece, wish = written(workspace, NOVEL, 7, "Wholly new words.")
    desk = used(workspace, wish, NOVEL)
    assert desk.text == NOVEL[: one.start] + "Wholly new words." + NOVEL[one.end :]
    assert "Round 1 is Chapter 3, scene 2 now." in desk.undo
    assert workspace.store.versions(piece.id)[0].why == "Round 1 taken over in Chapter 3, scene 2"
    first = used(workspace, wish.model_copy(update={"attempt": 1}), held(workspace, wish).text)
    assert first.text == NOVEL


def test_a_scene_changed_meanwhile_is_compared_as_it_is_now(workspace: Workspace) -> None:
    one = scenes(NOVEL)[7]
    words = NOVEL[one.start : one.end]
    _, wish = written(workspace, NOVEL, 7, words + "\n\nShe left.")
    now = "A new chapter zero.\n\n" + NOVEL[: one.start] + words[200:].strip() + NOVEL[one.end :]
    piece = workspace.store.save_piece(wish.piece, "A novel.", now, 1)
    wish = wish.model_copy(update={"base": piece.revision})
    assert decided(workspace, wish, "reject").text == now
    assert decided(workspace, wish, "accept").text == "A new chapter zero.\n\n" + NOVEL[: one.end] + (
        "\n\nShe left." + NOVEL[one.end :]
    )


def test_a_scene_that_is_gone_is_refused_and_nothing_is_saved(workspace: Workspace) -> None:
    one = scenes(NOVEL)[7]
    _, wish = written(workspace, NOVEL, 7, "Wholly new words.")
    now = NOVEL[: one.start] + "Nothing of it is left here." + NOVEL[one.end :]
    piece = workspace.store.save_piece(wish.piece, "A novel.", now, 1)
    desk = used(workspace, wish, now)
    assert "“Chapter 3, scene 2” was not found again in your manuscript" in desk.trouble
    assert held(workspace, wish) == piece
    with pytest.raises(WriterError, match="not found again"):
        on_compare(workspace, wish.model_copy(update={"base": piece.revision}))


def test_the_scene_to_work_on_is_found_by_its_words_and_one_that_stands_there_twice_is_asked_for_again(
    workspace: Workspace,
) -> None:
    one = scenes(NOVEL)[7]
    words = NOVEL[one.start : one.end]
    part, rest = part_at(workspace.store.new_piece("", NOVEL), words)
    assert part == Part(label="Chapter 3, scene 2 of 3", text=words) and len(rest) == 7
    with pytest.raises(WriterError, match="twice letter for letter"):
        part_at(workspace.store.new_piece("", f"{NOVEL}\n\n***\n\n{words}"), words)


def test_what_the_writer_says_of_a_part_is_what_the_next_round_is_told(workspace: Workspace) -> None:
    _, wish = written(workspace, NOVEL, 7, "New.")
    told = Retold(summaries=(Summary(title="Chapter 1", text="Ann is his mother.", key="k1"),))
    workspace.store.append(wish.run, [told])
    place = f'{{"piece": "{wish.piece}", "base": 1, "run": "{wish.run}"}}'
    asked = {"act": "summary", "key": "k1", "text": "Ann is\nhis aunt."}
    desk = on_round(workspace, place, "A novel.", NOVEL, asked)
    assert "The next round is told so" in desk.undo and desk.follow
    assert workspace.store.summaries(wish.piece, ["k1"]) == {"k1": "Ann is his aunt."}
    assert [s.text for s in corrected(workspace, wish.piece, told.summaries)] == ["Ann is his aunt."]
    refused = on_round(workspace, place, "A novel.", NOVEL, asked | {"key": "k2"})
    assert "not of the run shown" in refused.trouble and not workspace.store.summaries(wish.piece, ["k2"])


def test_every_word_of_the_story_is_escaped() -> None:
    told = (Summary(title="<b>", text="</dd><script>", key='"k'), Summary(title="Two", text="Later.", after=True))
    shown = story_so_far(View(Trajectory(id="r", prompt=""), story=told, ended=True))
    assert "<b>" not in shown and "<script>" not in shown and shown.count('data-dialog="summary" ') == 1
    assert story_so_far(View(Trajectory(id="r", prompt=""))) == ""
