"""A request and the saved rubrics -> those that were made for requests like it."""

from collections.abc import Callable, Sequence

from writer_r1.store import SavedRubric
from writer_r1.trajectory import prompt_id

SIMILAR = 0.4  # cosine of two requests from which criteria of one may serve the other


def suggested(
    brief: str, saved: Sequence[SavedRubric], likeness: Callable[[str, Sequence[str]], Sequence[float]], limit: int
) -> list[tuple[SavedRubric, float]]:
    """Return the rubrics made for requests like this one, each with its cosine; the same request first."""
    if not saved or not brief.strip():
        return []
    near, here = likeness(brief, [s.prompt for s in saved]), prompt_id(brief)
    rows = [(s, value) for s, value in zip(saved, near, strict=True) if value >= SIMILAR]
    return sorted(rows, key=lambda row: (prompt_id(row[0].prompt) == here, row[1]), reverse=True)[:limit]
