"""Draft -> Measures: what can be told of a text without a model, each with where it shows and one sentence why.

Every value is in [0, 1], or None where the text does not allow a measurement (too short, another language, unclear).
These are measurements of form; none of them says whether the writing is good.
"""

from collections.abc import Callable, Sequence

from writer_r1.checks.shape import completeness, copied_share, is_looping, length_fit, repetition, size
from writer_r1.checks.text import Measure, Span, paragraphs, sentences, word_count
from writer_r1.checks.wording import language, must_include, must_not, person, tense
from writer_r1.facts import detect_language
from writer_r1.trajectory import Check, Fault

__all__ = [
    "Measure",
    "Similarity",
    "Span",
    "completeness",
    "copied_share",
    "detect_language",
    "faults",
    "is_looping",
    "language",
    "length_fit",
    "measure",
    "must_include",
    "must_not",
    "paragraphs",
    "person",
    "relevance",
    "repetition",
    "sentences",
    "size",
    "tense",
    "word_count",
]

Similarity = Callable[[str, Sequence[str]], Sequence[float]]

OFF_TOPIC, ON_TOPIC = 0.05, 0.45  # likeness that counts as 0 and as 1


def relevance(text: str, request: str, similarity: Similarity | None) -> Measure:
    """Return how near the text is to the request in meaning: 0 at a likeness of 0.05, 1 at 0.45, straight between.

    Source: the two ends are ours. Published stories and the requests written for them lie at 0.28 to 0.63, a story and
    the request for another at 0.24 on average. The likeness says nothing outside English, so there it is not used.
    """
    if not text.strip():
        return Measure(value=0.0, reason="There is no text.")
    if similarity is None:
        return Measure(value=None, reason="Not measured: the embedder is not loaded.")
    if {detect_language(text), detect_language(request)} - {"en", None}:
        return Measure(value=None, reason="Not measured: likeness of meaning can be measured in English only.")
    likeness = similarity(request, [text])[0]
    value = max(0.0, min(1.0, (likeness - OFF_TOPIC) / (ON_TOPIC - OFF_TOPIC)))
    told = "keeps to" if value >= 0.7 else "is loosely tied to" if value >= 0.3 else "is about something else than"
    return Measure(value=value, reason=f"The piece {told} the request (likeness {likeness:.2f}).")


def measure(check: Check, text: str, prompt: str, similarity: Similarity | None = None) -> Measure:
    """Return what `check` finds in `text`, written for `prompt`."""
    match check.type:
        case "length":
            return length_fit(text, check.low, check.high, check.unit)
        case "completeness":
            return completeness(text, check.value)
        case "repetition":
            return repetition(text)
        case "relevance":
            return relevance(text, prompt, similarity)
        case "must_include":
            return must_include(text, check.items, check.value)
        case "must_not":
            return must_not(text, check.items, letters=check.value == "letters")
        case "language":
            return language(text, check.value or "")
        case "person":
            return person(text, check.value or "")
        case "tense":
            return tense(text, check.value or "")


def faults(text: str, asked_language: str | None, truncated: bool) -> tuple[Fault, ...]:
    """Return what is wrong with a draft before anyone judges it; `truncated` says that the token limit cut it."""
    if not word_count(text):
        return ("empty",)
    found: list[Fault] = ["truncated"] if truncated else []
    if is_looping(text):
        found.append("looping")
    if asked_language:
        kept = language(text, asked_language).value
        if kept is not None and kept < 0.5:
            found.append("off-language")
    return tuple(found)
