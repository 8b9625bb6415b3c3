"""What its user calls a training run, and what they noted about it <-> a small file in its folder.

The folder keeps its name, because adapters, copied data and commands know the run by that; so a run can be renamed
while it trains.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from writer_r1.errors import TrainingError
from writer_r1.store.words import pure
from writer_r1.training.run_folder import explained
from writer_r1.trajectory import Noun
from writer_r1.whole_file import write_whole

FILE = "note.json"
TITLE_CHARS, NOTE_CHARS = 80, 4000


class RunNote(Noun):
    """`title` is empty where the run goes by the name of its folder."""

    title: str = Field(default="", max_length=TITLE_CHARS)
    note: str = Field(default="", max_length=NOTE_CHARS)


def run_note(folder: Path) -> RunNote:
    """Return the title and the note of a run; both empty where none was given, or none can be read."""
    try:
        return RunNote.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return RunNote()


def keep_note(folder: Path, title: str, note: str) -> RunNote:
    """Return the title and the note of a run, which are kept from now on, the old ones or these whole.

    Raises:
        TrainingError: they are too long, or the folder cannot be written.
    """
    try:
        given = RunNote(title=" ".join(pure(title).split()), note=pure(note).strip())
    except ValidationError:
        raise TrainingError(
            f"A name has {TITLE_CHARS} characters at most and a note {NOTE_CHARS:,}; shorten what you typed.",
            "settings",
        ) from None
    with explained(folder):
        write_whole(folder / FILE, given.model_dump_json(indent=1).encode())
    return given
