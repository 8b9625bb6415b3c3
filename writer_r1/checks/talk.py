"""Draft -> what in it speaks to the user instead of being the piece: "Here is the revised ...", an echo of the request.

Patterns are tied to the place where such talk stands (the first lines, the last lines), so that people in a story may
say "Sure" and "Let me know". What a letter may close with is let be where a letter is asked for.
"""

import re

from writer_r1.checks.text import MAX_SPANS, Measure, Span, lines, shown
from writer_r1.facts.language import CJK, WORD

ECHO = 12  # words in a row; in Chinese and Japanese, 24 characters
MAX_REQUEST = 20_000  # characters of it that are looked for

_THING = r"(?:story|poem|piece|text|draft|version|revision|rewrite|essay|scene|letter|email|article|paragraph|response)"
_MADE = r"(?:revised|rewritten|updated|improved|edited|requested|polished|final|expanded|shortened|reworked)"
_START = r"[^\w\"“”‘«「]*"  # what opens with a quotation mark is said by someone
_OPENING = re.compile(
    rf"{_START}(?:(?:sure|certainly|absolutely|of course|okay|great|gladly)(?: thing)?\W+"
    rf"(?:here|below|i(?:['’]d|['’]ll|['’]ve)?)\b"
    rf"|(?:here|below)(?:['’]s| is| are)\b(?:[^\n]{{0,160}}:\W*\Z|[^.\n]{{0,60}}?\b{_MADE}\b"
    rf"|\s(?:an?|the|your|my)\s(?:[\w-]+\s){{0,3}}{_THING}\s(?:based on|for you|you (?:asked|requested)|as (?:you )?"
    rf"requested|that (?:meets|follows|incorporates)))"
    rf"|(?:the )?{_MADE}\s(?:and \w+ )?{_THING}\W*\Z"
    rf"|i['’](?:ve|m)\s(?:{_MADE}|written|happy to|glad to)\b|as requested\b|i hope this )",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"{_START}(?:this\s{_THING}\s(?:explores|captures|uses|follows|aims|meets|incorporates|keeps|maintains|adheres|"
    rf"includes|is (?:written|\d|about \d|approximately)|has been)\b"
    rf"|in this\s{_THING},?\s(?:i|we)\s|i(?:['’]ve| have)\s(?:kept|tried|aimed|made|added|{_MADE}|included|ensured)\b"
    rf"|(?:note|notes|word count|words|total words|changes made|revision notes|explanation)\s?:"
    rf"|would you like me to\b|i hope (?:this|that|you)\b[^.\n]{{0,40}}\b{_THING}\b)",
    re.IGNORECASE,
)
_CLOSING_ALSO_OF_LETTERS = re.compile(
    rf"{_START}(?:i hope (?:this|that) (?:helps|meets|works|captures|fits)\b"
    r"|(?:please )?let me know (?:if|what|how|whether)\b|(?:please )?feel free to\b"
    r"|if you(?:['’]d| would)? (?:like|need|want)\b[^.\n]{{0,60}}\b(?:me|changes?|adjust\w*)\b)",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    r"\bas an? (?:ai|language model)\b|\bas a large language model\b|\bI(?:['’]m| am) an AI\b"
    r"|\bI(?:['’]m| am) sorry, but I can(?:not|['’]t)\b|[\[(](?:word count|words):?\s*\d[^\])\n]{0,20}[\])]"
    r"|[\[(]end of (?:the )?(?:story|draft|text|poem|piece)[\])]",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\b(?:letter|e-?mail|memo|newsletter|message|reply|note|invitation)s?\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^“”\n]*”|「[^「」\n]*」")
_SENTENCE = re.compile(r"[^.!?\n]*[.!?:]*+")


def talk_places(text: str, request: str) -> list[Span]:
    """Return where the draft speaks about itself or to the user, or says the request again; in order and apart."""
    rows = lines(text)
    found: list[Span] = [m.span() for m in _ANYWHERE.finditer(text)]
    found += [row for row in rows[:2] if _OPENING.match(text[slice(*row)])]
    closings = [_CLOSING] if _LETTER.search(request) else [_CLOSING, _CLOSING_ALSO_OF_LETTERS]
    for row in rows[-3:]:
        found += [s for s in _sentences(text, row) if any(c.match(text[slice(*s)]) for c in closings)]
    return _apart(sorted(found + echoes(text, request)))


def _sentences(text: str, row: Span) -> list[Span]:
    found = [m.span() for m in _SENTENCE.finditer(text, *row) if m.group().strip()]
    return [(a + len(text[a:b]) - len(text[a:b].lstrip()), b) for a, b in found]


def _apart(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def echoes(text: str, request: str) -> list[Span]:
    """Return where twelve or more words in a row are the request's own; what it puts in quotation marks may be used."""
    given = [m.group().lower() for m in WORD.finditer(_QUOTED.sub(" \x00 ", request[:MAX_REQUEST]))]
    n = 2 * ECHO if given and re.match(f"[{CJK}]", given[0]) else ECHO
    runs = {tuple(given[i : i + n]) for i in range(len(given) - n + 1)}
    if not runs:
        return []
    places = [m.span() for m in WORD.finditer(text)]
    found = [text[start:end].lower() for start, end in places]
    at = [i for i in range(len(found) - n + 1) if tuple(found[i : i + n]) in runs]
    return _apart([(places[i][0], places[i + n - 1][1]) for i in at])


def meta_talk(text: str, request: str) -> Measure:
    """Return 1 where nothing is said to the user, 1/2 for one such place, 0 for two or more.

    Source: the patterns are ours, after what small instruction models put around a draft.
    """
    if not text.strip():
        return Measure(value=None, reason="There is no text.")
    spans = talk_places(text, request)
    if not spans:
        return Measure(value=1.0, reason="Every line belongs to the piece.")
    return Measure(
        value=max(0.0, 1 - len(spans) / 2),
        spans=tuple(spans[:MAX_SPANS]),
        reason=f"This speaks about the piece instead of being part of it: “{shown(text[slice(*spans[0])])}”.",
    )
