"""What was measured of a judge -> the word for it, a line about the model, and the page that says how far to trust it.

Pure; knows no gradio. Bars are those of `scores.py`; the thin line on one is the interval, the notch is chance.
"""

from collections.abc import Iterator
from datetime import date
from html import escape
from typing import Literal, NamedTuple

from writer_r1.calibration import NOT_FITTED, unfitted
from writer_r1.qualification import (
    ALL,
    MEAN,
    PLAIN,
    READERS,
    Accuracy,
    Agreement,
    Qualification,
    number,
    of_100,
    sentence,
    spoiled,
)
from writer_r1.trajectory import JudgeInfo, mean

Trust = Literal["high", "some", "low", "none", "unmeasured"]

LABEL: dict[Trust, str] = {
    "high": "high trust",
    "some": "some trust",
    "low": "low trust",
    "none": "no trust",
    "unmeasured": "trust not measured yet",
}
MEANING: dict[Trust, str] = {
    "high": "The judge agrees with readers nearly as well as readers agree with each other, and sees what is broken.",
    "some": "The judge sees at least nine in ten faults put into a text; readers may still see it otherwise.",
    "low": "The judge sees the plainest faults and little more; a difference of a point or two says nothing.",
    "none": "The judge tells spoiled texts from sound ones hardly better than chance; do not go by its scores.",
    "unmeasured": "Nobody has measured how far this judge can be trusted; the Models page has a test for it.",
}
UNFITTED = (
    "Nobody has compared this model with real readers, so what they might say of a text is told by what can be "
    "measured without it."
)
HONEST = (
    "At its best a judge is one reader among many, and its score a guide, not a verdict. "
    "What you think of your text counts for more."
)
LADDERS = {
    "dropped_requirements": "Something asked for left out",
    "shuffled_sentences": "Sentences in the wrong order",
    "cut_tail": "The end cut off",
    "repeated_paragraph": "A paragraph repeated",
    "foreign_sentences": "A sentence of another text put in",
    "other_text": "Another text put in",
    "swapped_names": "Names exchanged",
}
SETS = {
    READERS: "Stories rated by teachers (WP-A)",
    "hanna": "Stories rated by readers (HANNA)",
    "ttcw": "Stories tested by experts (TTCW)",
    "confederacy": "Parodies rated by readers (Confederacy)",
    "lamp": "Paragraphs scored by experts (LAMP)",
    "wqrm": "Drafts scored by experts (WQRM)",
}
PAIRS = {"lamp": "Paragraphs edited by experts (LAMP)", "wqrm": "Drafts ranked by experts (WQRM)"}
MARKS = {
    "ladders": "spoiled texts in order",
    "position_consistency": "both wordings alike",
    "adversarial": "never taken in by texts made to please",
    READERS: "agreement with teachers",
    "hanna": "agreement with length held fixed (HANNA)",
    "lamp": "paragraphs edited by experts (LAMP)",
}
HELD = "with length held fixed"
MODELS = '<button type="button" class="link" data-tab="models">{}</button>'


class Figure(NamedTuple):
    """A row: its name, a share or a correlation with its interval, how far chance comes, and a part of what it is.

    `held` is a correlation with length held fixed.
    """

    name: str
    value: float | None
    lo: float | None
    hi: float | None
    chance: float = 0.0
    kind: Literal["", "whole", "part"] = ""
    held: float | None = None


def label(judge: JudgeInfo) -> str:
    """Return how far the scores of a judge can be trusted, in a few words; that no fit of its own made them, too."""
    return LABEL[judge.trust] + (f" · {NOT_FITTED}" if unfitted(judge.calibration) else "")


def meaning(judge: JudgeInfo) -> str:
    """Return what those words mean, in a sentence or two."""
    return MEANING[judge.trust] + (f" {UNFITTED}" if unfitted(judge.calibration) else "")


def known(found: Qualification | None, fit: str = "") -> str:
    """Return what is known of a model as a judge that judges with the fit of this id, in a line."""
    fitted = f" · {NOT_FITTED}" if unfitted(fit) else ""
    if found is None:
        return f"As a judge: not measured{fitted}"
    return f"As a judge: {LABEL[found.trust]} · {spoiled(found)} · measured {day(found.measured)}{fitted}"


def day(iso: str) -> str:
    """Return a day as people write it, with the year where it is another."""
    try:
        moment = date.fromisoformat(iso)
    except ValueError:
        return "on a day unknown"
    year = "" if moment.year == date.today().year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}"


