"""The whole library as one zip: restored it is what it was, and whatever is wrong with a zip, nothing is changed."""

import io
import random
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from test_store import FIXTURES, built
from test_store_backup import full

from writer_r1 import backup
from writer_r1.backup import restore, write_backup
from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.events import Finished, Stopped
from writer_r1.settings import Settings, read_settings, write_settings
from writer_r1.store import MIGRATIONS, Store, this_process

pytestmark = pytest.mark.long


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home / "library.db")


def all_of(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, of the search index too."""
    with closing(sqlite3.connect(store.path)) as db:
        names = [
            n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'found_%'")
        ]
        return {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}


def filled(store: Store, home: Path) -> None:
    full(store)
    write_settings(home, Settings(theme="dark", threads=3))
    (home / "judges").mkdir()
    (home / "judges" / "small-1.5b.qualified.json").write_text("{}")
    (home / "judges" / "small-1.5b.read.jsonl").write_text("{}\n")
    (home / "judges" / "notes of mine.odt").write_text("stays")


def test_what_was_backed_up_is_restored_on_another_machine(store: Store, home: Path, tmp_path: Path) -> None:
    filled(store, home)
    saved = tmp_path / "usb" / "everything.zip"
    write_backup(store, home, saved)
    assert [f.name for f in saved.parent.iterdir()] == ["everything.zip"]
    other_home = tmp_path / "other"
    other = Store(other_home / "library.db")
    old = other.new_piece("Theirs", "Words of theirs.")
    done = restore(other, other_home, saved)
    assert all_of(other) == all_of(store) and done.pieces == 20 and other.find("narwhal")
    assert read_settings(other_home) == Settings(theme="dark", threads=3)
    assert sorted(p.name for p in (other_home / "judges").iterdir()) == [
        "small-1.5b.qualified.json",
        "small-1.5b.read.jsonl",
    ]
    assert {p.name for p in other_home.iterdir()} >= {"library.db", "judges"} and not (
        other_home / "restoring"
    ).exists()
    back = restore(other, other_home, done.before)  # what was there before is a backup like any other
    assert back.pieces == 1 and other.piece(old.id) == old


def test_two_restores_of_a_day_keep_both_of_what_was_before(store: Store, home: Path, tmp_path: Path) -> None:
    write_backup(store, home, tmp_path / "empty.zip")
    piece = store.new_piece("Mine", "Words.")
    first = restore(store, home, tmp_path / "empty.zip")
    assert store.pieces() == []
    second = restore(store, home, tmp_path / "empty.zip")
    assert second.before != first.before
    restore(store, home, first.before)
    assert store.piece(piece.id) == piece
    assert [b.before_restore for b in store.kept_backups()] == [True] * 3
    store.delete_backups()
    assert list(store.backups.iterdir()) == []


def test_the_daily_backup_of_the_library_alone_opens_too(store: Store, home: Path) -> None:
    filled(store, home)
    rows, archive = all_of(store), store.backup(store.backups)
    store.delete_all()
    assert archive is not None and restore(store, home, archive).pieces == 20
    assert all_of(store) == rows and read_settings(home).theme == "dark"


@pytest.mark.parametrize("name", list(MIGRATIONS)[:-1])
def test_a_backup_of_an_older_version_is_brought_up_to_date(
    name: str, store: Store, home: Path, tmp_path: Path
) -> None:
    old = built(FIXTURES / f"{name}.sql", tmp_path / "library.db")
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.write(old, "library.db")
    restore(store, home, tmp_path / "old.zip")
    assert {r.id for r in store.runs()} | {r.id for p in store.pieces() for r in store.runs_of(p.id)} == {
        "0b3c",
        "5f2a",
    }


def test_nothing_is_restored_while_a_session_is_written(store: Store, home: Path, tmp_path: Path) -> None:
    write_backup(store, home, tmp_path / "x.zip")
    store.begin("run1", "A poem.", "small", this_process())
    for archive in ("x.zip", "none.zip"):
        with pytest.raises(Busy, match="still being written; stop it first"):
            restore(store, home, tmp_path / archive)
    with pytest.raises(Busy, match="still being written"):  # one that begins while the zip is checked
        store.replace_by(tmp_path / "home" / "library.db")
    assert store.run("run1") and not store.backups.exists()


def test_what_was_being_written_when_a_backup_was_made_is_no_longer_once_it_is_restored(
    store: Store, home: Path, tmp_path: Path
) -> None:
    store.begin("run1", "A poem.", "small", this_process())
    write_backup(store, home, tmp_path / "x.zip")
    store.append("run1", [Stopped(why="stopped by you"), Finished(trajectory_id="run1", best_attempt=None, rounds=0)])
    restore(store, home, tmp_path / "x.zip")
    assert store.running() == [] and [run.state for run in store.runs()] == ["interrupted"]
    restore(store, home, tmp_path / "x.zip")  # and nothing is locked


def test_nobody_saves_between_the_copy_of_what_was_there_and_its_going(
    store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(store, home, tmp_path / "x.zip")
    monkeypatch.setattr("writer_r1.store.file.BUSY_S", 0.1)
    tried, copied = list[str](), backup.write_backup

    def slowly(*given: Any) -> None:
        copied(*given)
        with pytest.raises(StoreError, match="Another program holds the library"):
            Store(store.path).new_piece("Typed meanwhile")
        tried.append("refused, so that the page keeps it")

    monkeypatch.setattr(backup, "write_backup", slowly)
    restore(store, home, tmp_path / "x.zip")
    assert tried and store.pieces() == []


def library(*statements: str, path: Path, base: str | None = None) -> bytes:
    Store(path) if base is None else path.write_bytes(b"")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        for statement in (base, *statements):
            if statement:
                db.execute(statement)
        db.commit()
    return path.read_bytes()


PIECE = "INSERT INTO pieces VALUES ('p', '', 'b', 't', 1, NULL, {}, 1.0, NULL)"
HOSTILE: dict[str, tuple[Callable[[Path], dict[str, bytes]], str]] = {
    "without a library": (lambda p: {"settings.json": b"{}"}, "there is no library.db in it"),
    "a path out": (lambda p: {"library.db": b"", "../evil": b"x"}, "'../evil' does not belong"),
    "a path out of judges": (lambda p: {"library.db": b"", "judges/../../evil.json": b"x"}, "does not belong"),
    "an absolute path": (lambda p: {"library.db": b"", "/etc/evil.json": b"x"}, "does not belong"),
    "a folder below": (lambda p: {"library.db": b"", "judges/a/b.json": b"x"}, "does not belong"),
    "no database": (lambda p: {"library.db": b"no database at all" * 99}, "damaged"),
    "an empty file": (lambda p: {"library.db": b"", "settings.json": b"["}, "its settings are damaged"),
    "a cut database": (lambda p: {"library.db": library(PIECE.format(1.0), path=p)[:9000]}, "damaged"),
    "another program's": (
        lambda p: {"library.db": library(path=p, base="CREATE TABLE notes (words TEXT)")},
        "is no Writer-R1 library",
    ),
    "newer": (
        lambda p: {"library.db": library("INSERT INTO migrations VALUES ('m999_later')", path=p)},
        "of a newer Writer-R1 ('m999_later')",
    ),
    "words for numbers": (
        lambda p: {"library.db": library(PIECE.format("'soon'"), path=p)},
        "pieces.created holds what it cannot",
    ),
    "a view for a table": (
        lambda p: {"library.db": library("DROP TABLE own_scores", "CREATE VIEW own_scores AS SELECT 1", path=p)},
        "own_scores is no such table",
    ),
    "a table missing": (
        lambda p: {"library.db": library("DROP TABLE own_scores", path=p)},
        "own_scores is no such table",
    ),
    "a column missing": (
        lambda p: {"library.db": library("ALTER TABLE runs DROP COLUMN stopped", path=p)},
        "runs is no such table as it should be",
    ),
    "rows that refer to nothing": (
        lambda p: {"library.db": library("INSERT INTO events VALUES ('gone', 1, '{}')", path=p)},
        "a row of events refers to nothing",
    ),
}


@pytest.mark.parametrize(("files", "says"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_zip_is_one_sentence_and_changes_nothing(
    files: Callable[[Path], dict[str, bytes]], says: str, store: Store, home: Path, tmp_path: Path
) -> None:
    filled(store, home)
    rows, settings = all_of(store), read_settings(home)
    (tmp_path / "made").mkdir()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in files(tmp_path / "made" / "library.db").items():
            archive.writestr(name, data)
    outside = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(WriterError) as error:
        restore(store, home, tmp_path / "x.zip")
    assert says in str(error.value) and "\n" not in str(error.value) and str(error.value).endswith(".")
    assert (all_of(store), read_settings(home)) == (rows, settings) and not store.backups.joinpath("evil").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == outside and not (home / "restoring").exists()


def test_what_a_foreign_library_does_by_itself_stays_outside(store: Store, home: Path, tmp_path: Path) -> None:
    trigger = "CREATE TRIGGER evil AFTER INSERT ON pieces BEGIN DELETE FROM pieces; END"
    data = library(PIECE.format(1.0), trigger, path=tmp_path / "foreign.db")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("library.db", data)
    restore(store, home, tmp_path / "x.zip")
    store.new_piece("Mine")
    assert len(store.pieces()) == 2


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 50])
def test_what_is_no_zip_is_one_sentence(data: bytes, store: Store, home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(WriterError, match=r"^'x.zip' is no backup of Writer-R1 \(.+\); choose another file\.$"):
        restore(store, home, tmp_path / "x.zip")
    with pytest.raises(WriterError, match="cannot be unpacked"):
        restore(store, home, tmp_path / "missing.zip")


def test_a_damaged_byte_in_a_zip_is_found(store: Store, home: Path, tmp_path: Path) -> None:
    filled(store, home)
    write_backup(store, home, tmp_path / "x.zip")
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[len(data) // 3] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(data)
    rows = all_of(store)
    with pytest.raises(WriterError, match="is no backup"):
        restore(store, home, tmp_path / "x.zip")
    assert all_of(store) == rows


def test_a_zip_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked(
    store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.new_piece(text="word " * 100_000)
    write_backup(store, home, tmp_path / "x.zip")
    room = io.StringIO()
    room.free = 1000  # type: ignore[attr-defined]
    monkeypatch.setattr("writer_r1.backup.shutil.disk_usage", lambda path: room)
    with pytest.raises(WriterError, match="more than the disk has room for"):
        restore(store, home, tmp_path / "x.zip")


def test_a_restore_that_breaks_off_leaves_the_library_as_it_was(
    store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(store, home, tmp_path / "x.zip")
    filled(store, home)
    rows = all_of(store)
    monkeypatch.setattr("writer_r1.store.copies.TABLES", ("pieces", "runs", "nonsense"))
    with pytest.raises(Exception, match="no such table|no table|FOREIGN KEY|damaged"):
        store.replace_by(home / "library.db")
    assert all_of(store) == rows


def test_a_backup_made_while_others_write_is_whole(store: Store, home: Path, tmp_path: Path) -> None:
    over, piece = threading.Event(), store.new_piece("Mine", "a")

    def keep_writing() -> None:
        revision = 1
        while not over.is_set():
            revision = store.save_piece(piece.id, "Mine", "a" * (revision % 3000), revision, "kept").revision

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for n in range(3):
            write_backup(store, home, tmp_path / f"{n}.zip")
            other = Store(tmp_path / str(n) / "library.db")
            restore(other, tmp_path / str(n), tmp_path / f"{n}.zip")
            assert other.versions(piece.id)[0].text == other.pieces()[0].text
    finally:
        over.set()
        writer.join()


def test_a_place_that_cannot_be_written_is_one_sentence(store: Store, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriterError, match="^The backup cannot be written in '.*file' "):
        write_backup(store, home, tmp_path / "file" / "x.zip")


AGAIN = """
import sys, itertools
from pathlib import Path
from writer_r1.backup import restore
from writer_r1.store import Store
home = Path(sys.argv[1])
store = Store(home / "library.db")
print("ready", flush=True)
for n in itertools.count():
    restore(store, home, Path(sys.argv[2 + n % 2]))
"""


def test_a_kill_in_the_middle_of_a_restore_leaves_one_library_or_the_other_whole(
    store: Store, home: Path, tmp_path: Path
) -> None:
    full(store)
    one = all_of(store)
    write_backup(store, home, tmp_path / "one.zip")
    store.delete_all()
    for n in range(300):
        store.new_piece(f"Other {n}", "Words. " * 200)
    other = all_of(store)
    write_backup(store, home, tmp_path / "other.zip")
    chance = random.Random(5)
    for _ in range(6):
        command = [sys.executable, "-c", AGAIN, str(home), str(tmp_path / "one.zip"), str(tmp_path / "other.zip")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.1, 1.2))
            assert process.poll() is None
            process.kill()
        now = all_of(Store(store.path))
        assert now in (one, other)
    restore(store, home, tmp_path / "one.zip")  # what the kills left behind is in nobody's way
    assert all_of(store) == one and not (home / "restoring").exists()
