"""The `writer-r1` commands that take pieces out and in, and the whole library: a file written, or a piece made."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from writer_r1.errors import StoreError, WriterError

if TYPE_CHECKING:
    from writer_r1.store import Piece, Store
    from writer_r1.workspace import Workspace

MANUSCRIPTS = ("docx", "md", "txt", "epub")
OF_A_SESSION = ("report", "session")
EVERY = 1_000_000  # pieces
SHOWN = 5  # of them in a sentence


def export_command(args: argparse.Namespace) -> int:
    """Write a piece's manuscript, or its newest session, to a new file."""
    from writer_r1.piece_files import piece_file
    from writer_r1.session_file import session_json
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    store = workspace.store
    if args.form in MANUSCRIPTS:
        data = piece_file(_piece(store, args.piece), args.form)
    else:
        run_id = _session(store, args.piece)
        data = (_report(workspace, run_id) if args.form == "report" else session_json(store, run_id)).encode()
    _write_new(args.out, data)
    print(args.out)
    return 0


def import_command(args: argparse.Namespace) -> int:
    """Make a new piece of a file and print its id."""
    from writer_r1.piece_files import take_in
    from writer_r1.workspace import Workspace

    try:
        data = args.file.read_bytes()
    except OSError as error:
        raise WriterError(f"The file {str(args.file)!r} cannot be read ({error.strerror or error}).") from None
    arrived = take_in(Workspace().store, args.file.name, data)
    if arrived.note:
        from sys import stderr

        print(arrived.note, file=stderr)
    print(arrived.piece.id)
    return 0


def backup_command(args: argparse.Namespace) -> int:
    """Write a zip of the whole library."""
    from writer_r1.backup import write_backup
    from writer_r1.workspace import Workspace

    if args.file.exists():
        raise WriterError(f"{str(args.file)!r} is there already; choose another name, or move it away.")
    workspace = Workspace()
    write_backup(workspace.store, workspace.home, args.file)
    print(args.file)
    return 0


def restore_command(args: argparse.Namespace) -> int:
    """Put the library in a zip in the place of the present one, which is kept."""
    from writer_r1.backup import restore
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    done = restore(workspace.store, workspace.home, args.file)
    pieces = "1 piece" if done.pieces == 1 else f"{done.pieces} pieces"
    print(f"Restored: {pieces}. What was there before is kept in {done.before}")
    return 0


def _piece(store: "Store", named: str) -> "Piece":
    """Return the piece that is meant: by its id, the beginning of it, or its title."""
    pieces = store.pieces(EVERY)
    found = [p for p in pieces if p.id == named] or [p for p in pieces if p.title.casefold() == named.casefold()]
    found = found or [p for p in pieces if named and p.id.startswith(named)]
    if len(found) == 1:
        return found[0]
    if not found and store.run(named):
        raise WriterError(f"{named!r} is a session; export it as report or session, or name the piece.")
    listed = ", ".join(f"{p.id} ({p.title})" for p in (found or pieces)[:SHOWN])
    if found:
        raise WriterError(f"Several pieces are called {named!r}: {listed}; give the id of one.")
    yours = f"the newest are {listed}" if listed else "there are none yet"
    raise WriterError(f"No piece is called {named!r}, by its id or its title; {yours}.")


def _session(store: "Store", named: str) -> str:
    """Return the id of the session that is meant: itself, or the newest of a piece."""
    if store.run(named):
        return named
    piece = _piece(store, named)
    newest = next((run.id for run in store.runs_of(piece.id)), None)
    if newest is None:
        raise WriterError(f"{piece.title!r} has no session yet; press Start or “Judge my text” in the studio first.")
    return newest


def _report(workspace: "Workspace", run_id: str) -> str:
    from writer_r1.ui.files import report_of

    return report_of(workspace, run_id)


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise WriterError(f"{str(path)!r} is there already; choose another name, or move it away.") from None
    except OSError as error:
        raise StoreError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); choose another place."
        ) from None
