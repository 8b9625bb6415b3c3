"""The tree of versions against real SQLite files: nothing that was kept goes, whatever is restored or saved after."""

import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manuscripts import chaptered
from test_store import FIXTURES, begun, built
from test_store_pieces import aged

from writer_r1.errors import StaleSave, StoreError
from writer_r1.events import Drafted
from writer_r1.store import MIGRATIONS, Source, Store

TEXTS = ("", "Salt.", "Salt on the rail.", "Salt on the rail, and the keeper counting.", "Pepper, then.")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def shape(store: Store, piece_id: str) -> list[tuple[int, int | None, str, str]]:
    return [(v.revision, v.parent, v.why, v.text) for v in store.versions(piece_id)]


def test_the_version_that_a_copy_was_made_of_does_not_share_with_the_next_save(store: Store) -> None:
    piece = store.new_piece("A storm", "One.")
    piece = store.save_piece(piece.id, piece.brief, "One, two.", piece.revision)
    source = Source("piece", piece.id, piece.revision)
    copy = store.new_piece("A storm", piece.text, "Copy", source)
    later = store.save_piece(piece.id, piece.brief, "One, two, three.", piece.revision)
    assert later.revision > piece.revision
    old = store.version(piece.id, piece.revision)
    assert old and old.text == "One, two." and store.versions(copy.id)[0].source == source


def test_restoring_an_old_version_is_a_branch_and_nothing_after_it_is_lost(store: Store) -> None:
    piece = store.new_piece("A storm", "One.")
    piece = store.save_piece(piece.id, "A storm", "Two.", 1, "Round 1 taken over")
    piece = store.save_piece(piece.id, "A fox", "Three.", 2, "kept by hand")
    piece = store.restore_version(piece.id, 1, 3)
    assert (piece.brief, piece.text, piece.revision) == ("A storm", "One.", 4)
    piece = store.save_piece(piece.id, "A storm", "One and more.", 4)
    assert shape(store, piece.id) == [
        (5, 4, "", "One and more."),
        (4, 1, "restored", "One."),
        (3, 2, "kept by hand", "Three."),
        (2, 1, "Round 1 taken over", "Two."),
        (1, None, "begun", "One."),
    ]
    undone = store.restore_version(piece.id, 3, 5, "undone")
    assert (undone.brief, undone.text) == ("A fox", "Three.") and shape(store, piece.id)[0] == (
        6,
        3,
        "undone",
        "Three.",
    )
    assert [(s.revision, s.parent, s.why) for s in store.steps(piece.id)] == [r[:3] for r in shape(store, piece.id)]
    assert store.texts_of(piece.id, [1, 5, 5, 99]) == {1: "One.", 5: "One and more."}
    assert store.version(piece.id, 3) == store.versions(piece.id)[3] and store.version(piece.id, 99) is None


def test_restoring_what_is_there_writes_nothing(store: Store) -> None:
    piece = store.new_piece("A storm", "One.")
    assert store.restore_version(piece.id, 1, 99) == piece and len(store.versions(piece.id)) == 1


def test_a_restore_upon_words_that_the_page_never_showed_is_refused(store: Store) -> None:
    piece = store.new_piece("", "One.")
    piece = store.save_piece(piece.id, "", "Two.", 1, "kept")
    before = store.versions(piece.id)
    with pytest.raises(StaleSave, match="was changed in another window") as caught:
        store.restore_version(piece.id, 1, 1)
    assert caught.value.current == piece and store.versions(piece.id) == before
    with pytest.raises(StoreError, match="This version is not in the library any more"):
        store.restore_version(piece.id, 7, 2)
    store.delete_piece(piece.id)
    with pytest.raises(StoreError, match="This piece was deleted"):
        store.restore_version(piece.id, 1, 2)


