"""What the models are told of the rest of a manuscript -> as its writer has put it right, kept for the next round."""

from collections.abc import Sequence

from writer_r1.errors import WriterError
from writer_r1.events import Retold, Summary
from writer_r1.ui import gradio as gr
from writer_r1.ui import restoring
from writer_r1.ui.desk import Desk, Place, refused, ticket
from writer_r1.workspace import Workspace


def on_summary(workspace: Workspace, place: Place, wish: dict[str, str]) -> Desk:
    """Keep what the writer says that a part of the manuscript says."""
    same = gr.skip()
    try:
        keep_summary(workspace, place.piece, place.run, wish.get("key", ""), wish.get("text", ""))
        piece = workspace.store.piece(place.piece)
    except WriterError as error:
        return refused(str(error))
    note = restoring.done("Kept. The next round is told so.")
    return Desk(same, same, same, ticket(piece, place.run), same, "", note)


def keep_summary(workspace: Workspace, piece_id: str, run_id: str, key: str, text: str) -> None:
    """Keep what the writer says of a part that this run was told of, in place of what the model said.

    Raises:
        WriterError: the run was told of no such part.
    """
    told = [e.summaries for _, e in workspace.store.events(run_id) if isinstance(e, Retold)]
    if not any(s.key == key for summaries in told for s in summaries):
        raise WriterError("This summary is not of the run shown any more; reload the page and correct it again.")
    workspace.store.keep_summary(piece_id, key, " ".join(text.split()))


def corrected(workspace: Workspace, piece_id: str, story: Sequence[Summary]) -> tuple[Summary, ...]:
    """Return the summaries as they are kept now."""
    kept = workspace.store.summaries(piece_id, [s.key for s in story if s.key]) if story else {}
    return tuple(s.model_copy(update={"text": kept.get(s.key, s.text)}) for s in story)
