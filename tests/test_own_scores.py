"""A score of the writer's own: kept beside the judge's with what that was at the time, shown, and never counted."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_events import JSON

from writer_r1 import cli
from writer_r1.errors import StoreError, WriterError
from writer_r1.events import Drafted, Edited, Evaluated, Event, Finished, Scored
from writer_r1.store import OwnScore, Piece, Store, this_process
from writer_r1.trajectory import Criterion, JudgeInfo, Rubric, Trajectory
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.following import criteria_now, follow
from writer_r1.ui.own_scores import choice, on_track
from writer_r1.ui.rating import on_rating, read_rating
from writer_r1.ui.round_board import round_board
from writer_r1.ui.view import View, advance
from writer_r1.workspace import Workspace

LAMP, VOICE, PARTING, COURAGE, LENGTH, CLEAR = example.CRITERIA
HOSTILE = "</select></label><script>alert(1)</script><img src=x onerror=alert(1)> \" onclick=x ' & ${1+1} {{x}} `"
SKIPPED = {"__type__": "update"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store


@pytest.fixture
def piece(store: Store) -> Piece:
    """Return a piece with a run of three texts, each judged by six criteria."""
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", example.whole_run("run1"))
    return store.adopt("run1")


def until(kind: type, count: int = 1) -> list[Event]:
    """Return the example run up to and with its `count`th event of a kind."""
    whole = example.whole_run("run1")
    return whole[: [i for i, e in enumerate(whole) if isinstance(e, kind)][count - 1] + 1]


def scores(store: Store, run_id: str = "run1") -> dict[tuple[int, str], int]:
    return {(o.attempt, o.criterion.id): o.score for o in store.own_scores(run_id)}


# What is kept


@pytest.mark.usefixtures("piece")
def test_a_score_is_kept_with_what_was_asked_and_what_the_judge_gave_at_that_time(store: Store) -> None:
    before = time.time()
    store.set_own_score("run1", 2, LAMP.id, 9)
    store.set_own_score("run1", 1, CLEAR.id, 1)
    unscored, lamp = store.own_scores("run1")
    judged = example.SCORES[2].score(LAMP.id)
    assert judged and lamp == OwnScore("run1", 2, LAMP, 9, judged.value, "fake", example.PROMPT, lamp.created)
    assert before <= lamp.created <= time.time()
    assert (unscored.attempt, unscored.criterion, unscored.score, unscored.value) == (1, CLEAR, 1, None)
    assert store.trajectory("run1").attempts[1].text == example.SECOND  # what was scored is reached by the run's id


@pytest.mark.usefixtures("piece")
def test_a_new_score_takes_the_place_of_the_old_one_and_none_takes_it_back(store: Store) -> None:
    for attempt, score in ((1, 3), (2, 5), (1, 4)):
        store.set_own_score("run1", attempt, LAMP.id, score)
    assert scores(store) == {(1, LAMP.id): 4, (2, LAMP.id): 5}
    store.set_own_score("run1", 1, LAMP.id, None)
    store.set_own_score("run1", 3, VOICE.id, None)
    assert scores(store) == scores(Store(store.path)) == {(2, LAMP.id): 5} and store.own_scores("other") == []


def test_what_nothing_was_judged_by_is_refused_with_the_next_step(store: Store, piece: Piece) -> None:
    for run_id, attempt, criterion in (("run1", 9, LAMP.id), ("run1", 1, "c-none"), ("run1", 0, LAMP.id)):
        with pytest.raises(StoreError, match="^This text is not judged by that criterion any more; reload"):
            store.set_own_score(run_id, attempt, criterion, 5)
    with pytest.raises(StoreError, match="'other' is not in the library any more"):
        store.set_own_score("other", 1, LAMP.id, 5)
    store.set_own_score("run1", 1, LAMP.id, 6)
    store.delete_piece(piece.id)
    with pytest.raises(StoreError, match="^This piece was deleted; bring it back"):
        store.set_own_score("run1", 1, LAMP.id, 5)
    store.restore_piece(piece.id)
    assert scores(store) == {(1, LAMP.id): 6}


def test_while_a_text_is_first_judged_its_judge_is_the_runs_and_later_that_of_its_evaluation(store: Store) -> None:
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", until(Drafted))
    store.set_own_score("run1", 1, LAMP.id, 2)  # blind
    store.append("run1", until(Scored)[len(until(Drafted)) :])
    store.set_own_score("run1", 1, VOICE.id, 3)
    store.append("run1", [e for e in until(Evaluated) if isinstance(e, Evaluated)])
    store.set_own_score("run1", 1, PARTING.id, 4)
    found = {o.criterion.id: (o.value, o.judge) for o in store.own_scores("run1")}
    assert found == {LAMP.id: (None, "smollm2-135m"), VOICE.id: (None, "smollm2-135m"), PARTING.id: (0.55, "fake")}


@pytest.mark.usefixtures("piece")
def test_it_survives_that_the_text_is_judged_anew_by_another_judge_and_other_words(store: Store) -> None:
    store.set_own_score("run1", 2, LAMP.id, 9)
    reworded = LAMP.model_copy(update={"description": "Another sentence."})
    rubric = Rubric(prompt_id="p", criteria=(reworded, *example.CRITERIA[1:]))
    lower = example.score(0, 0.1).model_copy(update={"criterion_id": reworded.id})
    changes = {"rubric_id": rubric.id, "judge": JudgeInfo(model="other")}
    again = example.SCORES[2].model_copy(update=changes | {"scores": (lower, *example.SCORES[2].scores[1:])})
    store.append("run1", [Edited(rubric=rubric), Scored(attempt=2, score=example.score(1, 0.2))])
    store.set_own_score("run1", 2, VOICE.id, 8)  # what it is given now is not settled yet, and by whom is not told
    assert [(o.value, o.judge) for o in store.own_scores("run1")] == [(0.71, "fake"), (0.66, "fake")]
    store.set_own_score("run1", 2, VOICE.id, None)
    store.append("run1", [Evaluated(attempt=2, evaluation=again)])
    store.set_own_score("run1", 2, reworded.id, 4)
    assert [(o.criterion, o.score, o.value, o.judge) for o in store.own_scores("run1")] == [
        (LAMP, 9, 0.71, "fake"),
        (reworded, 4, 0.1, "other"),
    ]
    with pytest.raises(StoreError, match="not judged by that criterion any more"):
        store.set_own_score("run1", 2, LAMP.id, 5)


@pytest.mark.usefixtures("piece")
def test_a_damaged_row_is_left_out_and_the_others_are_there(store: Store) -> None:
    store.set_own_score("run1", 1, LAMP.id, 3)
    store.set_own_score("run1", 1, VOICE.id, 4)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE own_scores SET criterion = '{torn' WHERE criterion_id = ?", (LAMP.id,))
    assert scores(store) == {(1, VOICE.id): 4}


GIVEN = st.tuples(st.integers(1, 3), st.sampled_from(example.CRITERIA), st.none() | st.integers(1, 10))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(GIVEN, max_size=12))
def test_whatever_is_given_the_last_word_stands_and_no_score_reward_or_best_moves(
    workspace: Workspace, store: Store, piece: Piece, given_: list[tuple[int, Criterion, int | None]]
) -> None:
    before, events = store.trajectory("run1"), store.events("run1")
    wanted: dict[tuple[int, str], int] = {}
    for attempt, criterion, score in [*((n, c, None) for n in (1, 2, 3) for c in example.CRITERIA), *given_]:
        store.set_own_score("run1", attempt, criterion.id, score)
        wanted = {k: v for k, v in wanted.items() if k != (attempt, criterion.id)}
        wanted |= {} if score is None else {(attempt, criterion.id): score}
    assert scores(store) == wanted
    assert (store.trajectory("run1"), store.events("run1")) == (before, events)
    html = shown(workspace, piece)
    assert html.count('class="yours"') == len(wanted)
    for (attempt, criterion_id), score in wanted.items():
        card = html.split(f'data-attempt="{attempt}" role="listitem"')[1].split("</article>")[0]
        row = card.split(f'data-key="why-{attempt}-{criterion_id}"')[1].split("</details>")[0]
        assert f"yours {score}</span>" in row and f'<option value="{score}" selected>' in row


# What a browser sends


def rating(**changes: object) -> dict[str, Any]:
    return {"act": "own", "run": "run1", "attempt": "2", "id": LAMP.id, "value": "7"} | changes


def place(piece: Piece, run: str = "run1") -> str:
    return json.dumps({"piece": piece.id, "base": piece.revision, "run": run})


@pytest.mark.parametrize("value", ["", *map(str, range(1, 11))])
def test_every_whole_number_from_one_to_ten_is_kept_and_nothing_takes_it_back(
    workspace: Workspace, store: Store, piece: Piece, value: str
) -> None:
    store.set_own_score("run1", 2, LAMP.id, 4)
    assert f"{piece.id}/run1#" in on_rating(workspace, place(piece), rating(value=value))
    assert scores(store) == ({(2, LAMP.id): int(value)} if value else {})


ODD: dict[str, dict[str, object]] = {
    "too little": {"value": "0"}, "too much": {"value": "11"}, "a half": {"value": "7.5"}, "signed": {"value": "+7"},
    "spaced": {"value": " 7"}, "wide": {"value": "７"}, "a word": {"value": "seven"}, "long": {"value": "7" * 999},
    "no text": {"attempt": ""}, "text 0": {"attempt": "0"}, "text -1": {"attempt": "-1"}, "a line": {"attempt": "2\n"},
    "a far text": {"attempt": "9" * 400}, "no run": {"run": ""}, "a long run": {"run": "r" * 65}, "no id": {"id": ""},
    "another run": {"run": "run2"}, "another criterion": {"id": "c-none"}, "another text": {"attempt": "9"},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_no_score_changes_nothing_and_is_told_in_one_sentence(
    workspace: Workspace, store: Store, piece: Piece, odd: dict[str, object]
) -> None:
    with pytest.warns(UserWarning, match=r"^[^.]{10,150}\.$"):
        assert on_rating(workspace, place(piece), rating(**odd)) == SKIPPED
    assert scores(store) == {}


@given(st.dictionaries(st.sampled_from(["run", "attempt", "id", "value", "act", "key"]), JSON))
def test_whatever_a_browser_sends_is_a_score_or_one_sentence(wish: dict[str, Any]) -> None:
    for sent in (wish, rating(**wish)):
        try:
            asked = read_rating(sent)
        except WriterError as error:
            assert str(error).startswith("A score of yours is a whole number from 1 to 10")
        else:
            assert asked.value == "" or 1 <= int(asked.value) <= 10
            assert 1 <= int(asked.attempt) <= 9999


def test_a_page_that_shows_another_run_by_now_keeps_the_score_and_goes_on_with_that(
    workspace: Workspace, store: Store, piece: Piece
) -> None:
    assert on_rating(workspace, place(piece, "run2"), rating()) == SKIPPED
    assert scores(store) == {(2, LAMP.id): 7}


# What is shown


def shown(workspace: Workspace, piece: Piece) -> str:
    *_, last = (page.rounds for page in follow(workspace, f"{piece.id}/run1") if isinstance(page.rounds, str))
    return last


def test_it_stands_beside_the_judges_on_both_boards_in_words_and_as_a_mark(
    workspace: Workspace, store: Store, piece: Piece
) -> None:
    store.set_own_score("run1", 2, LAMP.id, 4)
    rounds, criteria = shown(workspace, piece), criteria_now(workspace, piece.id, "run1")
    for html in (rounds, criteria):
        assert html.count("yours 4") == 1 + (html is criteria)  # the row says it to a screen reader too
        assert f'{on_track(4)}</span><span class="value">7.4</span>' in html
    assert "weight 2, 7.4 of 10, yours 4" in criteria
    assert "The lamp&#x27;s daily work: 7.4 of 10" in rounds and "yours" not in rounds.split("<article")[1]


@pytest.mark.parametrize(("own", "left"), [(1, "0.0%"), (4, "33.3%"), (10, "100.0%")])
def test_the_mark_stands_where_the_judges_bar_would_end(own: int, left: str) -> None:
    assert f"left:{left}" in on_track(own) and on_track(None) == ""


def test_every_row_of_every_whole_text_has_its_labelled_choice_and_the_shown_text_on_the_criteria_board() -> None:
    now = advance(View(Trajectory(id="run1", prompt=example.PROMPT)), list(enumerate(until(Scored, 8), 1)))
    rounds, found = round_board(now, busy=True), Selects()
    found.feed(rounds)
    assert [s["data-attempt"] for s in found.selects] == ["1"] * 6 + ["2"] * 6 and rounds.count("not judged yet") == 4
    assert found.selects[6]["aria-label"] == "Your score: The lamp's daily work, Round 1"
    assert {s["data-run"] for s in found.selects} == {"run1"} and not any("disabled" in s for s in found.selects)
    board, added = Selects(), Criterion(name="Newer", description="Not known to the run yet.")
    rubric = example.RUBRIC.model_copy(update={"criteria": (*example.CRITERIA, added)})
    whole = advance(View(Trajectory(id="run1", prompt="p")), list(enumerate(example.whole_run("run1"), 1)))
    board.feed(criteria_board(whole, rubric=rubric, busy=False))
    assert [(s["data-attempt"], s["data-id"]) for s in board.selects] == [("2", c.id) for c in example.CRITERIA]
    written = Selects()
    written.feed(criteria_board(now, rubric=None, busy=True))
    assert written.selects and all("disabled" in s and s["aria-describedby"] for s in written.selects)


class Selects(HTMLParser):
    """The choices of a score of one's own in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.selects: list[dict[str, str | None]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if dict(attrs).get("data-act") == "own":
            self.selects.append(dict(attrs))