def page(judge: str, found: Qualification | None, fit: str = "") -> str:
    """Return how far the judge in use, with the fit of this id, can be trusted, and what the words for it mean."""
    name, fitted = f'<b dir="auto">{escape(judge)}</b>', f" {UNFITTED}" if unfitted(fit) else ""
    if found is None:
        said = f"<p>{name} judges. {MEANING['unmeasured']}{fitted} {MODELS.format('Go to Models')}</p>"
    else:
        tables = f"<div>{_table('Spoiled on purpose', 'of 100 steps in order', _ladders(found))}</div><div>"
        tables += _table("Rated by people", "agreement, from 0 to 1", list(_readers(found)))
        tables += f"{_table('Preferred by experts', 'of 100 pairs', list(_pairs(found)))}</div>"
        head = f"<p>{name} judges, with <b>{LABEL[found.trust]}</b>. {escape(sentence(found))}{fitted}</p>"
        said = f'{head}<div class="measured">{tables}</div><p class="quiet">{escape(_how(found))}</p>'
    words = "".join(f"<dt>{LABEL[word].capitalize()}</dt><dd>{MEANING[word]}</dd>" for word in LABEL)
    return (
        f'<section class="help trusted"><h2>How far the judge can be trusted</h2>{said}'
        f"<details data-key='trust-words'><summary>What the words mean</summary><dl>{words}</dl></details>"
        f'<p class="honest">{HONEST}</p></section>'
    )


def _ladders(found: Qualification) -> list[Figure]:
    whole, pleasing = found.ladders[ALL], found.adversarial[ALL]
    named = ((LADDERS.get(k, k), row) for k, row in found.ladders.items() if k != ALL)
    return [
        Figure("All steps down", whole.il, whole.lo, whole.hi, 0.5, "whole"),
        *(Figure(name, row.il, row.lo, row.hi, 0.5, "part") for name, row in named),
        Figure("Not taken in by texts made to please", pleasing.accuracy, pleasing.lo, pleasing.hi, 0.5),
    ]


def _readers(found: Qualification) -> Iterator[Figure]:
    """Yield the agreement with each set, and with the one that decides for each thing that was rated."""
    for of, rated in found.sets.items():
        single = {k: m for k, m in rated.items() if isinstance(m, Agreement)}
        if MEAN in rated:
            lo, hi = (number(rated, key) if key in rated else None for key in ("mean_lo", "mean_hi"))
            kind: Literal["", "whole"] = "whole" if of == READERS else ""
            held = [m.rho_given_length for m in single.values() if m.rho_given_length is not None]
            of_all = mean(held) if held else None
            yield Figure(SETS.get(of, of), number(rated, MEAN), lo, hi, kind=kind, held=of_all)
        for name, m in single.items():
            if MEAN not in rated:
                yield Figure(SETS.get(of, of), m.rho, m.lo, m.hi, held=m.rho_given_length)
            elif of == READERS:
                called = PLAIN.get(name, name).capitalize()
                yield Figure(called, m.rho, m.lo, m.hi, kind="part", held=m.rho_given_length)


def _pairs(found: Qualification) -> Iterator[Figure]:
    for of, rated in found.sets.items():
        if isinstance(m := rated.get("pairs"), Accuracy):
            yield Figure(PAIRS.get(of, of), m.accuracy, m.lo, m.hi, 0.5)


def _table(caption: str, unit: str, rows: list[Figure]) -> str:
    held = any(row.held is not None for row in rows)
    body = "".join(_row(row, held) for row in rows)
    head = f'<caption>{caption} <span class="quiet">{unit}</span></caption>'
    if held:
        head += f'<thead><tr><td colspan="4"></td><th scope="col" class="quiet">{HELD}</th></tr></thead>'
    return f'<table class="figures">{head}<tbody>{body}</tbody></table>' if rows else ""


def _row(figure: Figure, with_held: bool) -> str:
    """Return the bar with its interval as a line, and both as numbers; shares in hundredths, correlations as such."""
    between, line = "", ""
    if figure.lo is not None and figure.hi is not None:
        between = f"{_shown(figure, figure.lo)} to {_shown(figure, figure.hi)}"
        left, right = max(0.0, figure.lo), max(0.0, figure.hi)
        line = f'<i class="range" style="left:{left:.1%};width:{right - left:.1%}"></i>'
    fill = f'<i class="fill" style="width:{max(0.0, figure.value or 0.0):.1%}"></i>'
    notch = f'<i class="chance" style="left:{figure.chance:.0%}"></i>' if figure.chance else ""
    held = f'<td class="held quiet">{_shown(figure, figure.held)}</td>' if with_held else ""
    return (
        f'<tr class="{figure.kind}"><th scope="row">{escape(figure.name)}</th>'
        f'<td class="bar" aria-hidden="true"><span class="track">{fill}{notch}{line}</span></td>'
        f'<td class="value">{_shown(figure, figure.value)}</td><td class="quiet">{between}</td>{held}</tr>'
    )


def _shown(figure: Figure, value: float | None) -> str:
    if value is None:
        return "—"
    return str(of_100(value)) if figure.chance else f"{value:.2f}".replace("-", "−")


def _how(found: Qualification) -> str:
    """Return what the figures rest on."""
    said = [f"Measured {day(found.measured)} on {found.texts:,} texts"]
    if found.position_consistency is not None:
        said.append(f"two wordings of the question agree on {of_100(found.position_consistency)} of 100 steps")
    said.append(f"{of_100(found.unscored)} of 100 scores are missing")
    short = f" Below the pass mark: {', '.join(MARKS.get(k, k) for k in found.failing)}." if found.failing else ""
    lines = "The thin line is where the true figure very likely lies, the notch what guessing would reach."
    return f"{'; '.join(said)}.{short} {lines}"
