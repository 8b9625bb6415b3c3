"""Copies of the library that hold all of it, and a deletion of everything that leaves nothing of it in the file."""

import os
import sqlite3
import threading
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from test_store import FIXTURES, begun, built, lesson, schema, small_disk

from writer_r1.errors import Busy, StoreError
from writer_r1.events import Drafted, Finished, Recalled, RubricReady, Status
from writer_r1.store import MIGRATIONS, Store
from writer_r1.trajectory import Criterion, Rubric

RUBRIC = Rubric(prompt_id="p-1", criteria=(Criterion(name="Imagery", description="One can see the narwhal."),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "library.db")


def unpacked(archive: Path, folder: Path) -> Store:
    with zipfile.ZipFile(archive) as file:
        assert file.namelist() == ["library.db"] and file.testzip() is None
        file.extractall(folder)
    return Store(folder / "library.db")


def test_a_backup_holds_all_that_is_saved_and_one_is_made_a_day(store: Store, tmp_path: Path) -> None:
    piece = store.new_piece("A storm", "Salt.")
    begun(store, "run1")
    folder = tmp_path / "copies"
    archive = store.backup(folder)
    assert archive == folder / time.strftime("library-%Y-%m-%d.zip")
    assert [f.name for f in folder.iterdir()] == [archive.name]
    copy = unpacked(archive, tmp_path / "copy")
    assert copy.pieces() == [piece] and [r.id for r in copy.runs()] == ["run1"]
    bytes_before = archive.read_bytes()
    store.save_piece(piece.id, "A storm", "Salt. Rail.", 1)
    assert store.backup(folder) is None and archive.read_bytes() == bytes_before
    assert store.backup(folder, replace=True) == archive
    assert unpacked(archive, tmp_path / "later").piece(piece.id) == store.piece(piece.id)


def test_the_ten_newest_backups_are_kept_and_no_other_file_is_touched(store: Store, tmp_path: Path) -> None:
    old = [tmp_path / f"library-2024-01-{day:02}.zip" for day in range(1, 16)]
    mine = [tmp_path / name for name in ("library-mine.zip", "library-2024-01-01.txt", "zebra.zip")]
    for file in old + mine:
        file.write_text("kept")
    archive = store.backup(tmp_path)
    assert archive is not None
    assert sorted(tmp_path.glob("library-2*.zip")) == [*old[-9:], archive]
    assert all(file.exists() for file in mine)


def test_a_backup_made_while_others_write_is_whole(store: Store, tmp_path: Path) -> None:
    begun(store, "run1")
    over = threading.Event()

    def keep_writing() -> None:
        while not over.is_set():
            store.append("run1", [Status(text="a" * 3000), Status(text="b" * 3000)])

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for i in range(5):
            archive = store.backup(tmp_path / "copies", replace=True)
            copy = unpacked(archive, tmp_path / f"copy{i}")  # type: ignore[arg-type]
            with closing(sqlite3.connect(copy.path)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            texts = [e.text[0] for _, e in copy.events("run1") if isinstance(e, Status)]
            assert texts == ["a", "b"] * (len(texts) // 2)
    finally:
        over.set()
        writer.join()


def test_what_a_killed_backup_left_behind_is_cleared_away(store: Store, tmp_path: Path) -> None:
    for name in ("library.copying", "library.zip.part"):
        (tmp_path / name).write_bytes(b"half" * 9999)
    archive = store.backup(tmp_path)
    assert archive is not None and sorted(f.name for f in tmp_path.glob("library*")) == [archive.name]
    unpacked(archive, tmp_path / "copy")


def test_a_backup_that_fails_leaves_nothing_that_keeps_the_disk_full(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.new_piece(text="Salt. " * 999)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("writer_r1.store.file.os.replace", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.backup(tmp_path / "copies")
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"^No backup could be made in '.*file' \(.*\); check that it can be written"):
        store.backup(tmp_path / "file")
    assert store.pieces() == []


def test_a_disk_too_small_for_the_backup_is_a_sentence(store: Store, tmp_path: Path) -> None:
    store.new_piece(text=os.urandom(1 << 20).hex())
    with small_disk(tmp_path / "disk", "600k") as disk, pytest.raises(StoreError, match="full|No backup could be made"):
        store.backup(disk)


@pytest.mark.parametrize("name", list(MIGRATIONS)[:-1])
def test_a_library_is_backed_up_as_it_was_before_its_schema_changes(name: str, tmp_path: Path) -> None:
    path = built(FIXTURES / f"{name}.sql", tmp_path / "library.db")
    before = schema(path)
    store = Store(path)
    assert schema(path) != before and store.backups == tmp_path / "backups"
    [archive] = store.backups.iterdir()
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "copy")
    assert schema(tmp_path / "copy" / "library.db") == before
    with closing(sqlite3.connect(tmp_path / "copy" / "library.db")) as db:
        assert {("0b3c",), ("5f2a",)} <= set(db.execute("SELECT id FROM runs"))


def test_a_backup_of_today_does_not_stand_in_for_the_one_before_a_change(tmp_path: Path) -> None:
    path = built(FIXTURES / "m001_runs.sql", tmp_path / "library.db")
    (tmp_path / "backups").mkdir()
    archive = tmp_path / "backups" / time.strftime("library-%Y-%m-%d.zip")
    archive.write_text("of this morning")
    Store(path)
    with zipfile.ZipFile(archive) as file:
        assert file.namelist() == ["library.db"]


def test_a_library_that_cannot_be_backed_up_is_not_changed(tmp_path: Path) -> None:
    path = built(FIXTURES / "m001_runs.sql", tmp_path / "library.db")
    (tmp_path / "backups").write_text("in the way")
    before = schema(path)
    with pytest.raises(StoreError, match="^No backup could be made"):
        Store(path)
    assert schema(path) == before


def test_neither_a_new_library_nor_one_opened_again_is_backed_up(store: Store) -> None:
    Store(store.path)
    assert not store.backups.exists()


def on_disk(store: Store) -> bytes:
    return b"".join(f.read_bytes() for f in sorted(store.path.parent.glob("library.db*")))


def full(store: Store) -> None:
    for i in range(20):
        piece = store.new_piece(f"narwhal {i}", "narwhal " * 300)
        store.save_piece(piece.id, "narwhal", f"narwhal {i} " * 200, 1, "kept")
        store.begin(f"run{i}", "narwhal", "fake", "1:1", piece.id)
        done = Finished(trajectory_id=f"run{i}", best_attempt=1, rounds=1)
        learned = Recalled(lesson=lesson(f"l-{i}", "narwhal"), origin="learned")
        ready = RubricReady(rubric=RUBRIC)
        store.append(f"run{i}", [ready, Drafted(attempt=1, text="narwhal " * 200), learned, done])
        store.set_own_score(f"run{i}", 1, RUBRIC.criteria[0].id, 7)
    store.dismiss(piece.id, "p-1", RUBRIC.criteria[0])
    store.save_rubric("narwhal", "narwhal", RUBRIC)


def test_deleting_everything_leaves_no_word_in_the_file_or_its_log(store: Store) -> None:
    full(store)
    assert b"narwhal" in on_disk(store)
    store.delete_all()
    after = on_disk(store)
    assert b"narwhal" not in after and b"arw" not in after  # nor its trigrams in the index
    assert (store.pieces(), store.runs(), store.lessons(), store.saved_rubrics()) == ([], [], [], [])
    assert store.find("narwhal") == [] and store.search("narwhal") == []
    assert store.dismissed("p-1") == [] and store.own_scores("run1") == []
    assert len(after) < 200_000
    full(store)
    assert len(store.find("narwhal")) == 20 and Store(store.path).lessons() == store.lessons() != []
    store.delete_all()
    store.delete_all()


def test_nothing_is_deleted_while_a_session_is_being_written(store: Store) -> None:
    full(store)
    begun(store, "mine")
    with pytest.raises(Busy, match="still being written; stop it first"):
        store.delete_all()
    assert len(store.pieces()) == 20
    store.append("mine", [Finished(trajectory_id="mine", best_attempt=None, rounds=0)])
    store.delete_all()
    assert store.runs() == []


def test_a_reader_in_the_way_of_a_clean_deletion_is_told_of(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writer_r1.store.file.BUSY_S", 0.2)
    full(store)
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM pieces").fetchone()
        with pytest.raises(StoreError, match="Another program holds the library"):
            store.delete_all()
        assert store.pieces() == []
    store.delete_all()
    assert b"narwhal" not in on_disk(store)


def test_backups_stay_when_all_is_deleted_until_they_are_deleted_too(store: Store) -> None:
    full(store)
    archive = store.backup(store.backups)
    store.delete_all()
    assert archive is not None and archive.exists()
    mine = store.backups / "library-mine.zip"
    mine.write_text("kept")
    for begun_ in ("library.copying", "library.zip.part"):
        (store.backups / begun_).write_text("of a kill")
    store.delete_backups()
    assert list(store.backups.iterdir()) == [mine]
    mine.unlink()
    store.backups.rmdir()
    store.delete_backups()
