"""Backups in the settings and at the start: listed, restored after asking, refused in words, offered after damage."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, isolated

from writer_r1.store import Backup, this_process
from writer_r1.ui import alive
from writer_r1.ui.backups_board import backups_board, on_backups
from writer_r1.ui.settings_tab import WORD, on_backup, on_delete, on_restore, show
from writer_r1.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home", tmp_path / "models")


def test_each_backup_is_listed_with_its_day_and_size_and_a_button() -> None:
    made = [
        Backup(Path("library-2026-03-04T10-20-30.zip"), 1772619630.0, 2_500_000),
        Backup(Path('library-<b>"2026-03-03.zip'), 1772533230.0, 400),
    ]
    html = backups_board(made)
    assert "4 March 2026" in html and " MB" in html and "1 kB" in html
    assert html.count(" · before a restore") == 1 and html.count('data-dialog="restore-backup"') == 3
    assert "<b>&quot;" not in html and "&lt;b&gt;" in html
    assert "There is none yet" in backups_board([])


def test_a_backup_is_restored_and_every_page_is_told(workspace: Workspace) -> None:
    workspace.store.new_piece("A storm", "Yesterday.")
    on_backup(workspace)
    [made] = workspace.store.kept_backups()
    workspace.store.new_piece("A fox", "Today.")
    born, other = alive.born(workspace.store.path), alive.born(Path("another writer's"))
    said, listed, facts = on_restore(workspace, {"act": "restore", "name": made.path.name})
    assert 'class="state"' in said and "Restored. What stood there is kept as library-" in said
    assert "before a restore" in listed and "1 piece ·" in facts and alive.born(workspace.store.path) != born
    assert alive.born(Path("another writer's")) == other
    assert [p.text for p in workspace.store.pieces()] == ["Yesterday."]
    assert show(workspace)[-2] == listed
    assert not alive.born(workspace.store.path).startswith(alive.EMPTIED)
    assert "deleted" in on_delete(workspace, WORD, False)[0]
    assert alive.born(workspace.store.path).startswith(alive.EMPTIED)  # what is typed in other pages is not kept


@pytest.mark.parametrize("name", ["", "library-2020-01-01.zip", "../../etc/passwd"])
def test_what_is_not_there_is_refused_in_words(workspace: Workspace, name: str) -> None:
    born = alive.born(workspace.store.path)
    said, _, _ = on_restore(workspace, {"act": "restore", "name": name})
    assert 'class="wrong"' in said and "There is no backup" in said and alive.born(workspace.store.path) == born
    assert on_backups(workspace, {"act": ""}) == ("", False)


def test_nothing_is_restored_while_a_piece_is_written(workspace: Workspace) -> None:
    on_backup(workspace)
    workspace.store.begin("run1", "A poem.", "small", this_process())
    [made] = workspace.store.kept_backups()
    sentence, wrong = on_backups(workspace, {"act": "restore", "name": made.path.name})
    assert wrong and "still being written; stop it first" in sentence and workspace.store.run("run1")


def test_a_damaged_library_is_told_at_the_start_and_its_newest_backup_put_in_its_place(
    workspace: Workspace, tmp_path: Path
) -> None:
    store = workspace.store
    for _ in range(60):
        store.new_piece("A storm", "wave " * 400)
    store.backup(store.backups)
    with store._connected("rw") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(store.path.read_bytes())
    data[4096 * 20 : 4096 * 30] = b"\xa5" * 40960
    store.path.write_bytes(data)
    start = [sys.executable, "app.py", "--home", str(workspace.home), "--port", "0"]
    environment = {**os.environ, **isolated(tmp_path, tmp_path / "models")}
    told = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert told.returncode == 1 and told.stdout == ""
    [sentence] = told.stderr.splitlines()
    assert "is damaged" in sentence and "start the studio with --restore" in sentence
    assert store.path.read_bytes()[4096 * 20 : 4096 * 30] == b"\xa5" * 40960
    studio = subprocess.Popen(
        [*start, "--restore"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert studio.stdout
    said, address = studio.stdout.readline(), studio.stdout.readline()
    studio.terminate()
    assert studio.wait(60) == 0
    assert "is that of the backup" in said and "the damaged one was moved to" in said and "http://" in address
    assert len(store.pieces()) == 60
    again = subprocess.run(
        [*start, "--restore"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert again.returncode == 1 and "is whole; a backup can take its place under Settings & help" in again.stderr
