"""Text and request -> Evidence: every measure that needs no model, and plain numbers for a regression to weigh.

The embedder is asked once, for everything together: a call for each measure would read the same sentences four times.
None of the numbers says that a text is good; which of them go with readers' ratings is for a regression to find.
"""

from collections.abc import Sequence
from statistics import fmean, pstdev

from writer_r1.checks.meaning import (
    Embed,
    Met,
    Vector,
    coherence,
    covered,
    met,
    neighbours,
    read,
    relevance,
    runs,
)
from writer_r1.checks.numbers import form_numbers
from writer_r1.checks.requirements import asked_dialogue, requirements
from writer_r1.checks.shape import completeness, repetition
from writer_r1.checks.style import dialogue, stock_phrases, variety
from writer_r1.checks.talk import meta_talk
from writer_r1.checks.text import Measure
from writer_r1.embedding import cosine
from writer_r1.trajectory import Noun


class Evidence(Noun):
    """What was measured of a text: named Measures, finite numbers of fixed names and order, demands one by one."""

    measures: dict[str, Measure]
    numbers: dict[str, float]
    demands: tuple[Met, ...]


def evidence(text: str, request: str, embed: Embed) -> Evidence:
    """Return all that can be told of `text` without a writing model; `embed` is called once.

    Numbers where nothing can be measured (no neighbours, no demands) are 0, or 1 where 1 says that nothing is wrong.
    """
    demands = requirements(request)
    texts = [request, text, *demands, *(read(text, span) for row in runs(text) for span in row)]
    known = dict(zip(texts, embed(texts), strict=True))

    def recall(wanted: Sequence[str]) -> list[Vector]:
        return [known[each] for each in wanted]

    def similarity(query: str, others: Sequence[str]) -> list[float]:
        return [cosine(known[query], known[each]) for each in others]

    found = tuple(met(text, demands, recall))
    measures = {
        "relevance": relevance(text, request, similarity),
        "coverage": covered(text, found),
        "coherence": coherence(text, recall),
        "variety": variety(text),
        "stock_phrases": stock_phrases(text),
        "repetition": repetition(text),
        "completeness": completeness(text),
        "dialogue": dialogue(text, asked_dialogue(request)),
        "meta_talk": meta_talk(text, request),
    }
    numbers = form_numbers(text, request) | _meaning_numbers(text, request, found, recall)
    return Evidence(measures=measures, numbers=numbers, demands=found)


def _meaning_numbers(text: str, request: str, found: Sequence[Met], embed: Embed) -> dict[str, float]:
    beside = neighbours(text, embed)
    alike = [likeness for _, _, likeness in beside.pairs] or [0.0]
    near = [row.likeness for row in found] or [0.0]
    about, whole, *each = embed([request, text, *(read(text, span) for row in runs(text) for span in row)])
    return {
        "request_likeness": cosine(about, whole),
        "request_likeness_of_sentences": fmean(cosine(about, one) for one in each) if each else 0.0,
        "demand_likeness": fmean(near),
        "demand_likeness_least": min(near),
        "demands_met": fmean(row.value for row in found) if found else 0.0,
        "demands": float(len(found)),
        "neighbours": fmean(alike),
        "neighbours_least": min(alike),
        "neighbours_sd": pstdev(alike),
        "order": fmean(alike) - beside.overall if beside.pairs else 0.0,
    }