def test_a_named_version_keeps_its_reason_and_is_never_saved_over(store: Store) -> None:
    piece = store.new_piece()
    piece = store.save_piece(piece.id, "", "Salt.", 1)
    store.name_version(piece.id, piece.revision, "  Before\n the storm " + "x" * 500)
    store.save_piece(piece.id, "", "Salt on the rail.", piece.revision)
    now, named = store.versions(piece.id)
    assert (now.text, now.parent, now.name) == ("Salt on the rail.", named.revision, "")
    assert named.text == "Salt." and named.name.startswith("Before the storm x") and len(named.name) == 120
    store.name_version(piece.id, named.revision, " ")
    assert store.version(piece.id, named.revision).name == ""  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="This version is not in the library any more"):
        store.name_version(piece.id, 99, "x")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["save", "keep", "restore", "restore"]),
        st.sampled_from(TEXTS),
        st.integers(0, 99),
        st.sampled_from([0, 20, 61]),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_tree_only_grows_and_every_way_leads_back_to_the_beginning(
    steps: list[tuple[str, str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        now = store.new_piece("A storm", "Salt.")
        for act, text, pick, wait_s in steps:
            aged(store, wait_s)
            before = store.versions(now.id)
            if act == "restore":
                old = before[pick % len(before)]
                after = store.restore_version(now.id, old.revision, now.revision)
                assert (after.brief, after.text) == (old.brief, old.text)
                if after.revision != now.revision:
                    assert store.versions(now.id)[0].parent == old.revision
            else:
                after = store.save_piece(now.id, "A storm", text, now.revision, "kept" if act == "keep" else "")
            now, rows = after, store.versions(now.id)
            stays = (
                before if rows[0].why or before[0].why else before[1:]
            )  # the newest autosave may be brought up to date
            of = {v.revision: v for v in rows}
            assert {v.revision for v in stays} <= set(of) and len(rows) >= len(before)
            assert all((of[v.revision].text, of[v.revision].parent) == (v.text, v.parent) for v in stays)
            assert rows[0][:3] == (now.revision, now.brief, now.text)
            assert [v.revision for v in rows if v.parent is None] == [1]
            assert all(v.parent in of and v.parent < v.revision for v in rows[:-1])


def test_old_libraries_get_their_versions_in_a_row(tmp_path: Path) -> None:
    for name in list(MIGRATIONS)[2:5]:
        store = Store(built(FIXTURES / f"{name}.sql", tmp_path / f"{name}.db"))
        assert [(v.revision, v.parent, v.name) for v in store.versions("aa01")] == [
            (3, 2, ""),
            (2, 1, ""),
            (1, None, ""),
        ]
        assert [v.parent for v in store.versions("aa02")] in ([], [None])


def test_a_library_of_the_first_schema_with_a_tree_opens_with_its_branches(tmp_path: Path) -> None:
    store = Store(built(FIXTURES / "m006_version_tree.sql", tmp_path / "old.db"))
    assert [(s.revision, s.parent, s.why, s.name) for s in store.steps("aa01")] == [
        (4, 2, "restored", ""), (3, 2, "", ""), (2, 1, "Draft taken over", "Before the storm"), (1, None, "begun", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["m006_version_tree", "m010_sources_and_decisions"])
def test_what_a_round_put_into_an_older_library_is_known(name: str, tmp_path: Path) -> None:
    store = Store(built(FIXTURES / f"{name}.sql", tmp_path / "old.db"))
    known = {v.revision: v.source for v in store.versions("aa01") if v.source}
    assert known == {2: Source("run", "5f2a", 1)}


@pytest.mark.parametrize("stored", ["", "run", "run x", "run x 1.5", "hand x 1", "piece  3 4 x"])
def test_a_damaged_source_is_none(store: Store, stored: str) -> None:
    piece = store.new_piece("A storm", "One.")
    with store._transaction("BEGIN IMMEDIATE") as db:
        db.execute("UPDATE versions SET source = ?", (stored,))
    assert store.version(piece.id, 1).source is None  # type: ignore[union-attr]


def test_versions_with_gaps_between_their_revisions_are_joined(tmp_path: Path) -> None:
    path = built(FIXTURES / "m005_own_scores.sql", tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE versions SET revision = revision * 7")
    assert [(v.revision, v.parent) for v in Store(path).versions("aa01")] == [(21, 14), (14, 7), (7, None)]


# A round whose text was changed since


def test_the_round_that_the_manuscript_was_and_is_no_longer(store: Store) -> None:
    piece = store.new_piece("A storm", "Mine.")
    begun(store, "run1")
    store.append("run1", [Drafted(attempt=n, text=f"Round {n}.") for n in (1, 2, 3)])
    assert store.edited_round(piece.id, "run1") is None
    piece = store.save_piece(piece.id, "A storm", "Round 2.", 1, "Round 1 taken over")
    assert store.edited_round(piece.id, "run1") is None  # it stands as it was written
    piece = store.save_piece(piece.id, "A storm", "Round 2, better.", 2)
    assert store.edited_round(piece.id, "run1") == 2 and store.edited_round(piece.id, "other") is None
    piece = store.restore_version(piece.id, 1, 3)
    assert store.edited_round(piece.id, "run1") is None  # another branch, which goes back to no round
    piece = store.restore_version(piece.id, 3, 4)
    assert store.edited_round(piece.id, "run1") == 2
    piece = store.save_piece(piece.id, "A storm", "Round 3.", 5, "Round 2 taken over")
    assert store.edited_round(piece.id, "run1") is None


def test_an_empty_round_is_no_beginning_of_a_manuscript(store: Store) -> None:
    piece = store.new_piece("A storm")
    begun(store, "run1")
    store.append("run1", [Drafted(attempt=1, text="")])
    store.save_piece(piece.id, "A storm", "Mine.", 1, "kept")
    assert store.edited_round(piece.id, "run1") is None


def test_versions_of_a_long_text_hold_what_differs_and_read_as_they_were(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("writer_r1.store.versions.AUTOSAVE_S", 0.0)
    texts = [chaptered(8_000, chapters=4)]
    dice = random.Random(3)
    for n in range(30):
        at = dice.randrange(len(texts[-1]))
        at = at if n % 7 == 3 else 20_000 + 40 * n
        texts.append(texts[-1][:at] + f" [{n} é 👩‍👧 灯] " + texts[-1][at + dice.randrange(60) :])
    piece = store.new_piece("A novel", texts[0])
    for base, text in enumerate(texts[1:], 1):
        assert store.save_piece(piece.id, "A novel", text, base).text == text
    assert [v.text for v in store.versions(piece.id)] == texts[::-1]
    assert store.texts_of(piece.id, [5, 31]) == {5: texts[4], 31: texts[30]}
    assert store.version(piece.id, 17).text == texts[16]  # type: ignore[union-attr]
    assert store.restore_version(piece.id, 9, 31).text == texts[8]
    with closing(sqlite3.connect(store.path)) as db:
        held, whole = db.execute(
            "SELECT sum(length(text)), count(*) FILTER (WHERE base IS NULL) FROM versions"
        ).fetchone()
    assert held < 12 * len(texts[0]) and whole < 12


@given(st.lists(st.text(st.sampled_from("aé👩\u200d👧灯\r\n\0 "), max_size=9), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_long_text_comes_back_letter_for_letter(store: Store, rows: list[str]) -> None:
    before = "".join(rows) * 3_000 + "x" * 16_000
    after = before[: len(before) // 2] + rows[0] + before[len(before) // 2 :]
    piece = store.new_piece("A novel", before)
    store.save_piece(piece.id, "A novel", after, 1, "kept")
    assert [v.text for v in store.versions(piece.id)] == ([after, before] if rows[0] else [before])


def test_a_working_day_on_a_novel_adds_little_to_the_library(store: Store, monkeypatch: Any) -> None:
    """48 minutes of typing in a text of 60,000 words, at two places: as many versions."""
    monkeypatch.setattr("writer_r1.store.versions.AUTOSAVE_S", 0.0)
    text = chaptered()
    piece = store.new_piece("A novel", text)
    for minute in range(48):
        at = (minute // 24) * 150_000 + 20_000 + 300 * minute
        text = text[:at] + "One more sentence, as long as they are here and there. " * 6 + text[at:]
        store.save_piece(piece.id, "A novel", text, minute + 1)
    with closing(sqlite3.connect(store.path)) as db:
        [held] = db.execute("SELECT sum(length(CAST(text AS BLOB))) FROM versions").fetchone()
    print(f"48 versions hold {held:,} bytes; as whole texts {48 * len(text):,}")
    assert held < 5 * len(text)
