"""Session files: a run opens in another library as it was, and nothing of a damaged or hostile one is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from writer_r1.errors import StoreError, WriterError
from writer_r1.events import Failed, Finished, Status
from writer_r1.session_file import session_json, take_in_session
from writer_r1.store import Store
from writer_r1.trajectory import Trajectory


@pytest.fixture
def here(tmp_path: Path) -> Store:
    store = Store(tmp_path / "here" / "library.db")
    piece = store.new_piece(example.PROMPT, "My own text.", "The <lamp>")
    store.begin("run1", example.PROMPT, "fake", "1:1", piece.id)
    store.append("run1", example.whole_run("run1"))
    store.set_own_score("run1", 2, example.CRITERIA[0].id, 7)
    return store


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there" / "library.db")


def test_a_session_opens_in_another_library_as_it_was(here: Store, there: Store) -> None:
    saved = session_json(here, "run1")
    piece, run_id = take_in_session(there, "lamp.json", saved.encode())
    assert run_id == "run1" and there.events("run1") == here.events("run1")
    assert there.trajectory("run1") == here.trajectory("run1")
    mine, theirs = here.runs()[0], there.runs()[0]
    assert (mine.state, mine.best_text, mine.created) == (theirs.state, theirs.best_text, theirs.created)
    assert there.own_scores("run1") == here.own_scores("run1") != []
    assert (piece.title, piece.brief, piece.text, piece.rubric) == ("The <lamp>", example.PROMPT, "", example.RUBRIC)
    assert [hit.piece.id for hit in there.find("oilskin")] == [piece.id]
    assert session_json(there, "run1") == saved


def test_an_id_that_is_taken_is_exchanged_and_what_is_there_stays(here: Store) -> None:
    before, lessons = here.events("run1"), here.lessons()
    piece, run_id = take_in_session(here, "x.json", session_json(here, "run1").encode())
    assert run_id != "run1" and here.piece_of(run_id) == piece.id and here.events("run1") == before
    [end] = [e for _, e in here.events(run_id) if isinstance(e, Finished)]
    assert end.trajectory_id == run_id and here.own_scores(run_id)[0].score == 7
    assert here.lessons() == lessons and len(here.pieces()) == 2


def test_what_was_learned_elsewhere_is_shown_and_goes_into_no_other_work(here: Store, there: Store) -> None:
    learned = json.loads(session_json(here, "run1"))
    for event in learned["events"]:
        if event["event"] == "lesson":
            event["origin"] = "learned"
    take_in_session(there, "x.json", json.dumps(learned).encode())
    assert there.trajectory("run1").lessons == (example.LESSON,) and there.lessons() == []


@pytest.mark.parametrize("end", [[], [Failed(message="No memory.")], [Status(text="drafting")]])
def test_a_session_that_did_not_end_well_opens_as_what_it_is(end: list[Any], here: Store, there: Store) -> None:
    here.begin("run2", "A poem.", "fake", "1:1")
    here.append("run2", [*example.coding(), *example.attempt(1, example.FIRST)[:9], *end])
    take_in_session(there, "x.json", session_json(here, "run2").encode())
    assert there.runs()[0].state == ("failed" if end and isinstance(end[0], Failed) else "interrupted")
    assert there.running() == []


def test_the_export_for_scripts_opens_as_well(here: Store, there: Store) -> None:
    whole = json.loads(session_json(here, "run1"))
    part = {key: whole[key] for key in ("id", "events", "own_scores")}
    piece, _ = take_in_session(there, "x.json", json.dumps(part).encode())
    assert piece.brief == example.PROMPT and there.runs()[0].model == "smollm2-135m"


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in way:
            data = data[part]  # type: ignore[index]
        data[last] = value  # type: ignore[index]

    return change


def first(data: dict[str, Any], kind: str) -> int:
    return next(i for i, e in enumerate(data["events"]) if e["event"] == kind)


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "newer": (changed("version", 2), "of a newer Writer-R1"),
    "other form": (changed("format", "else"), "its form is another"),
    "no events": (changed("events", []), "damaged (events"),
    "unknown event": (changed("events.3.event", "<script>"), "damaged (events.3"),
    "more than is known": (changed("events.3.extra", 1), "damaged (events.3"),
    "an id for a path": (changed("id", "../../x"), "damaged (id"),
    "a round beyond count": (lambda d: changed("attempt", 10**30)(d["events"][first(d, "draft")]), "a round numbered"),
    "a round below one": (lambda d: changed("attempt", -1)(d["events"][first(d, "draft")]), "a round numbered"),
    "a time that is none": (changed("events.1.t", float("nan")), "a time that is no number"),
    "numbers without words": (
        lambda d: changed("seconds", float("inf"))(d["events"][first(d, "draft")]),
        "cannot be kept",
    ),
    "a best that is not": (lambda d: changed("best_attempt", 77)(d["events"][-1]), "a best round"),
    "a foreign score": (
        lambda d: changed("score.criterion_id", "c-0")(d["events"][first(d, "score")]),
        "does not have",
    ),
    "a score of eleven": (changed("own_scores.0.score", 11), "own_scores.0.score"),
    "a score of infinity": (changed("own_scores.0.created", float("inf")), "own_scores.0.created"),
    "a title without end": (changed("title", "x" * 10_000), "damaged (title"),
}


@pytest.mark.parametrize(("change", "says"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_or_newer_file_is_one_sentence_and_nothing_of_it_is_kept(
    change: Callable[[dict[str, Any]], None], says: str, here: Store, there: Store
) -> None:
    data = json.loads(session_json(here, "run1"))
    if says == "does not have":  # the evaluation that follows would put other scores in its place
        data["events"] = [e for e in data["events"] if e["event"] != "evaluation"]
    change(data)
    with pytest.raises(WriterError) as error:
        take_in_session(there, "x.json", json.dumps(data).encode())
    said = str(error.value)
    assert says in said and "\n" not in said and said.endswith(".") and len(said) < 300
    assert "keeper" not in said  # no word of the text
    assert there.runs() == [] == there.pieces()


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"id": 1', b"null", b'{"id": "x", "events": {}}', b"9" * 9000],
)
def test_what_is_no_session_is_one_sentence(data: bytes, there: Store) -> None:
    with pytest.raises(WriterError, match=r"^'x.json' is (no session that Writer-R1 saved|damaged) \(.+\.$"):
        take_in_session(there, "x.json", data)
    assert there.pieces() == []


def test_a_save_that_breaks_off_keeps_nothing(here: Store, there: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("writer_r1.store.arrivals.index_texts", full)
    with pytest.raises(StoreError, match="disk is full"):
        take_in_session(there, "x.json", session_json(here, "run1").encode())
    assert there.pieces() == [] == there.runs() and there.find("") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_whatever_is_cut_or_bent_in_a_file_it_is_opened_whole_or_refused(data: Any, here: Store, there: Store) -> None:
    whole = json.loads(session_json(here, "run1"))
    at = data.draw(st.integers(0, len(whole["events"]) - 1))
    key = data.draw(st.sampled_from(sorted(whole["events"][at])))
    whole["events"][at][key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
    )
    before = len(there.pieces())
    try:
        piece, run_id = take_in_session(there, "x.json", json.dumps(whole).encode())
    except WriterError:
        assert len(there.pieces()) == before
    else:
        assert isinstance(there.trajectory(run_id), Trajectory) and there.piece(piece.id) == piece


def test_a_session_that_is_gone_cannot_be_saved(here: Store) -> None:
    with pytest.raises(StoreError, match="not in the library any more"):
        session_json(here, "nope")
