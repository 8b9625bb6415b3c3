"""Criteria worth using again -> named rubrics in the library, and back."""

import secrets
import time
from typing import NamedTuple

from writer_r1.errors import RubricError
from writer_r1.store.file import READ, WRITE, File, as_json, readable
from writer_r1.store.words import pure
from writer_r1.trajectory import Rubric, name_key


class SavedRubric(NamedTuple):
    """A rubric under a name, with the request it was made for. `created` is in seconds since the epoch."""

    id: str
    name: str
    prompt: str
    rubric: Rubric
    created: float


class SavedRubrics(File):
    """The rubrics that the user saved by name."""

    def saved_rubrics(self) -> list[SavedRubric]:
        """Return every saved rubric that can be read, by name."""
        with self._transaction(READ) as db:
            query = "SELECT id, name, prompt, rubric, created FROM rubrics ORDER BY name_key"
            rows = db.execute(query).fetchall()
        return [
            SavedRubric(id_, name, prompt, rubric, created)
            for id_, name, prompt, line, created in rows
            if (rubric := readable(Rubric.model_validate_json, line))
        ]

    def save_rubric(self, name: str, prompt: str, rubric: Rubric) -> SavedRubric:
        """Return `rubric` as saved; one whose name differs in letter case or white space only is replaced.

        Raises:
            RubricError: the name is empty.
        """
        name, prompt, now = " ".join(pure(name).split()), pure(prompt), time.time()
        if not name:
            raise RubricError("These criteria have no name; give them one to save them under.")
        row = {"id": secrets.token_hex(6), "key": name_key(name), "name": name, "prompt": prompt}
        with self._transaction(WRITE) as db:
            db.execute(
                """INSERT INTO rubrics (id, name_key, name, prompt, rubric, created)
                VALUES (:id, :key, :name, :prompt, :rubric, :now) ON CONFLICT (name_key) DO UPDATE SET
                name = excluded.name, prompt = excluded.prompt, rubric = excluded.rubric, created = excluded.created""",
                row | {"rubric": as_json(rubric), "now": now},
            )
            id_, line = db.execute("SELECT id, rubric FROM rubrics WHERE name_key = :key", row).fetchone()
        return SavedRubric(id_, name, prompt, Rubric.model_validate_json(line), now)

    def delete_saved_rubric(self, rubric_id: str) -> None:
        """Remove the saved rubric with this id, if it is there; pieces that use it keep theirs."""
        with self._transaction(WRITE) as db:
            db.execute("DELETE FROM rubrics WHERE id = ?", (rubric_id,))
