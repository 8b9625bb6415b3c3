"""A run's scores -> a small radar with the table that it repeats, for a report whose reader asked for one. Pure HTML.

Never shown by itself: the area of a radar depends on the order of its axes, and small gaps look large.
"""

from html import escape

from writer_r1.figure import radar
from writer_r1.trajectory import Attempt, Criterion, Rubric
from writer_r1.ui.scores import score_of, ten
from writer_r1.ui.view import View, title

FEWEST = 3  # axes that make a figure
CARE = "Read the numbers, not the area: it depends on the order of the criteria, which is the order of the list."
TOO_FEW = f"No radar: it needs {FEWEST} criteria that both texts were scored on."
MARKS = ("● solid line", "■ dashed line")


def radar_of(view: View, rubric: Rubric, attempts: list[Attempt]) -> str:
    """Return the scores of the first text and of the best, as a picture and as the table of the same numbers."""
    shown = [attempts[0], *(a for a in attempts[1:] if a.number == view.now.best)] if attempts else []
    rows = [(c, values) for c in rubric.criteria if (values := _values(c, shown))]
    if len(rows) < FEWEST:
        return f'<section class="radar"><h2>As a radar</h2><p class="quiet">{TOO_FEW}</p></section>'
    names = [title(attempt) for attempt in shown]
    picture = radar(f"Scores of {' and '.join(names)}", [[v[k] for _, v in rows] for k in range(len(shown))])
    heads = "".join(
        f'<th scope="col">{name} <span class="quiet">{mark}</span></th>'
        for name, mark in zip(names, MARKS, strict=False)
    )
    body = "".join(
        f'<tr><th scope="row" dir="auto">{n}. {escape(c.name)}</th>{"".join(f"<td>{ten(v)}</td>" for v in values)}</tr>'
        for n, (c, values) in enumerate(rows, 1)
    )
    table = f"<table><caption>The same numbers, from 1 to 10</caption><thead><tr><th></th>{heads}</tr></thead>"
    return (
        f'<section class="radar"><h2>As a radar</h2><p class="quiet">{CARE}</p>'
        f'<div class="beside">{picture}<div>{table}<tbody>{body}</tbody></table></div></div></section>'
    )


def _values(criterion: Criterion, attempts: list[Attempt]) -> list[float]:
    """Return the scores on a criterion, or nothing where a text has none."""
    found = [score.value for a in attempts if (score := score_of(a, criterion)) and score.value is not None]
    return found if len(found) == len(attempts) else []
