"""Draft -> Measures of its words: those it must have or not have, its language, its person and its tense.

Person and tense are counted in English narration only (speech is left out), and given up on where the count is unclear.
"""

import re
from collections.abc import Mapping, Sequence

from writer_r1.checks.text import MAX_SPANS, Measure, Span, paragraphs
from writer_r1.facts.language import LANGUAGES, WORD, detect_language

MAX_PARAGRAPHS = 400  # whose language is told; a longer draft has drifted by then or will not
WELL = 0.7  # from here on no words are shown: a narrator who says "I" may meet a "he"

_SPEECH = re.compile(r"“[^”\n]{0,2000}”?|\"[^\"\n]{0,2000}\"?|(?<!\w)‘[^’\n]{0,400}’(?!\w)")
_FIRST = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "i'm", "i've", "i'd", "i'll"})
_SECOND = frozenset({"you", "your", "yours", "yourself", "you're", "you've", "you'd", "you'll"})
_THIRD = frozenset(
    {"he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their", "it", "its"}
)
_PERSONS = {"first": _FIRST, "second": _SECOND, "third": _THIRD}
_VERBS = {
    "past": (
        "was were had did said went came saw took made thought knew got felt found told left gave kept stood sat ran "
        "began heard held fell grew spoke wrote rose became brought"
    ),
    "present": (
        "is are am has have does do says goes comes sees takes makes thinks knows gets feels finds tells leaves gives "
        "keeps stands sits runs begins hears holds falls grows speaks writes rises becomes brings can turns looks asks"
    ),
    "future": "will shall won't i'll you'll he'll she'll they'll we'll it'll",
}
# "could" and "would" are in neither list: they stand in prose of any tense.
_NO_VERBS = frozenset(
    ["hundred", "kindred", "hatred", "sacred", "naked", "wicked", "wretched", "rugged", "crooked", "ragged", "jagged"]
)
_VERBS_IN_EED = frozenset({"agreed", "disagreed", "freed", "guaranteed", "decreed"})
_VERB_SETS = {name: frozenset(verbs.split()) for name, verbs in _VERBS.items()}


def must_include(text: str, items: Sequence[str], where: str | None = None) -> Measure:
    """Return the share of `items` the text has; `where` ("start", "end") also says at which end they must stand.

    Source: ours.
    """
    places = {item: standing(text, item) for item in items}
    if where:
        places = {item: [s for s in spans if _stands_at(text, s, where)] for item, spans in places.items()}
    missing = [item for item in items if not places[item]]
    spans = tuple(sorted(span for found in places.values() for span in found)[:MAX_SPANS])
    value = 1 - len(missing) / len(items) if items else None
    at = {"start": " at the start", "end": " at the end"}.get(where or "", "")
    if not items:
        return Measure(value=None, reason="Not measured: no words are named.")
    reason = f"Missing{at}: {_listed(missing)}." if missing else f"Everything asked for is there{at}."
    return Measure(value=value, spans=spans, reason=reason)


def must_not(text: str, items: Sequence[str], letters: bool = False) -> Measure:
    """Return the share of `items` the text keeps out; for letters, 1 less ten times the share of words with one.

    Source: ours.
    """
    if not text.strip() or not items:
        return Measure(value=None, reason="Not measured: there is no text or nothing to keep out.")
    if letters:
        banned = "".join(items).casefold()
        hits = [m.span() for m in WORD.finditer(text) if any(c in banned for c in m.group().casefold())]
        total = sum(1 for _ in WORD.finditer(text))
        value = max(0.0, 1 - 10 * len(hits) / total) if total else None
        reason = (
            f"{len(hits):,} of {total:,} words have a letter that should be left out."
            if hits
            else "No such letter is used."
        )
        return Measure(value=value, spans=tuple(hits[:MAX_SPANS]), reason=reason)
    places = {item: standing(text, item) for item in items}
    used = [item for item in items if places[item]]
    spans = tuple(sorted(span for found in places.values() for span in found)[:MAX_SPANS])
    reason = f"Used although it should be left out: {_listed(used)}." if used else "Nothing of it is used."
    return Measure(value=1 - len(used) / len(items), spans=spans, reason=reason)


def _listed(items: Sequence[str]) -> str:
    return ", ".join(f"“{item}”" for item in items)


def standing(text: str, item: str) -> list[Span]:
    """Return where a word in its plain forms, or a phrase as it stands, is in the text."""
    return [m.span() for m in re.finditer(_pattern(item), text, re.IGNORECASE)] if item.strip() else []


def _pattern(item: str) -> str:
    """Return a pattern for a word in its plain forms (dance, danced, dancing) or for a phrase as it stands."""
    item = item.strip()
    if re.fullmatch(r"[A-Za-z]{3,}", item):
        stem, last = re.escape(item[:-1]), item[-1].lower()
        if last == "e":
            body = rf"{stem}(?:e|es|ed|ing)"
        elif last == "y" and item[-2].lower() not in "aeiou":
            body = rf"{stem}(?:y|ies|ied|ying)"
        else:
            body = rf"{stem}{last}(?:(?:{last})?(?:ed|ing)|e?s)?"
    else:
        body = r"\s+".join(re.sub("['’]", "['’]", re.escape(part)) for part in item.split())
    before = r"(?<!\w)" if _stands_alone(item[0]) else ""
    after = r"(?!\w)" if _stands_alone(item[-1]) else ""
    return before + body + after


