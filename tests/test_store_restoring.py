"""A backup in the library's place: whole or not at all, what stood there kept, and damage told in a sentence."""

import os
import sqlite3
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from test_store import DEAD, FIXTURES, begun, built

from writer_r1.backup import restore
from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.events import Finished
from writer_r1.store import Store, restore_newest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "library.db")


def two_days(store: Store) -> str:
    """Fill a library that has a backup of an earlier day, and return that backup's name."""
    store.new_piece("A storm", "Yesterday.")
    made = store.backup(store.backups)
    assert made is not None
    old = made.with_name("library-2026-01-02.zip")
    made.rename(old)
    os.utime(old, (1e9, 1e9))
    store.new_piece("A fox", "Today.")
    return old.name


def restored(store: Store, name: str) -> Path:
    return restore(store, store.path.parent, store.kept_backup(name)).before


def texts(store: Store) -> list[str]:
    return sorted(p.text for p in store.pieces())


def wreck(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 6] = b"\xa5" * (4096 * 5)
    path.write_bytes(data)


def test_a_backup_takes_the_librarys_place_and_what_stood_there_is_one_too(store: Store) -> None:
    name = two_days(store)
    before = restored(store, name)
    assert texts(store) == ["Yesterday."] and texts(Store(store.path)) == ["Yesterday."]
    store.check()
    assert [b.path.name for b in store.kept_backups()] == [before.name, name]
    assert store.kept_backups()[0].before_restore and not store.kept_backups()[1].before_restore
    store.new_piece("A gull", "Later.")
    again = restored(store, before.name)
    assert texts(store) == ["Today.", "Yesterday."] and again != before
    restored(store, again.name)
    assert texts(store) == ["Later.", "Yesterday."]
    assert {p.name for p in store.path.parent.iterdir()} <= {
        "library.db", "library.db-wal", "library.db-shm", "library.db.lock", "restoring.lock", "backups"}  # fmt: skip


def test_a_backup_of_an_older_schema_is_brought_up_to_date(store: Store, tmp_path: Path) -> None:
    old = built(FIXTURES / "m003_pieces.sql", tmp_path / "library.db")
    store.backups.mkdir()
    with zipfile.ZipFile(store.backups / "library-2025-05-05.zip", "w") as file:
        file.write(old, "library.db")
    restored(store, "library-2025-05-05.zip")
    assert [(v.revision, v.parent) for v in store.versions("aa01")] == [(3, 2), (2, 1), (1, None)]
    store.save_piece("aa01", "A lighthouse keeper", "And more.", 3)


def test_nothing_is_restored_while_a_session_is_being_written(store: Store) -> None:
    name = two_days(store)
    begun(store, "run1")
    with pytest.raises(Busy, match="still being written; stop it first, then restore"):
        restored(store, name)
    assert texts(store) == ["Today.", "Yesterday."] and len(store.kept_backups()) == 1
    store.append("run1", [Finished(trajectory_id="run1", best_attempt=None, rounds=0)])
    begun(store, "run2", owner=DEAD)  # killed while it was written
    restored(store, name)
    assert texts(store) == ["Yesterday."]


@pytest.mark.parametrize("harm", ["cut", "empty", "other", "damaged", "newer"])
def test_a_backup_that_is_not_whole_changes_nothing(store: Store, harm: str, tmp_path: Path) -> None:
    name = two_days(store)
    archive = store.backups / name
    if harm in ("cut", "empty"):
        archive.write_bytes(archive.read_bytes()[: 900 if harm == "cut" else 0])
    else:
        inside = tmp_path / "library.db"
        with closing(sqlite3.connect(store.path)) as db, closing(sqlite3.connect(inside)) as copy:
            db.backup(copy)
            if harm == "newer":
                copy.execute("INSERT INTO migrations VALUES ('m999_future')")
                copy.commit()
        if harm == "damaged":
            wreck(inside)
        elif harm == "other":
            inside.write_text("no library at all")
        with zipfile.ZipFile(archive, "w") as file:
            file.write(inside, "library.db")
    before = store.pieces()
    with pytest.raises(WriterError, match="choose another file|choose another backup|is of a newer Writer-R1"):
        restored(store, name)
    assert store.pieces() == before and len(store.kept_backups()) == 1
    assert not store.path.with_name("library.restoring").exists()


def test_an_unknown_backup_is_a_sentence(store: Store) -> None:
    for name in ("library-2020-01-01.zip", "../library.db", ""):
        with pytest.raises(StoreError, match="There is no backup"):
            restored(store, name)


def test_ten_of_each_kind_are_kept(store: Store) -> None:
    name = two_days(store)
    for n in range(10, 24):
        (store.backups / f"library-2025-03-{n}.zip").write_text("old")
        (store.backups / f"library-2025-03-{n}T10-00-00.zip").write_text("old")
    restored(store, name)
    store.backup(store.backups)
    kept = [b.before_restore for b in store.kept_backups()]
    assert kept.count(True) == 10 and kept.count(False) == 10


# Damage


def test_a_damaged_library_is_told_and_never_put_over_a_whole_backup(store: Store) -> None:
    two_days(store)
    for _ in range(40):
        store.new_piece("A long one", "wave " * 400)
    with store._connected("rw") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.check()
    wreck(store.path)
    with pytest.raises(StoreError, match="is damaged .*start the studio with --restore") as caught:
        store.check()
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="is damaged"):
        store.backup(store.backups, replace=True)
    assert [b.path.name for b in store.kept_backups()] == ["library-2026-01-02.zip"]


@pytest.mark.parametrize("harm", ["wrecked", "no database", "empty file"])
def test_the_newest_whole_backup_takes_the_place_of_a_damaged_library(store: Store, harm: str) -> None:
    name = two_days(store)
    newer = store.backups / "library-2026-02-02.zip"
    newer.write_bytes((store.backups / name).read_bytes()[:500])
    if harm == "wrecked":
        with store._connected("rw") as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        wreck(store.path)
    else:
        store.path.write_bytes(b"not a database at all" * 999 if harm == "no database" else b"")
    damaged = store.path.read_bytes()
    backup, aside = restore_newest(store.path)
    assert backup.name == name and aside.read_bytes() == damaged
    now = Store(store.path)
    now.check()
    assert texts(now) == ["Yesterday."]
    with pytest.raises(StoreError, match="is whole; a backup can take its place under Settings"):
        restore_newest(store.path)
    now.delete_all()
    now.delete_backups()
    assert not aside.exists() and now.kept_backups() == []


def test_without_a_whole_backup_nothing_is_touched(store: Store) -> None:
    store.path.write_bytes(b"not a database at all" * 99)
    before = store.path.read_bytes()
    with pytest.raises(StoreError, match="No whole backup lies in"):
        restore_newest(store.path)
    assert store.path.read_bytes() == before


def test_a_large_library_is_checked_while_one_waits(store: Store) -> None:
    for _ in range(150):
        store.new_piece("A long one", "the sea rose over the rail and fell again " * 2000)
    began = time.monotonic()
    store.check()
    assert time.monotonic() - began < 10.0  # 13 MB; usually a tenth of a second
