"""What was made to train on, and how far that is -> HTML: thinking traces, requests by difficulty. Pure; no gradio.

Every request that came to nothing is counted under its reason, in words for a person.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from writer_r1 import difficulty, synthesis, thinking
from writer_r1.background import Progress
from writer_r1.material import Bounds, Made, Source
from writer_r1.preparing import THOUGHT, Asked, Kind
from writer_r1.room import WAITING
from writer_r1.ui.model_cards import meter, time_words
from writer_r1.ui.prose import plural
from writer_r1.usefulness import ANCHORS, LABELS

REASONS = {
    thinking.NO_TEXT: "Nothing was written that could be judged.",
    thinking.FAULTY: "The best text has a fault: it breaks off, repeats itself or is in another language.",
    thinking.WEAK: "The best text scores too low to be learned from.",
    thinking.NONE_USEFUL: "No revision made the text clearly better, so there is nothing to show for thinking.",
    thinking.UNPROVEN: "A revision was taken over that did not make the text clearly better.",
    thinking.UNTOLD: "Paragraphs were moved or taken out, which a trace cannot tell.",
    thinking.JUDGED: "The thought speaks of scores or a judge, which a writer who thinks alone does not have.",
    thinking.TASK: "The piece speaks of what was asked for instead of telling it.",
    thinking.VAGUE: "What was noticed is so general that it could stand anywhere.",
    thinking.TWICE: "The same was noticed twice.",
    thinking.LONG: f"It is longer than {THOUGHT.words} words.",
    thinking.SAME: "It is nearly the same piece as an earlier one.",
    synthesis.A_SCENE: "It is a scene of a longer manuscript, which cannot be understood alone.",
    synthesis.TOO_LONG: "The request is too long for the model.",
    difficulty.EASY: "Too easy: the drafts are good already.",
    difficulty.HARD: "Too hard: the drafts score too low.",
    difficulty.FLAT: "The drafts score too much alike: within the judge’s noise, or the spread you set.",
    difficulty.UNSCORED: "Fewer than two drafts could be scored.",
}
ABOUT: dict[Kind, str] = {
    "thoughts": "A trace is a piece with the thinking that led to it: a plan, a draft, what was noticed in it and what "
    "was changed for it. A model that is trained on traces learns to revise while it thinks, as in “Think in one go”.",
    "difficulty": "A request whose drafts all score alike teaches nothing. So the base chosen above, with what it "
    "begins with, writes some drafts to each; a request stays where their mean lies within your limits, and where they "
    "differ by more than the judge’s own noise, or by a spread that you set. Drafts are pieces and the judge scores "
    "them: for a run that is paid for what can be checked, or that writes thoughts, this is a guide.",
}
TITLE: dict[Kind, str] = {"thoughts": "Thinking traces", "difficulty": "Requests of the right difficulty"}
DONE: dict[Kind, str] = {"thoughts": "done", "difficulty": "tried"}
SECOND_HAND = (
    f"R2-Write’s, known to us at second hand: over {ANCHORS['useful']:.0%} useful, "
    f"about {ANCHORS['harmful']:.0%} harmful."
)
WAITS = "waiting for the model: it is loading, or somebody is writing with it"
OTHER: dict[Kind, str] = {
    "thoughts": "Thinking traces are being made; one thing is made at a time on this machine.",
    "difficulty": "Requests are being tried; one thing is made at a time on this machine.",
}


class Offer(NamedTuple):
    """Where requests come from, and how many of `total` were not worked on yet; None where that cannot be told."""

    source: Source
    name: str
    about: str
    start: str
    total: int | None = None
    left: int | None = None


def work_card(
    kind: Kind,
    offers: Sequence[Offer],
    progress: Progress | None,
    kept: int,
    busy: Asked | None,
    last: Asked | None = None,
) -> str:
    """Return what something is for, what it can be made of, and how far it is; `last` is what was asked for."""
    rows = "".join(_offer(kind, offer, progress, busy) for offer in offers)
    other = f'<p class="state">{OTHER[busy.kind]}</p>' if busy and busy.kind != kind else ""
    return (
        f'<section class="material" aria-labelledby="{kind}-title"><h2 id="{kind}-title">{TITLE[kind]}</h2>'
        f'<p class="quiet">{ABOUT[kind]}</p><ul class="plain offers" role="list">{rows}</ul>'
        f"{other}{_standing(kind, progress, kept, last)}</section>"
    )


def _offer(kind: Kind, offer: Offer, progress: Progress | None, busy: Asked | None) -> str:
    mine = busy == Asked(kind, offer.source)
    whole = offer.total is not None and not offer.left
    begun = offer.total is not None and offer.left is not None and 0 < offer.left < offer.total
    far = ""
    if offer.total is not None and offer.left is not None:
        far = f" {offer.total - offer.left} of {offer.total} {DONE[kind]}."
    if mine:
        stopping = progress is not None and progress.stopping
        button = _act("halt", "Stopping …" if stopping else "Stop", f"{kind}-{offer.source}", off=stopping)
    else:
        label = "All done" if whole and offer.total else f"Go on with {offer.left}" if begun else offer.start
        told = f' data-kind="{kind}" data-source="{offer.source}"'
        spoken = f' aria-label="{escape(f"{label}: {offer.name}")}"'
        button = _act("prepare", label, f"{kind}-{offer.source}", told + spoken, off=bool(busy) or whole)
    about = f'<span dir="auto">{escape(offer.about)}</span>{far}'
    return f"<li><div><b>{escape(offer.name)}</b><p>{about}</p></div>{button}</li>"


def _standing(kind: Kind, progress: Progress | None, kept: int, last: Asked | None) -> str:
    """Return how far the work is, or how it ended."""
    if progress is None or progress.state == "done":
        return ""
    of_runs = last == Asked("thoughts", "library")
    far = f"{progress.done} of {plural(progress.total, 'run' if of_runs else 'request')}"
    far += " of your library" if of_runs else ""
    if progress.state == "running":
        parts = [far, f"{kept} kept so far"] if progress.total else []
        if progress.stopping:
            parts.append("stopping; what is made is kept")
        else:
            left = f"{time_words(progress.left_s)} left" if progress.left_s else "time left: after the first one"
            waits = progress.doing == WAITING
            parts += [left, WAITS if waits else escape(progress.doing)]
        return meter(TITLE[kind], progress.done / max(1, progress.total), " · ".join(parts))
    if progress.state == "failed":
        return f'<p class="wrong" role="alert">{escape(progress.message)}</p>'
    return f'<p class="state">Stopped at {far}. What was made is kept; it goes on from there.</p>'


def thoughts_result(found: Made) -> str:
    """Return how many traces there are, why others are none, and the button that trains on them."""
    told = synthesis.summed(found.kept, found.dropped)
    if not found.rows:
        return '<section class="material made"><p class="quiet">No traces yet.</p></section>'
    words = f", the longest of {told['longest_words']} words" if told["traces"] else ""
    parts = [
        f'<p class="came"><b>{plural(told["traces"], "trace")}</b> kept{words}.</p>',
        _dropped("thoughts", told["dropped"]),
    ]
    if told["reflections"]:
        shares = ", ".join(f"{told[label]:.0%} {label}" for label in LABELS)
        ours = f"Of {plural(told['reflections'], 'reflection')} that were tried: {shares}."
        parts.append(f'<p class="quiet">{ours} {SECOND_HAND}</p>')
    if told["traces"]:
        parts.append(_act("learn", "Train on these", "thoughts-learn", main=True))
    return f'<section class="material made" aria-label="Traces so far">{"".join(parts)}</section>'


def difficulty_result(found: Made, bounds: Bounds, who: str) -> str:
    """Return where the means lie, how many requests stay, why others do not, and the button that practises on them."""
    if bounds.low > bounds.high:
        said = f"No mean is at least {bounds.low:g} and at most {bounds.high:g}; make the first limit the smaller one."
        return f'<section class="material made"><p class="wrong" role="alert">{said}</p></section>'
    if not found.rows:
        none = f"Nothing was tried yet with {escape(who)} and {bounds.drafts} drafts."
        return f'<section class="material made"><p class="quiet" dir="auto">{none}</p></section>'
    parted = difficulty.sort_out(found.rows, bounds.limits)
    many, tried = len(parted.kept), len(found.rows)
    noises = sorted(float(row["noise"]) for row in found.rows if "noise" in row)
    noise = (
        f' <span class="quiet">The judge’s own noise is about {noises[len(noises) // 2]:.2f}.</span>' if noises else ""
    )
    stays = f"<b>{many} of {plural(tried, 'request')}</b> {'stays' if many == 1 else 'stay'}."
    parts = [
        f'<p class="came" role="status">{stays}{noise}</p>',
        _histogram(parted, bounds) if sum(parted.histogram) else "",
        _dropped("difficulty", parted.dropped),
        _act("practise", "Practise on these", "difficulty-practise", main=True) if many else "",
        f'<p class="quiet" dir="auto">Tried with {escape(who)}, {bounds.drafts} drafts each.</p>',
    ]
    return f'<section class="material made" aria-label="Requests by difficulty">{"".join(parts)}</section>'


def _histogram(parted: difficulty.Sorted, bounds: Bounds) -> str:
    """Return a picture of how many requests have which mean; those that stay are filled, the limits dashed."""
    counts, stays = parted.histogram, parted.kept_histogram
    tallest, wide = max(1, *counts), 100 / len(counts)
    bars, told = list[str](), list[str]()
    for k, (all_, kept) in enumerate(zip(counts, stays, strict=True)):
        high, filled = 40 * all_ / tallest, 40 * kept / tallest
        at = f'x="{k * wide + 0.8:.1f}" width="{wide - 1.6:.1f}"'
        if all_ > kept:
            bars.append(f'<rect class="out" {at} y="{40 - high:.2f}" height="{high - filled:.2f}"/>')
        if kept:
            bars.append(f'<rect class="in" {at} y="{40 - filled:.2f}" height="{filled:.2f}"/>')
        if all_:
            told.append(f"{k / len(counts):.1f} to {(k + 1) / len(counts):.1f}: {all_}, of which {kept} stay")
    lines = "".join(
        f'<line x1="{100 * x:g}" x2="{100 * x:g}" y1="0" y2="40"/>' for x in (bounds.low, bounds.high) if 0 < x < 1
    )
    title = "Mean score of a request’s drafts"
    return (
        f'<figure class="curve means"><figcaption>{title}</figcaption><ul class="plain key">'
        '<li><svg class="sample" viewBox="0 0 24 12" aria-hidden="true"><rect class="in" width="24" height="12"/></svg>'
        f"<span>stay</span> <b>{sum(stays)}</b></li>"
        '<li><svg class="sample" viewBox="0 0 24 12" aria-hidden="true"><rect class="out" x="1" y="1" width="22" '
        f'height="10"/></svg><span>left out</span> <b>{sum(counts) - sum(stays)}</b></li></ul>'
        f'<div class="plot"><span class="top">{tallest}</span>'
        f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" '
        f'aria-label="{title}. {"; ".join(told)}.">{"".join(bars)}{lines}</svg></div>'
        '<p class="steps"><span>0</span><span>0.5</span><span>1</span></p></figure>'
    )


def _dropped(kind: Kind, reasons: Mapping[str, Any]) -> str:
    if not reasons:
        return ""
    many = sum(reasons.values())
    rows = "".join(
        f'<li><b>{count}</b><span dir="auto">{escape(REASONS.get(why, why))}</span></li>'
        for why, count in reasons.items()
    )
    head = f"{many} left out, and why"
    return (
        f'<details data-key="{kind}-dropped" open><summary>{head}</summary><ul class="plain dropped">{rows}</ul>'
        "</details>"
    )


def _act(act: str, label: str, key: str, told: str = "", *, main: bool = False, off: bool = False) -> str:
    disabled = ' aria-disabled="true"' if off else ""
    kind = "act main" if main else "act"
    return f'<button type="button" class="{kind}" data-act="{act}" data-key="{key}"{told}{disabled}>{label}</button>'
