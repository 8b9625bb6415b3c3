"""Evidence -> what a writer is told of it: two words for each measure that says something, the worst first."""

from collections.abc import Iterable

from writer_r1.checks.evidence import Evidence
from writer_r1.checks.text import Measure
from writer_r1.trajectory import CheckType, Note, Score

GOOD, BAD = 0.7, 0.3
QUOTED = 160  # characters
SAID = {  # of a measure: where it is good, middling, bad; empty where that is not worth a word
    "relevance": ("on topic", "loosely on topic", "off topic"),
    "coverage": ("has what was asked", "misses something asked", "misses most of what was asked"),
    "completeness": ("complete", "its end is weak", "breaks off"),
    "repetition": ("no repetition", "repeats itself", "repeats itself much"),
    "coherence": ("sentences hold together", "sentences hang loosely", "sentences hardly connect"),
    "variety": ("varied words", "", "few different words"),
    "stock_phrases": ("no worn phrases", "some worn phrases", "many worn phrases"),
    "dialogue": ("", "little dialogue", "no dialogue"),
    "meta_talk": ("", "talks about itself", "talks about itself"),
}
UNMET = {  # of what a request states outright
    "length": "not the length asked for",
    "person": "not in the person asked for",
    "tense": "not in the tense asked for",
    "language": "not in the language asked for",
    "must_include": "lacks words asked for",
    "must_not": "has words that were to be left out",
    "voice": "not in your voice",
}


def notes(text: str, found: Evidence, asked: Iterable[tuple[CheckType, Score]] = ()) -> tuple[Note, ...]:
    """Return what was found, the worst first; what could not be measured and what is not worth a word is left out.

    `asked` are the scores of what is measured because the request asks for it.
    """
    rows = [note for check, measure in found.measures.items() if (note := _note(check, measure, text))]
    missing = [note for check, score in asked if (note := _missing(check, score))]
    if missing:  # whatever else can be found, what was asked is not all there
        rows = [note for note in rows if note.check != "coverage" or note.value < GOOD]
    return tuple(sorted([*missing, *rows], key=lambda note: note.value))


def _missing(check: CheckType, score: Score) -> Note | None:
    if check not in UNMET or score.value is None or score.value >= GOOD:
        return None
    return Note(check=check, value=score.value, said=UNMET[check], reason=score.reason, quote=score.quote)


def _note(check: str, measure: Measure, text: str) -> Note | None:
    if measure.value is None:
        return None
    good, middling, bad = SAID[check]
    said = good if measure.value >= GOOD else middling if measure.value >= BAD else bad
    if not said:
        return None
    span = measure.spans[0] if measure.spans and measure.value < GOOD else None
    quote = text[slice(*span)][:QUOTED] if span else None
    return Note(check=check, value=measure.value, said=said, reason=measure.reason, quote=quote)