@given(st.sampled_from([HOSTILE, "حبر"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_name_becomes_markup_in_a_choice(text: str) -> None:
    criterion, found = Criterion(name=(text.strip() or "x")[:80], description="d"), Selects()
    found.feed(choice(text, example_attempt(), criterion, 10))
    assert set(found.tags) == {"label", "select", "option"} and found.selects[0]["data-run"] == text
    assert not [name for name in found.selects[0] if name.startswith("on")]
    assert found.selects[0]["aria-label"] == f"Your score: {criterion.name}, Round 1"


def example_attempt() -> Any:
    return advance(View(Trajectory(id="r", prompt="p")), list(enumerate(example.whole_run("r"), 1))).now.attempts[1]


def test_a_page_that_follows_a_run_sees_a_score_given_meanwhile(workspace: Workspace, store: Store) -> None:
    piece = store.new_piece(example.PROMPT)
    store.begin("run1", example.PROMPT, "fake", this_process(), piece.id)
    store.append("run1", until(Evaluated))
    pages = (f"{page.rounds}{page.since}" for page in follow(workspace, f"{piece.id}/run1"))
    assert wait_for(pages, lambda html: "First draft" in html)
    assert on_rating(workspace, place(piece), rating(attempt="1")) == SKIPPED  # nothing is begun anew
    assert wait_for(pages, lambda html: "yours 7" in html)
    store.append("run1", [Finished(trajectory_id="run1", best_attempt=1, rounds=0)])
    for _ in pages:
        pass


def test_a_score_given_just_as_a_run_ends_is_seen_too(workspace: Workspace, store: Store, piece: Piece) -> None:
    pages = follow(workspace, f"{piece.id}/run1")
    next(pages)
    store.set_own_score("run1", 2, LAMP.id, 7)
    assert any("yours 7" in f"{page.rounds}{page.since}" for page in pages)


def wait_for(pages: Iterator[str], found: Callable[[str], bool]) -> bool:
    return any(found(html) for _, html in zip(range(40), pages, strict=False))


# Exported


def test_an_export_has_every_score_of_ones_own_with_what_it_is_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRITER_R1_HOME", str(tmp_path / "home"))
    store = Store(tmp_path / "home" / "library.db")
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", example.whole_run("run1"))
    store.set_own_score("run1", 2, LAMP.id, 9)
    assert cli.main(["history", "export", "run1", "--format", "json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    [own] = exported["own_scores"]
    assert exported["id"] == "run1" and len(exported["events"]) == len(store.events("run1"))
    assert own.pop("created") > 0 and Criterion.model_validate(own.pop("criterion")) == LAMP
    assert own == {
        "run_id": "run1", "attempt": 2, "score": 9, "value": 0.71, "judge": "fake", "prompt": example.PROMPT,
    }  # fmt: skip
