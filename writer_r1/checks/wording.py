"""Draft -> Measures of its words: those it must have or not have, its language, its person and its tense.

Person and tense are counted in English narration only (speech is left out), and given up on where the count is unclear.
"""

import re
from collections.abc import Sequence

from writer_r1.checks.text import MAX_SPANS, Measure, Span, paragraphs, words
from writer_r1.facts.language import LANGUAGES, WORD, detect_language

MAX_PARAGRAPHS = 400  # whose language is told; a longer draft has drifted by then or will not

_SPEECH = re.compile(r"“[^”\n]{0,2000}”?|\"[^\"\n]{0,2000}\"?|(?<!\w)‘[^’\n]{0,400}’(?!\w)")
_FIRST = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "i'm", "i've", "i'd", "i'll"})
_SECOND = frozenset({"you", "your", "yours", "yourself", "you're", "you've", "you'd", "you'll"})
_THIRD = frozenset(
    {"he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their", "it", "its"}
)
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
    """Return the share of `items` the text has; `where` ("start", "end") also says at which end they must stand."""
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
    """Return the share of `items` the text keeps out; for letters, 1 less ten times the share of words with one."""
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
    """Return the share of the text that is in the language asked for, by paragraph; too short ones count as it."""
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
    """Return how far English narration is in the person asked for, or None where that is unclear."""
    found = _narration(text)
    first, second, third = (sum(w in group for w in found) for group in (_FIRST, _SECOND, _THIRD))
    if detect_language(text) != "en" or first + second + third < 5:
        return Measure(value=None, reason="Not measured: too few pronouns, or not in English.")
    per_hundred = 100 / len(found)
    rates = {"first": first * per_hundred / 1.5, "second": second * per_hundred / 1.5}
    rates["third"] = 1 - rates["first"] - rates["second"]
    value = max(0.0, min(1.0, rates.get(asked, 0.5)))
    counts = f"outside speech, {first} words in the first person, {second} in the second, {third} in the third"
    return _if_clear(value, counts)


def tense(text: str, asked: str) -> Measure:
    """Return how far English narration is in the tense asked for, or None where that is unclear."""
    found = _narration(text)
    past = sum(w in _VERB_SETS["past"] or _ends_like_past(w) for w in found)
    present, future = (sum(w in _VERB_SETS[name] for w in found) for name in ("present", "future"))
    total = past + present + future
    if detect_language(text) != "en" or total < 8:
        return Measure(value=None, reason="Not measured: too few verbs, or not in English.")
    shares = {"past": past / total, "present": present / total, "future": 2 * future / total}
    value = max(0.0, min(1.0, (shares.get(asked, 0.5) - 0.2) / 0.6))
    return _if_clear(value, f"outside speech, {past} verbs look past, {present} present, {future} future")


def _ends_like_past(word: str) -> bool:
    """Return whether a word is taken for a regular past verb: "walked", but not "hundred", "indeed" or "bed"."""
    if word.endswith("eed"):
        return word in _VERBS_IN_EED
    return len(word) > 4 and word.endswith("ed") and word not in _NO_VERBS


def _if_clear(value: float, counts: str) -> Measure:
    if 0.35 < value < 0.65:
        return Measure(value=None, reason=f"Unclear: {counts}.")
    return Measure(value=value, reason=f"{counts[0].upper()}{counts[1:]}.")


def _narration(text: str) -> list[str]:
    return words(_SPEECH.sub(" ", text).replace("’", "'"))
