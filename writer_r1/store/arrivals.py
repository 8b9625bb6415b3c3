"""A run that was written elsewhere -> a piece and a run of this library, in one transaction or not at all."""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from writer_r1.events import Event, Finished, Recalled
from writer_r1.folding import fold
from writer_r1.store.file import WRITE, File, as_json
from writer_r1.store.own_scores import OwnScore
from writer_r1.store.pieces import Piece, add_piece
from writer_r1.store.runs import derive, index_texts, whole
from writer_r1.store.words import pure
from writer_r1.trajectory import Trajectory

ELSEWHERE = "elsewhere"  # its owner; as no process is called so, a run that never ended counts as interrupted


class Arrival(NamedTuple):
    """A run as another library had it. Times are in seconds since the epoch."""

    id: str
    title: str
    prompt: str
    model: str
    created: float
    updated: float
    events: Sequence[Event]
    own_scores: Sequence[OwnScore]


class Arrivals(File):
    """The runs that came from elsewhere."""

    def take_in(self, run: Arrival) -> tuple[Piece, str]:
        """Return a new piece with this run, and the run's id: a new one where it is taken.

        What was learned in it is shown with it and goes into no other work: this library did not see it help.
        """
        prompt = pure(run.prompt)
        with self._transaction(WRITE) as db:
            taken = db.execute("SELECT 1 FROM runs WHERE id = ?", (run.id,)).fetchone()
            id_ = secrets.token_hex(6) if taken else run.id
            events = [_renamed(whole(event), id_) for event in run.events]
            rubric = fold(events, Trajectory(id=id_, prompt=prompt)).rubric
            piece = add_piece(db, prompt, "", " ".join(pure(run.title).split()), rubric)
            columns = "id, prompt, model, owner, state, created, updated, piece_id"
            row = (id_, prompt, pure(run.model), ELSEWHERE, "running", run.created, run.updated, piece.id)
            db.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            db.execute("INSERT INTO texts (trajectory_id, text) VALUES (?, ?)", (id_, prompt))
            lines = [(id_, n, event.model_dump_json()) for n, event in enumerate(events, 1)]
            db.executemany("INSERT INTO events VALUES (?, ?, ?)", lines)
            for event in events:
                if not isinstance(event, Recalled):
                    derive(db, id_, event)
            index_texts(db, id_)
            given = [(id_, o.attempt, o.criterion.id, as_json(o.criterion), *o[3:6], o.created) for o in run.own_scores]
            db.executemany("INSERT OR REPLACE INTO own_scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)", given)
        return piece, id_


def _renamed(event: Event, id_: str) -> Event:
    return event.model_copy(update={"trajectory_id": id_}) if isinstance(event, Finished) else event
