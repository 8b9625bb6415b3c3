"""A score of the writer's own, as a board sends it -> a row in the library. It changes nothing that the judge gave."""

from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from writer_r1.errors import WriterError
from writer_r1.ui import gradio as gr
from writer_r1.ui.desk import place_of, ticket
from writer_r1.ui.notes import warn
from writer_r1.workspace import Workspace

UNKNOWN = "A score of yours is a whole number from 1 to 10; reload the page and choose again."


class Rating(BaseModel):
    """What is chosen on a board: an empty value takes the score back."""

    run: str = Field(min_length=1, max_length=64)
    attempt: str = Field(pattern=r"^[1-9][0-9]{0,3}$")
    id: str = Field(min_length=1, max_length=64)
    value: Literal["", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]


def on_rating(workspace: Workspace, said: str, wish: dict[str, str]) -> Any:
    """Keep the score, and return what the page follows from now on so as to show it."""
    try:
        asked = read_rating(wish)
        score = int(asked.value) if asked.value else None
        workspace.store.set_own_score(asked.run, int(asked.attempt), asked.id, score)
        place = place_of(said)
        if place.run != asked.run or workspace.jobs.writes(asked.run):  # whoever follows a job sees it in a moment
            return gr.skip()
        return ticket(workspace.store.piece(place.piece), place.run)
    except WriterError as error:
        warn(str(error))
        return gr.skip()


def read_rating(wish: dict[str, str]) -> Rating:
    """Return the score that a board asks for.

    Raises:
        WriterError: it is none.
    """
    try:
        return Rating.model_validate(wish)
    except ValidationError:
        raise WriterError(UNKNOWN) from None
