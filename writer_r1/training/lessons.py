"""Lessons of the writing loop -> those that stand in the prompt of some of a run's rollouts.

A run reads a copy in its own folder, made when it begins, so that what is learned meanwhile does not change it. Lessons
of held-out requests are left out: they would tell of what is tested. Source: EMPO2's tips, arXiv 2602.23008; which
lesson stands where is the writing loop's own rule (`memory.recall`).
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from writer_r1.drafting import draft_request
from writer_r1.errors import TrainingError
from writer_r1.llm.chat import Template, Tokenise, encode
from writer_r1.memory import Similarity, recall
from writer_r1.training.data import Example
from writer_r1.training.run_folder import explained
from writer_r1.trajectory import Lesson, prompt_id

COPY = "lessons.jsonl"


def write_lessons(folder: Path, lessons: Sequence[Lesson]) -> None:
    """Put a copy of the lessons into a run's folder.

    Raises:
        TrainingError: it cannot be written.
    """
    with explained(folder):
        (folder / COPY).write_text("".join(lesson.model_dump_json() + "\n" for lesson in lessons), "utf-8")


def read_lessons(folder: Path, held_out: Sequence[Example] = ()) -> list[Lesson]:
    """Return the lessons of a run, without those of held-out requests; none where it was begun without.

    Raises:
        TrainingError: the copy cannot be read.
    """
    path, tested = folder / COPY, {prompt_id(e.prompt) for e in held_out}
    if not path.exists():
        return []
    try:
        every = [Lesson.model_validate_json(line) for line in path.read_text("utf-8").split("\n") if line]
    except (OSError, ValidationError) as error:
        raise TrainingError(f"The lessons in {str(path)!r} cannot be read; begin a new run.", "data") from error
    # What did not help is no part of a draft's prompt, see `drafting.draft_request`.
    return [lesson for lesson in every if lesson.kind == "success" and prompt_id(lesson.prompt) not in tested]


def with_lessons(
    example: Example,
    lessons: Sequence[Lesson],
    similarity: Similarity | None,
    chat: tuple[Template, Tokenise],
    longest: int,
) -> list[int] | None:
    """Return the prompt with what helped in like pieces as token ids, as many lessons as fit; None where none does."""
    found = recall(example.prompt, None, lessons, similarity)
    while found:
        head, tail = encode(draft_request(example.prompt, found), *chat)
        if len(head + tail) <= longest:
            return head + tail
        found = found[:-1]
    return None
