"""The scene that a page works on -> what a run is told of it; and a round of it back into the manuscript.

The page sends a scene's own words. It is found by them in the text that is saved, or nothing is done.
"""

from collections.abc import Sequence

from writer_r1.errors import WriterError
from writer_r1.events import Part, part_of
from writer_r1.scenes import chapters, find_scene, label
from writer_r1.store import Piece
from writer_r1.story import Rest, rest_of
from writer_r1.trajectory import Trajectory
from writer_r1.workspace import Workspace

Span = tuple[int, int]
GONE = (
    "The scene to work on was not found in your manuscript, or stands there twice letter for letter; choose it again "
    "in the outline."
)
LOST = (
    "“{label}” was not found again in your manuscript: since this round was written its words were changed too much, "
    "or stand there twice. Nothing was changed; copy what you want from the round."
)


def part_at(piece: Piece, words: str) -> tuple[Part, tuple[Rest, ...]]:
    """Return the scene of this piece with these words, and what stands around it.

    Raises:
        WriterError: it is not there, or more than once.
    """
    span = find_scene(piece.text, [words])
    if span is None:
        raise WriterError(GONE)
    return Part(label=_called(piece.text, span), text=piece.text[slice(*span)]), tuple(rest_of(piece.text, span))


def _called(text: str, span: Span) -> str:
    made_of = chapters(text)
    inside = [s for chapter in made_of for s in chapter.scenes if s.start <= span[0] and span[1] <= s.end]
    return label(made_of, inside[0]) if inside else "A part of the text"


def part_of_run(workspace: Workspace, run_id: str) -> Part | None:
    """Return the part of a manuscript that a run works on; None where it is the whole."""
    return part_of(event for _, event in workspace.store.events(run_id))


def span_of(piece: Piece, part: Part | None, now: Trajectory) -> Span:
    """Return where in the manuscript the texts of this run belong: where its scene stands, as it is now.

    Raises:
        WriterError: the scene is not found again; `scenes.find_scene` says what is.
    """
    if part is None:
        return 0, len(piece.text)
    known: Sequence[str] = [part.text, *(a.text for a in reversed(now.attempts) if a.complete)]
    span = find_scene(piece.text, known)
    if span is None:
        raise WriterError(LOST.format(label=part.label))
    return span
