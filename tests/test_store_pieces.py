"""Pieces and saved rubrics against real SQLite files: no save loses a word of the user's, what is found is there."""

import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store import ANY, DEAD, FIRST, FIXTURES, INJECTIONS, begun, built, edit, lesson, pure

from writer_r1.errors import Busy, RubricError, StaleSave, StoreError
from writer_r1.events import DraftDelta, Drafted, Failed, Finished, Recalled, RubricReady, Status, Stopped
from writer_r1.passage import Passage
from writer_r1.store import MIGRATIONS, Hit, Piece, Store, this_process
from writer_r1.store.words import place, snippet
from writer_r1.trajectory import Criterion, Rubric, Source

DAY_S = 86400
RUBRIC = Rubric(prompt_id="p-1", criteria=(Criterion(name="Imagery", description="One can see it.", weight=2.0),))
OTHER = Rubric(prompt_id="p-1", criteria=(Criterion(name="Pace", description="It moves.", locked=True),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def write_run(store: Store, run_id: str, piece_id: str | None, text: str, prompt: str = "A fable") -> None:
    store.begin(run_id, prompt, "fake", this_process(), piece_id)
    store.append(run_id, [Drafted(attempt=1, text=text), Finished(trajectory_id=run_id, best_attempt=1, rounds=1)])


def aged(store: Store, seconds: float) -> None:
    edit(store, "UPDATE versions SET created = created - ?", seconds)


def words_kept(store: Store, piece: Piece) -> list[tuple[str, str]]:
    return [(v.brief, v.text) for v in store.versions(piece.id)]


# Pieces


@pytest.mark.parametrize(
    ("brief", "text", "title", "shown"),
    [
        ("A storm", "Salt.", "  My\n sea ", "My sea"),
        ("A storm\n at sea", "Salt.", "", "A storm at sea"),
        ("海" * 61, "", " \n", "海" * 59 + "…"),
        ("海" * 60, "", "", "海" * 60),
        (" \n", "Salt on the rail." + " too" * 900, "", "Salt on the rail." + " too" * 10 + " t…"),
        ("", " ", "", "Untitled"),
    ],
)  # fmt: skip
def test_a_title_is_the_given_one_or_the_first_words(
    store: Store, brief: str, text: str, title: str, shown: str
) -> None:
    piece = store.new_piece(brief, text, title)
    assert piece == store.piece(piece.id)
    assert (piece.title, piece.brief, piece.text, piece.revision, piece.rubric) == (shown, brief, text, 1, None)


def test_pieces_are_listed_by_what_was_worked_on_last(store: Store) -> None:
    a, b, c = (store.new_piece(brief) for brief in "abc")
    assert [p.brief for p in store.pieces()] == ["c", "b", "a"]
    store.save_piece(a.id, "a", "text", 1)
    store.begin("run1", "b", "fake", this_process(), b.id)
    assert [p.brief for p in store.pieces()] == ["b", "a", "c"] and store.latest_piece() == b.id
    store.set_rubric(c.id, RUBRIC)
    store.rename_piece(c.id, "Z")
    assert [p.title for p in store.pieces(2)] == ["b", "a"]


def test_a_new_library_has_no_pieces(store: Store) -> None:
    assert (store.pieces(), store.latest_piece(), store.piece("x"), store.versions("x"), store.find("x")) == (
        [], None, None, [], [])  # fmt: skip
    assert (store.runs_of("x"), store.loose_runs(), store.piece_of("x"), store.saved_rubrics()) == ([], [], None, [])


@settings(max_examples=40, deadline=None)
@given(brief=ANY, text=ANY, title=ANY)
def test_a_piece_comes_back_as_it_went_in(brief: str, text: str, title: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        empty = store.new_piece()
        saved = store.save_piece(empty.id, brief, text, 1)
        made = store.new_piece(brief, text, title)
        for piece in (saved, made):
            assert store.piece(piece.id) == piece and (piece.brief, piece.text) == (pure(brief), pure(text))
        store.rename_piece(saved.id, title)
        assert store.piece(saved.id).title == made.title  # type: ignore[union-attr]


def test_the_rubric_of_a_piece_is_set_and_taken_away(store: Store) -> None:
    piece = store.new_piece("A storm")
    for rubric in (RUBRIC, OTHER, None):
        store.set_rubric(piece.id, rubric)
        assert store.piece(piece.id) == piece._replace(rubric=rubric)


def test_a_rubric_with_a_lone_surrogate_is_kept(store: Store) -> None:
    torn = Criterion(name="Pace", description="It moves.", source=Source(stage="open", span="\ud800"))
    piece = store.new_piece()
    store.set_rubric(piece.id, RUBRIC.model_copy(update={"criteria": (torn,)}))
    assert store.piece(piece.id).rubric.criteria[0].source.span == "\ufffd"  # type: ignore[union-attr]


@pytest.mark.parametrize("line", ["{", "null", '{"prompt_id":"p","criteria":[],"mood":1}'])
def test_a_piece_whose_criteria_are_damaged_still_opens(store: Store, line: str) -> None:
    piece = store.new_piece("A storm", "Salt.")
    edit(store, "UPDATE pieces SET rubric = ?", line)
    assert store.piece(piece.id) == piece and store.pieces() == [piece]


# Saving

SAVES = st.lists(
    st.tuples(
        st.sampled_from(["", "A storm", "A fox"]),
        st.sampled_from(["", " ", "x", "Salt.", "Salt on the rail.", "Salt on the rail, and the keeper counting."]),
        st.sampled_from(["", "", "kept by you", "before a run"]),
        st.sampled_from([0, 0, 20, 61]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(SAVES)
def test_whatever_is_saved_the_words_of_named_saves_and_wiped_texts_stay(
    saves: list[tuple[str, str, str, float]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        now = store.new_piece("A storm", "Salt.")
        must_stay = {("A storm", "Salt.")}
        for brief, text, why, wait_s in saves:
            aged(store, wait_s)
            before, rows = now, store.versions(now.id)
            now = store.save_piece(now.id, brief, text, now.revision, why)
            changed = (brief, text) != (before.brief, before.text)
            assert now.revision == before.revision + changed
            assert changed or [v._replace(why="") for v in store.versions(now.id)] == [v._replace(why="") for v in rows]
            if why:
                must_stay |= {(before.brief, before.text), (brief, text)}
            if not text.strip() or not brief.strip():
                must_stay |= {(before.brief, before.text)} if before.text.strip() and before.brief.strip() else set()
            versions = store.versions(now.id)
            assert versions[0][:3] == (now.revision, now.brief, now.text)
            assert [v.revision for v in versions] == sorted({v.revision for v in versions}, reverse=True)
            assert must_stay <= set(words_kept(store, now))


def test_saves_of_the_page_within_a_minute_share_a_version(store: Store) -> None:
    piece = store.new_piece("A storm")
    for i in range(5):
        piece = store.save_piece(piece.id, "A storm", "word " * (i + 1), piece.revision)
    assert [(v.revision, v.why) for v in store.versions(piece.id)] == [(6, ""), (1, "begun")]
    aged(store, 59)
    piece = store.save_piece(piece.id, "A storm", "word " * 8, piece.revision)
    assert [v.revision for v in store.versions(piece.id)] == [7, 1]
    aged(store, 2)  # 61 s since the first of them, although the last was just now
    piece = store.save_piece(piece.id, "A storm", "word " * 9, piece.revision)
    assert [v.revision for v in store.versions(piece.id)] == [8, 7, 1]


def test_an_empty_beginning_is_no_version_of_its_own(store: Store) -> None:
    piece = store.new_piece()
    store.save_piece(piece.id, "A", "", 1)
    assert words_kept(store, piece) == [("A", "")]


def test_a_text_wiped_within_the_minute_is_kept(store: Store) -> None:
    piece = store.new_piece()
    for text in ("A long chapter.", "", "q"):
        piece = store.save_piece(piece.id, "", text, piece.revision)
    assert ("", "A long chapter.") in words_kept(store, piece)


def test_naming_what_is_already_saved_keeps_it_from_later_saves(store: Store) -> None:
    piece = store.new_piece()
    piece = store.save_piece(piece.id, "", "Salt.", 1)
    assert store.save_piece(piece.id, "", "Salt.", 2, "kept by you") == piece
    assert store.save_piece(piece.id, "", "Salt.", 2, "another name") == piece
    store.save_piece(piece.id, "", "Salt. Rail.", 2)
    assert [(v.text, v.why) for v in store.versions(piece.id)] == [("Salt. Rail.", ""), ("Salt.", "kept by you")]


@pytest.mark.parametrize("why", ["", "kept by you"])
@pytest.mark.parametrize("base", [0, 1, 3, 99, -1])
def test_a_save_from_another_revision_is_refused_and_nothing_is_written(store: Store, base: int, why: str) -> None:
    piece = store.new_piece("A storm", "Salt.", "Sea")
    piece = store.save_piece(piece.id, "A storm", "Salt. Rail.", 1)
    versions = store.versions(piece.id)
    with pytest.raises(StaleSave, match="^'Sea' was changed in another window; choose") as caught:
        store.save_piece(piece.id, "A storm", "Pepper.", base, why)
    assert caught.value.current == piece == store.piece(piece.id)
    assert store.versions(piece.id) == versions
    assert store.save_piece(piece.id, "A storm", "Salt. Rail.", base) == piece  # the same words are no quarrel


def test_of_two_windows_saving_at_once_one_wins_and_the_other_is_told(store: Store) -> None:
    piece = store.new_piece()
    told: list[StaleSave] = []
    gate = threading.Barrier(8)

    def save(words: str) -> None:
        gate.wait()
        try:
            store.save_piece(piece.id, "", words, 1)
        except StaleSave as error:
            told.append(error)

    threads = [threading.Thread(target=save, args=(f"window {i}",)) for i in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    now = store.piece(piece.id)
    assert now is not None and now.revision == 2
    assert [e.current for e in told] == [now] * 7


# Deleting


def test_a_deleted_piece_and_its_sessions_are_out_of_sight_until_restored(store: Store) -> None:
    other = store.new_piece("A fox")
    piece = store.new_piece("A storm", "Salt.")
    write_run(store, "loose", None, "The sea rose.")
    write_run(store, "run1", piece.id, "The sea rose.")

    def seen() -> list[object]:
        return [
            [p.id for p in store.pieces()], store.latest_piece(), store.piece(piece.id), store.find("sea"),
            [r.id for r in store.runs()], store.latest(), [r.id for r in store.search("sea")],
        ]  # fmt: skip

    before = seen()
    store.delete_piece(piece.id)
    assert seen() == [[other.id], other.id, None, [], ["loose"], "loose", ["loose"]]
    assert [r.id for r in store.loose_runs()] == ["loose"] and store.trajectory("run1").best == 1
    store.restore_piece(piece.id)
    assert seen() == before and store.piece_of("run1") == piece.id
    store.delete_piece("nothing")


def test_what_is_being_written_for_a_deleted_piece_is_asked_to_stop_and_no_page_opens_on_it(store: Store) -> None:
    piece, other = store.new_piece("A storm"), store.new_piece("A fox")
    for run_id, piece_id in (("run1", piece.id), ("run2", other.id), ("run3", None)):
        store.begin(run_id, "p", "fake", this_process(), piece_id)
    store.delete_piece(piece.id)
    assert [store.stop_asked(r) for r in ("run1", "run2", "run3")] == [True, False, False]
    assert store.running() == ["run3", "run2"]
    store.append("run1", [FIRST, Stopped(why="user"), Finished(trajectory_id="run1", best_attempt=1, rounds=1)])
    store.restore_piece(piece.id)
    assert [(r.state, r.best_text) for r in store.runs_of(piece.id)] == [("stopped", "The sea rose.")]


def test_work_on_a_deleted_piece_is_refused_with_a_sentence(store: Store) -> None:
    piece = store.new_piece("A storm")
    write_run(store, "run1", piece.id, "The sea rose.")
    store.delete_piece(piece.id)
    for id_ in (piece.id, "unknown"):
        with pytest.raises(StoreError, match="^This piece was deleted; bring it back"):
            store.save_piece(id_, "A storm", "Salt.", 1)
        with pytest.raises(StoreError, match="^This piece was deleted"):
            store.set_rubric(id_, RUBRIC)
        with pytest.raises(StoreError, match="^This piece was deleted"):
            store.rename_piece(id_, "Sea")
        with pytest.raises(StoreError, match="^This piece was deleted"):
            store.begin("run2", "A storm", "fake", this_process(), id_)
    with pytest.raises(StoreError, match="^This piece was deleted"):
        store.adopt("run1")
    assert store.run("run2") is None
    with pytest.raises(StoreError, match="'unknown' was removed for good"):
        store.restore_piece("unknown")


def rows(store: Store, words: str) -> dict[str, int]:
    with store._transaction("BEGIN") as db:
        tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "found_" not in t]
        counts = {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in sorted(tables)}
        [found] = db.execute("SELECT count(*) FROM found WHERE found MATCH ?", (words,)).fetchone()
    return counts | {"found": found}


def test_after_thirty_days_all_of_a_deleted_piece_is_gone_and_nothing_else(store: Store) -> None:
    kept, thrown = store.new_piece("A fox"), store.new_piece("A storm", "Salt.")
    for run_id, piece_id in (("run0", None), ("run1", kept.id), ("run2", thrown.id), ("run3", thrown.id)):
        write_run(store, run_id, piece_id, "lighthouse")
        learned = lesson(f"l-{run_id}").model_copy(update={"trajectory_id": run_id})
        store.append(run_id, [Recalled(lesson=learned, origin="learned"), RubricReady(rubric=RUBRIC)])
        store.set_own_score(run_id, 1, RUBRIC.criteria[0].id, 7)
    for piece in (kept, thrown):
        store.dismiss(piece.id, "p-1", RUBRIC.criteria[0])
        store.keep_summary(piece.id, "hash", "A fox.")
        store.protect(piece.id, Passage(text="Salt."))
    store.delete_piece(thrown.id)
    before = rows(store, "lighthouse")
    edit(store, "UPDATE pieces SET deleted = deleted - ?", 29.9 * DAY_S)
    Store(store.path)
    assert rows(store, "lighthouse") == before and before["found"] == 4
    edit(store, "UPDATE pieces SET deleted = deleted - ?", 0.2 * DAY_S)
    Store(store.path)
    assert rows(store, "lighthouse") == {
        "blind_pairs": 0, "decisions": 0, "dismissed": 1, "events": 8, "found": 2, "lessons": 2,
        "migrations": len(MIGRATIONS), "own_scores": 2, "pieces": 1, "protected": 1, "rubrics": 0, "runs": 2,
        "summaries": 1, "texts": 4, "versions": 1,
    }  # fmt: skip
    assert [x.id for x in store.lessons()] == ["l-run0", "l-run1"]
    assert [r.id for r in store.search("lighthouse")] == ["run1", "run0"]
    with pytest.raises(StoreError, match="was removed for good"):
        store.restore_piece(thrown.id)


def test_a_damaged_lesson_does_not_keep_a_deleted_piece_alive(store: Store) -> None:
    thrown = store.new_piece("A storm")
    store.delete_piece(thrown.id)
    edit(store, "INSERT INTO lessons VALUES ('l-1', '{torn')")
    edit(store, "UPDATE pieces SET deleted = 1")
    Store(store.path)
    assert rows(store, "storm")["pieces"] == 0 and rows(store, "storm")["lessons"] == 1


def test_a_library_that_cannot_be_written_still_opens_with_something_to_remove(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writer_r1.store.file.BUSY_S", 0.2)
    kept = store.new_piece("A fox")
    store.delete_piece(store.new_piece("A storm").id)
    edit(store, "UPDATE pieces SET deleted = 1 WHERE deleted IS NOT NULL")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert Store(store.path).pieces() == [kept]
    assert rows(store, "storm")["pieces"] == 2
    Store(store.path)
    assert rows(store, "storm")["pieces"] == 1


# Runs of pieces


def test_runs_belong_to_their_piece(store: Store) -> None:
    a, b = store.new_piece("a"), store.new_piece("b")
    for run_id, piece_id in (("r1", a.id), ("r2", None), ("r3", b.id), ("r4", a.id), ("r5", None)):
        write_run(store, run_id, piece_id, "text")
    assert [r.id for r in store.runs_of(a.id)] == ["r4", "r1"] and [r.id for r in store.runs_of(b.id)] == ["r3"]
    assert [r.id for r in store.loose_runs()] == ["r5", "r2"] and [r.id for r in store.loose_runs(1)] == ["r5"]
    assert [store.piece_of(r) for r in ("r1", "r2", "r3", "zz")] == [a.id, None, b.id, None]
    assert [r.id for r in store.runs()] == ["r5", "r4", "r3", "r2", "r1"]


@pytest.mark.parametrize("rubrics", [[], [RUBRIC], [RUBRIC, OTHER]])
def test_a_session_without_a_piece_is_made_into_one_once(store: Store, rubrics: list[Rubric]) -> None:
    begun(store, "run1", "A storm\n at sea")
    store.append("run1", [FIRST, *(RubricReady(rubric=r) for r in rubrics)])
    piece = store.adopt("run1")
    assert (piece.brief, piece.text, piece.title) == ("A storm\n at sea", "", "A storm at sea")
    assert piece.rubric == (rubrics[-1] if rubrics else None)
    saved = store.save_piece(piece.id, piece.brief, "Salt.", 1)
    assert store.adopt("run1") == saved and store.pieces() == [saved]
    assert [r.id for r in store.runs_of(piece.id)] == ["run1"] and store.loose_runs() == []
    assert words_kept(store, piece)[-1] == ("A storm\n at sea", "")
    with pytest.raises(StoreError, match="^The session 'run' is not in the library"):
        store.adopt("run")  # a part of an id is none


def test_a_reopened_run_is_running_and_counts_on(store: Store) -> None:
    begun(store, "run1")
    store.append("run1", [FIRST, Stopped(why="user"), Finished(trajectory_id="run1", best_attempt=1, rounds=1)])
    store.ask_stop("run1")
    assert store.run("run1").state == "stopped"  # type: ignore[union-attr]
    assert store.reopen("run1", this_process()) == 3
    assert (store.running(), store.stop_asked("run1")) == (["run1"], False)
    store.append("run1", [Status(text="again"), Finished(trajectory_id="run1", best_attempt=1, rounds=1)])
    assert [n for n, _ in store.events("run1", after=3)] == [4, 5]
    assert store.run("run1").state == "finished"  # type: ignore[union-attr]
    store.append("run1", [Failed(message="No.")])
    assert store.reopen("run1", this_process()) == 6


def test_a_run_without_events_reopens_at_none(store: Store) -> None:
    begun(store, "run1", owner=DEAD)
    assert store.reopen("run1", this_process()) == 0 and store.running() == ["run1"]


def test_a_run_that_is_being_written_or_unknown_is_not_reopened(store: Store) -> None:
    begun(store, "run1")
    with pytest.raises(Busy, match="still being written; wait until it ends, or stop it"):
        store.reopen("run1", this_process())
    with pytest.raises(StoreError, match="'run' is not in the library any more"):
        store.reopen("run", this_process())


# Finding


def test_every_term_is_found_in_the_piece_or_its_sessions_one_hit_a_piece(store: Store) -> None:
    a = store.new_piece("A storm at sea", "Salt on the rail. " * 30 + "The keeper counted.", "Étude")
    b = store.new_piece("A fox", "STORM PETREL")
    write_run(store, "r1", a.id, "The lighthouse fell.")
    write_run(store, "r2", a.id, "The lighthouse rose.")
    write_run(store, "r3", None, "A storm in a tea cup")
    a, b = store.piece(a.id), store.piece(b.id)  # type: ignore[assignment]

    def hits(query: str) -> list[tuple[str, str | None]]:
        return [(h.piece.id, h.run_id) for h in store.find(query)]

    assert hits("storm") == [(a.id, None), (b.id, None)]
    assert hits("LIGHTHOUSE") == [(a.id, "r2")] and hits("fell") == [(a.id, "r1")]
    assert hits("storm lighthouse keeper") == [(a.id, None)]  # its own words hold two of three
    assert hits("étude") == hits("ÉTUDE rail") == [(a.id, None)]
    assert hits("cup") == hits("storm nowhere") == [] and hits(" ") == [(a.id, None), (b.id, None)]
    assert [h.piece for h in store.find("storm")] == [a, b] and len(store.find("storm", limit=1)) == 1
    assert store.find("counted") == [Hit(a, None, "…" + a.text[-90:])]
    assert store.find("rose") == [Hit(a, "r2", "The lighthouse rose.")]


def test_text_still_being_written_and_short_terms_are_found(store: Store) -> None:
    piece = store.new_piece("写一个关于大海上的风暴的故事")
    store.begin("r1", "p", "fake", this_process(), piece.id)
    store.append("r1", [DraftDelta(attempt=1, text="half a light"), DraftDelta(attempt=1, text="house 風")])
    assert [(h.run_id, h.snippet) for h in store.find("lighthouse")] == [("r1", "half a lighthouse 風")]
    assert [h.run_id for q in ("風", "海", "大海上", "海 風") for h in store.find(q)] == ["r1", None, None, None]


@pytest.mark.parametrize("query", INJECTIONS, ids=ascii)
def test_no_sign_in_a_query_has_a_meaning(store: Store, query: str) -> None:
    plain = store.new_piece("storm")
    quoted = store.new_piece("x", f"before {query[:600]} after".replace("\0", " "))
    in_run = store.new_piece("y")
    write_run(store, "r1", in_run.id, f"before {query[:600]} after".replace("\0", " "))
    blank = not query.replace("\0", " ").strip()
    found = [in_run.id, quoted.id, plain.id] if blank else [in_run.id, quoted.id]
    assert [h.piece.id for h in store.find(query)] == found


@settings(max_examples=40, deadline=None)
@given(text=ANY, cut=st.data())
def test_any_part_of_a_text_finds_its_piece(text: str, cut: st.DataObject) -> None:
    text = text.replace("\0", " ")
    start = cut.draw(st.integers(0, len(text)))
    part = text[start : cut.draw(st.integers(start, len(text)))]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        store.new_piece(text=text)
        in_run = store.new_piece()
        write_run(store, "a", in_run.id, text)
        assert len(store.find(part)) == 2


@settings(max_examples=200)
@given(before=ANY, term=st.text(min_size=1, max_size=8), after=ANY)
def test_a_term_is_placed_where_it_reads_in_any_letter_case(before: str, term: str, after: str) -> None:
    text = before + term + after
    at = place(text, term.upper()) if term.upper().casefold() == term.casefold() else place(text, term)
    assert 0 <= at <= len(before)
    assert text[at:].casefold().find(term.casefold()) in range(3)  # 0 but where a letter folds to several


@pytest.mark.parametrize(
    ("text", "term", "at"),
    [("sea", "sea", 0), ("The SEA", "sea", 4), ("the sea", "SEA", 4), ("sea", "fox", -1), ("", "a", -1)]
    + [("ßßß sea", "SEA", 4), ("İİ sea", "sea", 3), ("Straße", "STRASSE", 0), ("auf der Straße", "sse", 12)],
)
def test_letters_that_fold_to_two_do_not_shift_the_place(text: str, term: str, at: int) -> None:
    assert place(text, term) == at


@settings(max_examples=200)
@given(st.text("ab \n", max_size=300), st.integers(0, 299))
def test_a_snippet_is_a_short_line_that_shows_the_place(text: str, at: int) -> None:
    text = text[:at] + "!" + text[at:]
    line = snippet(text, text.index("!"))
    assert "!" in line and "\n" not in line and len(line) <= 92
    assert line.startswith("…") or line.strip("…") in " ".join(text.split())
    assert len(text) > 90 or line == " ".join(text.split())


def test_a_large_library_is_searched_while_one_waits(store: Store) -> None:
    for i in range(100):
        store.new_piece(f"Novel {i}", f"the sea rose over the rail {i} and fell again " * 2000)
    began = time.monotonic()
    assert len(store.find("NOWHERE")) == 0 and [h.piece.brief for h in store.find("rail 77 and")] == ["Novel 77"]
    assert time.monotonic() - began < 8.0  # usually under one


# Saved rubrics


def test_saved_rubrics_come_back_by_name(store: Store) -> None:
    b = store.save_rubric("  Harbour\n stories ", "A harbour", RUBRIC)
    a = store.save_rubric("Fables", "A fable", OTHER)
    assert (b.name, b.prompt, b.rubric) == ("Harbour stories", "A harbour", RUBRIC)
    assert store.saved_rubrics() == [a, b]
    store.delete_saved_rubric(a.id)
    store.delete_saved_rubric("nothing")
    assert store.saved_rubrics() == [b]


@pytest.mark.parametrize("name", ["Straße", "STRASSE", " straße ", "sTraSSe\n"])
def test_a_name_used_again_in_any_letter_case_replaces(store: Store, name: str) -> None:
    old = store.save_rubric("Straße", "old", RUBRIC)
    new = store.save_rubric(name, "new", OTHER)
    assert store.saved_rubrics() == [new] and new.id == old.id
    assert (new.name, new.prompt, new.rubric) == (" ".join(name.split()), "new", OTHER)


@pytest.mark.parametrize("name", ["", " \n"])
def test_a_rubric_needs_a_name(store: Store, name: str) -> None:
    with pytest.raises(RubricError, match="have no name; give them one"):
        store.save_rubric(name, "p", RUBRIC)
    assert store.saved_rubrics() == []


def test_a_damaged_saved_rubric_or_lesson_takes_no_other_along(store: Store) -> None:
    other, _ = store.save_rubric("Letters", "p", RUBRIC), store.save_rubric("Fables", "p", RUBRIC)
    edit(store, "UPDATE rubrics SET rubric = '{\"secret\": 1}' WHERE name = 'Fables'")
    assert store.saved_rubrics() == [other]
    edit(store, "INSERT INTO lessons (id, lesson) VALUES ('l', '{\"secret\": 1}')")
    assert store.lessons() == []


# Other versions


def test_a_library_of_the_first_schema_with_pieces_opens_with_all_it_held(tmp_path: Path) -> None:
    store = Store(built(FIXTURES / "m003_pieces.sql", tmp_path / "old.db"))
    [piece] = store.pieces()
    assert (piece.id, piece.title, piece.revision, piece.updated) == ("aa01", "A lighthouse keeper", 3, 300.0)
    assert piece.rubric is not None and [(c.name, c.weight, c.locked) for c in piece.rubric.criteria] == [
        ("Imagery", 2.0, True)
    ]
    assert [(v.revision, v.why) for v in store.versions("aa01")] == [(3, ""), (2, "Draft taken over"), (1, "begun")]
    assert [r.id for r in store.runs_of("aa01")] == ["5f2a"] and [r.id for r in store.loose_runs()] == ["0b3c"]
    assert [(s.name, s.prompt, s.rubric) for s in store.saved_rubrics()] == [
        ("Harbour Stories", "A harbour at dawn", piece.rubric)
    ]
    store.restore_piece("aa02")
    assert [p.title for p in store.pieces()] == ["A lighthouse keeper", "Thrown away"]


def test_a_library_of_the_first_schema_with_dismissals_opens_with_them(tmp_path: Path) -> None:
    store = Store(built(FIXTURES / "m004_dismissed.sql", tmp_path / "old.db"))
    assert [(c.name, c.description) for c in store.dismissed("p-1")] == [("Moral", "It has one.")]
    assert store.dismissed("p-2", "aa01") == store.dismissed("p-1") and store.dismissed("p-2") == []


def test_a_library_of_the_first_schema_with_own_scores_opens_with_them(tmp_path: Path) -> None:
    [given_] = Store(built(FIXTURES / "m005_own_scores.sql", tmp_path / "old.db")).own_scores("5f2a")
    assert (given_.run_id, given_.attempt, given_.criterion.name, given_.score) == ("5f2a", 1, "Imagery", 7)
    assert (given_.value, given_.judge, given_.prompt, given_.created) == (0.5, "fake", "A lighthouse keeper", 180.0)


@pytest.mark.parametrize("name", ["m001_runs", "m002_full_text_search"])
def test_sessions_from_before_there_were_pieces_can_be_made_into_some(name: str, tmp_path: Path) -> None:
    store = Store(built(FIXTURES / f"{name}.sql", tmp_path / "old.db"))
    assert [r.id for r in store.loose_runs()] == ["0b3c", "5f2a"] and store.pieces() == []
    piece = store.adopt("5f2a")
    assert piece.brief == "A lighthouse keeper"
    assert [(h.piece, h.run_id) for h in store.find("counted")] == [(piece, "5f2a")]
    shutil.rmtree(tmp_path / "backups")  # one was made before the schema was changed: test_store_backup
