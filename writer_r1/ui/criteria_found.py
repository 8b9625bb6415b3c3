"""Trajectory -> HTML of what led to the criteria: codes, their categories, lessons of earlier work. Pure."""

from html import escape

from writer_r1.trajectory import Category, Criterion, Lesson, Trajectory
from writer_r1.ui.scores import details


def found(now: Trajectory) -> str:
    """Return the codes as chips, under their categories once they have some."""
    placed = {label for category in now.categories for label in category.codes}
    stated = "".join(_chip(c.label, c.span) for c in now.codes if c.stage == "rule" and c.label not in placed)
    loose = "".join(_chip(c.label, c.span) for c in now.codes if c.stage == "open" and c.label not in placed)
    if not now.categories:
        return f'<div class="codes"><p>{stated}{loose}</p></div>' if stated or loose else ""
    spans = {c.label: c.span for c in now.codes}
    groups = "".join(_group(category, spans) for category in now.categories)
    stated = f"<h3>Stated in your request</h3><p>{stated}</p>" if stated else ""
    loose = f"<h3>Not grouped yet</h3><p>{loose}</p>" if loose else ""
    return f'<div class="codes">{stated}{groups}{loose}</div>'


def from_codes(criterion: Criterion, now: Trajectory | None) -> str:
    """Return the category of a criterion and its codes, each with the words of the request it is tied to."""
    source = criterion.source
    spans = {c.label: c.span for c in now.codes} if now else {}
    named = next((c for c in now.categories if set(source.codes) & set(c.codes)), None) if now else None
    head = f'<p><b dir="auto">{escape(named.name)}</b>{_relation(named)}</p>' if named and source.codes else ""
    codes = "".join(
        f'<li><span dir="auto">{escape(label)}</span>{_quoted(spans.get(label))}</li>' for label in source.codes
    )
    codes = f'<ul class="plain">{codes}</ul>' if codes else ""
    told = {spans.get(label) for label in source.codes}
    return head + codes + (_quoted(source.span) if source.span not in told else "")


def lessons(now: Trajectory) -> str:
    """Return the lessons recalled for this piece and those learned from it, folded away."""
    parts = []
    for learned, name in ((False, "Recalled from earlier work"), (True, "Learned from this piece")):
        rows = [_lesson(one) for one in now.lessons if (one.trajectory_id == now.id) == learned]
        if rows:
            body = f'<ul class="plain">{"".join(rows)}</ul>'
            parts.append(details(f"lessons-{learned}", f"{name} ({len(rows)})", body))
    return "".join(parts)


def _group(category: Category, spans: dict[str, str | None]) -> str:
    chips = "".join(_chip(label, spans.get(label)) for label in category.codes)
    return f'<h3><span dir="auto">{escape(category.name)}</span>{_relation(category)}</h3><p>{chips}</p>'


def _relation(category: Category) -> str:
    return f' <span class="quiet">{escape(category.relation)}</span>' if category.relation else ""


def _chip(label: str, span: str | None) -> str:
    tip = f' title="{escape(f"“{span}”")}"' if span else ""
    return f'<span class="chip" dir="auto"{tip}>{escape(label)}</span> '


def _quoted(span: str | None) -> str:
    return f'<blockquote dir="auto">“{escape(span)}”</blockquote>' if span else ""


def _lesson(one: Lesson) -> str:
    helped = "helped" if one.kind == "success" else "did not help"
    head = f'<b dir="auto">{escape(one.criterion)}</b> <span class="quiet">{helped}</span>'
    return f'<li>{head}<p dir="auto">{escape(one.text)}</p></li>'
