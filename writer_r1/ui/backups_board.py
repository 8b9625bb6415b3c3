"""The library's backups -> a list with a button to restore each, and what came of pressing it."""

import json
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from writer_r1.backup import Restored, restore
from writer_r1.catalog import amount
from writer_r1.errors import Busy, WriterError
from writer_r1.store import Backup
from writer_r1.ui.alive import renew
from writer_r1.workspace import Workspace

ASKING = """<template data-dialog="restore-backup"><form method="dialog" data-act="restore">
<h2>Restore this backup?</h2>
<p>Your library becomes what it was on <b data-fill="when"></b>. What it is now is kept first, as one more backup in
this list, so you can come back.</p>
<footer><button type="button" data-close autofocus>Cancel</button><button class="main">Restore it</button></footer>
</form></template>"""
# The page loads itself anew, but only where the answer says that another library is there; and not before, at the
# address of a piece that may be in it no more.
ANEW = """(said) => { if (said.startsWith('<p class="state"')) { window.studio.reborn(null);
  setTimeout(() => location.assign(location.pathname), 1500); } return [] }"""


def backups_board(backups: Sequence[Backup]) -> str:
    """Return the backups, newest first, each with its day, its size and a button."""
    rows = "".join(map(row, backups))
    list_ = f"<ul>{rows}</ul>" if rows else '<p class="quiet">There is none yet.</p>'
    about = "One is made each day the studio is started, one before another is restored; the ten newest of each stay."
    return f'<section class="backups"><h3>Backups</h3><p class="quiet">{about}</p>{list_}{ASKING}</section>'


def row(backup: Backup) -> str:
    """Return one backup."""
    at = datetime.fromtimestamp(backup.made)
    when = f"{at.day} {at:%B %Y}, {at:%H:%M}"
    size = amount(backup.size) if backup.size >= 1e6 else f"{max(1, round(backup.size / 1000)):,} kB"
    why = " · before a restore" if backup.before_restore else ""
    fill = escape(json.dumps({"name": backup.path.name, "when": when}))
    button = (
        f'<button type="button" data-dialog="restore-backup" data-fill="{fill}" '
        f'aria-label="Restore the backup of {when}">Restore</button>'
    )
    return f'<li><span>{when}<span class="quiet"> · {size}{why}</span></span>{button}</li>'


def restored(workspace: Workspace, archive: Path) -> Restored:
    """Return what came of putting a backup in the place of the library.

    Raises:
        Busy: a session is being written or a judge is being tested; nothing was changed.
        WriterError: it is no whole backup; nothing was changed.
    """
    if workspace.qualifying.running() and not workspace.writer_name:  # what it measures is not in a writer's library
        raise Busy("A judge is being tested; press Stop on the Models page first, then restore the backup.")
    done = restore(workspace.store, workspace.home, archive)
    renew(workspace.store.path)
    return done


def on_backups(workspace: Workspace, wish: dict[str, str]) -> tuple[str, bool]:
    """Return what came of restoring a backup, in a sentence, and whether it went wrong."""
    if wish["act"] != "restore":
        return "", False
    try:
        before = restored(workspace, workspace.store.kept_backup(wish.get("name", ""))).before
    except WriterError as error:
        return str(error), True
    return f"Restored. What stood there is kept as {before.name}. The page opens your library in a moment.", False
