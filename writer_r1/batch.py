"""Rows of drafts -> rows of scores, in input order; what is already in the output file is not asked again."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.errors import WriterError
from writer_r1.events import Event
from writer_r1.judge import Judge, evaluate
from writer_r1.llm import never
from writer_r1.trajectory import Evaluation, Rubric, read_rubric
from writer_r1.workspace import Workspace

Show = Callable[[Event], None]


def judge_row(
    workspace: Workspace, prompt: str, draft: str, rubric: Rubric | None, model: str | None, show: Show
) -> tuple[Rubric, Evaluation]:
    """Return the rubric and evaluation of one draft, making the rubric if none is given."""
    if not draft.strip():
        raise WriterError("The draft is empty; there is nothing to judge.")
    with workspace.machine():
        llm = workspace.llm(model or workspace.default_model())
        if rubric is None:
            rubric = _run(derive_rubric(prompt, Analyst(llm, workspace.similarity, never)), show)
        judge = Judge(llm, workspace.similarity, never)
        return rubric, _run(evaluate(1, prompt, draft, rubric, judge), show)


def _run(stages: Any, show: Show) -> Any:
    while True:
        try:
            show(next(stages))
        except StopIteration as end:
            return end.value


def judge_file(workspace: Workspace, rows: Path, out: Path, model: str | None, say: Callable[[str], None]) -> int:
    """Score the rows of a JSON-lines file into `out` and return how many were scored now.

    Raises:
        WriterError: a row that cannot be read, with its line number; what was scored before it is kept.
    """
    done = _finished(out)
    rubrics: dict[str, Rubric] = {}
    scored = 0
    try:
        target = out.open("a", encoding="utf-8")
    except OSError as e:
        raise WriterError(f"The file {str(out)!r} cannot be written: {e.strerror}.") from e
    with target:
        for line_number, row in _rows(rows):
            if row["id"] in done:
                continue
            result = _score(workspace, row, model, rubrics, line_number)
            target.write(json.dumps(result, ensure_ascii=False) + "\n")
            target.flush()
            scored += 1
            say(f"{row['id']}: {result['reward']}")
    return scored


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise WriterError(f"The file {str(path)!r} cannot be read as text ({e.__class__.__name__}).") from e
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as e:
            raise WriterError(f"Line {number} of {path.name!r} is not JSON: {e.msg}.") from e
        missing = [k for k in ("id", "prompt", "draft") if not isinstance(row, dict) or k not in row]
        if missing:
            raise WriterError(f"Line {number} of {path.name!r} lacks {', '.join(missing)}.")
        yield number, row


def _finished(out: Path) -> set[Any]:
    """Return the ids already scored, dropping a last line that a kill cut short."""
    if not out.exists():
        return set()
    text = out.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        out.write_text(whole, "utf-8")
    return {json.loads(line)["id"] for line in whole.splitlines() if line.strip()}


def _score(
    workspace: Workspace, row: dict[str, Any], model: str | None, rubrics: dict[str, Rubric], line: int
) -> dict[str, Any]:
    began, prompt, draft = time.monotonic(), str(row["prompt"]), str(row["draft"])
    given = row.get("rubric")
    rubric = read_rubric(given, prompt) if given else rubrics.get(prompt)
    if not draft.strip():
        raise WriterError(f"Line {line} has an empty draft; there is nothing to judge.")
    rubric, evaluation = judge_row(workspace, prompt, draft, rubric, model, lambda event: None)
    if not given:
        rubrics[prompt] = rubric
    scores = {rubric.criterion(s.criterion_id).name: s.value for s in evaluation.scores}
    return {
        "id": row["id"],
        "reward": evaluation.reward,
        "scores": scores,
        "unscored": [name for name, value in scores.items() if value is None],
        "tokens": workspace.llm(model or workspace.default_model()).count(draft),
        "seconds": round(time.monotonic() - began, 3),
    }
