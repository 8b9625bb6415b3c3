"""Draft -> Measures: what can be told of a text without a model, each with where it shows and one sentence why.

Every value is in [0, 1], or None where the text does not allow a measurement (too short, another language, unclear).
These are measurements of form; none of them says whether the writing is good.
"""

from writer_r1.checks.evidence import Evidence, evidence
from writer_r1.checks.meaning import Embed, Met, Similarity, coherence, coverage, met, relevance
from writer_r1.checks.notes import notes
from writer_r1.checks.requirements import asked_dialogue, requirements
from writer_r1.checks.shape import completeness, copied_share, is_looping, length_fit, repetition, size
from writer_r1.checks.style import dialogue, stock_phrases, variety
from writer_r1.checks.talk import meta_talk
from writer_r1.checks.text import Measure, Span, paragraphs, sentences, sentences_around, word_count
from writer_r1.checks.voice import voice
from writer_r1.checks.wording import language, must_include, must_not, person, tense
from writer_r1.facts import detect_language
from writer_r1.trajectory import Check, Fault

__all__ = [
    "Embed",
    "Evidence",
    "Measure",
    "Met",
    "Similarity",
    "Span",
    "asked_dialogue",
    "coherence",
    "completeness",
    "copied_share",
    "coverage",
    "detect_language",
    "dialogue",
    "evidence",
    "faults",
    "is_looping",
    "language",
    "length_fit",
    "measure",
    "meta_talk",
    "met",
    "must_include",
    "must_not",
    "notes",
    "paragraphs",
    "person",
    "relevance",
    "repetition",
    "requirements",
    "sentences",
    "sentences_around",
    "size",
    "stock_phrases",
    "tense",
    "variety",
    "voice",
    "word_count",
]


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
        case "voice":
            return voice(text, check.value or "")


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
