"""Lessons of earlier work -> the few that fit this request and criterion.

*Lessons* are text and belong to the writing loop; the rollouts a training run replays are another memory with another
life (`docs/decisions`). A lesson of the same request comes first, then those of similar ones. The rule reads a list;
it keeps no table of its own.
"""

from collections.abc import Callable, Sequence

from writer_r1.trajectory import Lesson, prompt_id

Similarity = Callable[[str, Sequence[str]], Sequence[float]]

SIMILAR = 0.45  # cosine of two requests from which a lesson of one may help the other
SAME_TEXT = 0.95  # cosine from which two lessons say the same
MOST = 3
NEWEST = 400  # lessons of other requests that are looked through: of many more the embedder would forget the first ones


def recall(
    prompt: str, criterion: str | None, lessons: Sequence[Lesson], similarity: Similarity | None, most: int = MOST
) -> list[Lesson]:
    """Return at most `most` lessons for `prompt`, those of the same request before any other.

    Rank within both: the cosine of the requests, plus the likeness of the criteria and the size of the change the
    lesson made, both at a quarter. Source: `docs/papers.md` 3 (retrieval is ours).
    """
    here = prompt_id(prompt)
    ours: list[Lesson] = []
    others: list[Lesson] = []
    for lesson in lessons:
        (ours if prompt_id(lesson.prompt) == here else others).append(lesson)
    lessons = ours + others[-NEWEST:]
    if not lessons:
        return []
    near = _likeness(prompt, [lesson.prompt for lesson in lessons], similarity)
    serves = (
        _likeness(criterion, [lesson.criterion for lesson in lessons], similarity) if criterion else [0.0] * len(near)
    )
    ranked: list[tuple[bool, float, Lesson]] = []
    for number, (lesson, likeness, served) in enumerate(zip(lessons, near, serves, strict=True)):
        same = number < len(ours)
        if same or likeness >= SIMILAR:
            ranked.append((same, likeness + 0.25 * served + 0.25 * min(1.0, abs(lesson.delta)), lesson))
    ranked.sort(key=lambda row: row[:2], reverse=True)
    kept: list[Lesson] = []
    for *_, lesson in ranked:
        if len(kept) < most and not _said(lesson, kept, similarity):
            kept.append(lesson)
    return kept


def _said(lesson: Lesson, kept: Sequence[Lesson], similarity: Similarity | None) -> bool:
    others = [k.text for k in kept]
    return bool(others) and max(_likeness(lesson.text, others, similarity)) >= SAME_TEXT


def _likeness(text: str, others: Sequence[str], similarity: Similarity | None) -> Sequence[float]:
    """Return how alike texts are: cosine, or without the embedding model the share of words in common."""
    if similarity is not None:
        return similarity(text, others)
    mine = set(text.casefold().split())
    rows = [set(o.casefold().split()) for o in others]
    return [len(mine & r) / len(mine | r) if mine | r else 0.0 for r in rows]
