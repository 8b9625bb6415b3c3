"""Rows of drafts -> rows of scores, in input order; what is already in the output file is not asked again."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.errors import RubricError, WriterError
from writer_r1.events import Event, outcome
from writer_r1.judge import evaluate
from writer_r1.lines import add_line, finished
from writer_r1.llm import never
from writer_r1.qualification import marked
from writer_r1.rubric_file import read_rubric
from writer_r1.trajectory import Evaluation, Rubric, prompt_id
from writer_r1.workspace import Workspace

Show = Callable[[Event], None]
ROW_HEAD = b'{"id": '  # how each row of scores begins


def judge_row(
    workspace: Workspace, prompt: str, draft: str, rubric: Rubric | None, model: str | None, show: Show
) -> tuple[Rubric, Evaluation]:
    """Return the rubric and evaluation of one draft by a model, else the usual judge, making the rubric if need be."""
    if not draft.strip():
        raise WriterError("The draft is empty; there is nothing to judge.")
    with workspace.machine():
        llm = workspace.llm(model or workspace.judge)
        if rubric is None:
            dismissed = workspace.store.dismissed(prompt_id(prompt))
            rubric = outcome(
                derive_rubric(prompt, Analyst(llm, workspace.similarity, never), dismissed=dismissed), show
            )
        judge = workspace.judge_by(llm.name)
        return rubric, marked(outcome(evaluate(1, prompt, draft, rubric, judge), show), workspace.common)


def judge_file(workspace: Workspace, rows: Path, out: Path, model: str | None, say: Callable[[str], None]) -> int:
    """Score the rows of a JSON-lines file into `out` and return how many were scored now.

    Raises:
        WriterError: a row that cannot be read, with its line number; what was scored before it is kept.
    """
    done = _finished(out)
    rubrics: dict[str, Rubric] = {}
    scored = 0
    for number, row in _rows(rows):
        if row["id"] in done:
            continue
        try:
            result = _score(workspace, row, model, rubrics)
        except RubricError as e:
            raise RubricError(f"Line {number} of {rows.name!r}: {e}") from e
        _append(out, json.dumps(result))
        done.add(row["id"])
        scored += 1
        say(f"{row['id']}: {result['reward']}")
    return scored


def _append(out: Path, row: str) -> None:
    try:
        out.open("ab").close()  # makes no folder, as the next line would for a mistyped name
        if row:
            add_line(out, row.encode())
    except OSError as e:
        message = (
            f"The file {str(out)!r} cannot be written ({e.strerror}); run again when it can: no row is asked twice."
        )
        raise WriterError(message) from e


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise WriterError(f"The file {str(path)!r} cannot be read as text ({e.__class__.__name__}).") from e
    # Not splitlines(): a draft may hold other line separators.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"Line {number} of {path.name!r}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as e:
            raise WriterError(f"{where} is not JSON: {e.msg}.") from e
        missing = [k for k in ("id", "prompt", "draft") if not isinstance(row, dict) or k not in row]
        if missing:
            raise WriterError(f"{where} lacks {', '.join(missing)}.")
        if not isinstance(row["id"], str | int):
            raise WriterError(f"{where} has an id that is neither text nor a whole number.")
        for key in ("prompt", "draft"):
            if not isinstance(row[key], str) or not row[key].strip():
                raise WriterError(f"{where} has an empty {key}, or one that is not text.")
        yield number, row


def _finished(out: Path) -> set[Any]:
    """Return the ids already scored, dropping a last line that a kill cut short.

    Raises:
        WriterError: the file holds something else; it is left alone.
    """
    if not out.exists():
        _append(out, "")  # now, and not after minutes of scoring
    try:
        return {row["id"] for row in finished(out, ROW_HEAD)}
    except (ValueError, KeyError):
        message = f"The file {str(out)!r} holds something other than scores; name another with --out."
        raise WriterError(message) from None


def _score(workspace: Workspace, row: dict[str, Any], model: str | None, rubrics: dict[str, Rubric]) -> dict[str, Any]:
    began, prompt, draft = time.monotonic(), row["prompt"], row["draft"]
    given = row.get("rubric")
    rubric = rubrics.get(prompt) if given is None else read_rubric(given, prompt)
    rubric, evaluation = judge_row(workspace, prompt, draft, rubric, model, lambda event: None)
    if given is None:
        rubrics[prompt] = rubric
    scores = {rubric.criterion(s.criterion_id).name: s.value for s in evaluation.scores}
    return {
        "id": row["id"],
        "reward": evaluation.reward,
        "scores": scores,
        "unscored": [name for name, value in scores.items() if value is None],
        "judge": evaluation.judge.model,
        "trust": evaluation.judge.trust,
        "tokens": workspace.llm(model or workspace.judge).count(draft),
        "seconds": round(time.monotonic() - began, 3),
    }
