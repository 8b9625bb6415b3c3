"""Which lessons a run shows, to which requests, and that its copy is its own."""

from pathlib import Path

import pytest

from writer_r1.errors import TrainingError
from writer_r1.training.data import Example
from writer_r1.training.lessons import COPY, read_lessons, with_lessons, write_lessons
from writer_r1.trajectory import Lesson

SEA, KETTLE = "A letter from a lighthouse about fog", "A fable about a proud kettle"


def lesson(text: str, prompt: str = SEA, kind: str = "success", delta: float = 0.2) -> Lesson:
    about = {"id": text, "criterion": "voice", "rubric_id": "r", "trajectory_id": "t"}
    return Lesson.model_validate({**about, "text": text, "prompt": prompt, "kind": kind, "delta": delta})


def example(prompt: str) -> Example:
    return Example(prompt, prompt, "", None, "")


def shown(prompt: str, lessons: list[Lesson], longest: int = 10_000) -> str:
    """Return the prompt as a model whose tokens are letters would get it."""
    chat = (lambda rows: "\n".join(row["content"] for row in rows)), (lambda text, special: [ord(c) for c in text])
    found = with_lessons(example(prompt), lessons, None, chat, longest)  # type: ignore[arg-type]
    return "" if found is None else "".join(map(chr, found))


def test_a_run_has_a_copy_of_what_helped_without_what_is_tested(tmp_path: Path) -> None:
    assert read_lessons(tmp_path) == []
    every = [lesson("Name one\u2028sound."), lesson("Say it twice.", kind="failure"), lesson("Let it boil.", KETTLE)]
    write_lessons(tmp_path, every)
    assert read_lessons(tmp_path) == [every[0], every[2]]
    assert read_lessons(tmp_path, [example(KETTLE)]) == [every[0]]
    (tmp_path / COPY).write_text("{broken\n")
    with pytest.raises(TrainingError, match="cannot be read; begin a new run"):
        read_lessons(tmp_path)


def test_a_prompt_has_the_lessons_of_its_like_as_many_as_fit() -> None:
    near = [lesson("Name one sound."), lesson("End on the lamp, not on the keeper.", delta=0.1)]
    every = [*near, lesson("Let it boil.", KETTLE)]
    whole = shown(SEA, every)
    assert "What helped in earlier pieces:\n- Name one sound.\n- End on the lamp" in whole
    assert "boil" not in whole
    fewer = shown(SEA, every, len(whole) - 1)
    assert "Name one sound." in fewer and "End on the lamp" not in fewer
    assert shown(SEA, every, 20) == ""  # none fits
    assert shown("Forty limericks on tax", every) == ""  # none is of its like
