"""What the user chose, and what is ready -> which model has which part of the work.

The writer writes, the judge scores, the analyst finds the criteria, the critic says what to change. A model tends to
like its own prose, so the judge may be another one; the analyst and the critic are the judge unless they were chosen.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from writer_r1.settings import Settings

Role = Literal["writer", "judge", "analyst", "critic"]
ROLES: tuple[Role, ...] = get_args(Role)


class Cast(NamedTuple):
    """The names of the models, by role."""

    writer: str
    judge: str
    analyst: str
    critic: str


def cast_of(
    settings: Settings,
    ready: Callable[[str | None], str | None],
    usual: Callable[[], str],
    writer: str | None = None,
    judge: str | None = None,
) -> Cast:
    """Return who does what: those that are named, else those that were chosen and are `ready`, else the `usual` model.

    Where no judge was chosen the model that writes judges.
    """
    writer = writer or ready(settings.writer) or usual()
    judge = judge or ((ready(settings.judge) or usual()) if settings.judge else writer)
    return Cast(writer, judge, ready(settings.analyst) or judge, ready(settings.critic) or judge)