def _stands_alone(char: str) -> bool:
    # From Hebrew on, scripts join small words to others or have no spaces, so a word's edge says nothing there.
    return char.isalnum() and char < "\u0590"


def _stands_at(text: str, span: Span, where: str) -> bool:
    """Return whether no word lies between the span and that end of the text; a title line above it may."""
    if where == "end":
        return not WORD.search(text, span[1])
    if span[0] > 500:
        return False
    *above, line = text[: span[0]].split("\n")
    return not WORD.search(line) and sum(bool(WORD.search(row)) for row in above) <= 1


def language(text: str, asked: str) -> Measure:
    """Return the share of the text that is in the language asked for, by paragraph; too short ones count as it.

    Source: ours; what language a paragraph is in, `facts.language`.
    """
    whole = detect_language(text)
    rows = [(span, detect_language(text[slice(*span)])) for span in paragraphs(text)[:MAX_PARAGRAPHS]]
    if whole is None and not any(code for _, code in rows):
        return Measure(value=None, reason="Not measured: too little text to tell its language.")
    others = [(span, code) for span, code in rows if code not in (None, asked)]
    if whole not in (None, asked) and not others:  # paragraphs too short to tell alone
        others = [(span, whole) for span, _ in rows]
    wrong = sum(end - start for (start, end), _ in others)
    total = max(1, sum(end - start for (start, end), _ in rows))
    name = LANGUAGES.get(asked, asked)
    seen = ", ".join(dict.fromkeys(LANGUAGES.get(code or "", "another language") for _, code in others))
    reason = f"In {seen}, not in {name}, at least in part." if others else f"It is in {name}."
    return Measure(value=1 - wrong / total, spans=tuple(span for span, _ in others[:MAX_SPANS]), reason=reason)


def person(text: str, asked: str) -> Measure:
    """Return how far English narration is in the person asked for, or None where that is unclear.

    Source: ours. Three words in two hundred make a narrator; one who says "I" meets others, so the third is the rest.
    """
    found = _narration(text)
    counts = {name: sum(word in group for word, _ in found) for name, group in _PERSONS.items()}
    if detect_language(text) != "en" or sum(counts.values()) < 5:
        return Measure(value=None, reason="Not measured: too few pronouns, or not in English.")
    per_hundred = 100 / len(found)
    rates = {name: counts[name] * per_hundred / 1.5 for name in ("first", "second")}
    rates["third"] = 1 - rates["first"] - rates["second"]
    value = max(0.0, min(1.0, rates.get(asked, 0.5)))
    told = "{first} words in the first person, {second} in the second, {third} in the third".format(**counts)
    others = [span for word, span in found if _kind(word, _PERSONS) not in (None, asked)]
    return _if_clear(value, f"outside speech, {told}", others)


def tense(text: str, asked: str) -> Measure:
    """Return how far English narration is in the tense asked for, or None where that is unclear.

    Source: ours. Below a fifth of the verbs is nothing of it, from four fifths on all; a future is told half in others.
    """
    found = _narration(text)
    kinds = [(_kind(word, _VERB_SETS) or ("past" if _ends_like_past(word) else None), span) for word, span in found]
    past, present, future = (sum(kind == name for kind, _ in kinds) for name in _VERB_SETS)
    total = past + present + future
    if detect_language(text) != "en" or total < 8:
        return Measure(value=None, reason="Not measured: too few verbs, or not in English.")
    shares = {"past": past / total, "present": present / total, "future": 2 * future / total}
    value = max(0.0, min(1.0, (shares.get(asked, 0.5) - 0.2) / 0.6))
    counts = f"outside speech, {past} verbs look past, {present} present, {future} future"
    return _if_clear(value, counts, [span for kind, span in kinds if kind not in (None, asked)])


def _ends_like_past(word: str) -> bool:
    """Return whether a word is taken for a regular past verb: "walked", but not "hundred", "indeed" or "bed"."""
    if word.endswith("eed"):
        return word in _VERBS_IN_EED
    return len(word) > 4 and word.endswith("ed") and word not in _NO_VERBS


def _kind(word: str, groups: Mapping[str, frozenset[str]]) -> str | None:
    return next((name for name, group in groups.items() if word in group), None)


def _if_clear(value: float, counts: str, others: Sequence[Span]) -> Measure:
    if 0.35 < value < 0.65:
        return Measure(value=None, reason=f"Unclear: {counts}.")
    spans = tuple(others[:MAX_SPANS]) if value < WELL else ()
    return Measure(value=value, spans=spans, reason=f"{counts[0].upper()}{counts[1:]}.")


def _narration(text: str) -> list[tuple[str, Span]]:
    """Return the words outside speech in small letters, each with where it stands in the text."""
    silent = _SPEECH.sub(lambda m: " " * len(m.group()), text).replace("’", "'")
    return [(m.group().lower(), m.span()) for m in WORD.finditer(silent)]
