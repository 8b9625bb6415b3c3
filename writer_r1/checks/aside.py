"""A draft as it comes -> the line to the user that announces it ("Sure, here's the story:"), told from the piece.

Only where it can hardly be the piece's own: "Okay, here's the thing:" and "Here is the letter that I found in his
coat:" open stories, too. What is not told here is marked by `talk.meta_talk`. The patterns are ours, after what small
instruction models put before a draft.
"""

import re

_YES = r"(?:sure(?: thing)?|certainly|absolutely|of course)\b[^\w\"“]+"
_AND = r"(?:ok|okay|great|gladly)\b[^\w\"“]+"
_LEAD = rf"[*_#\s]*(?:{_AND}|{_YES})*"
_GLADLY = r"i['’](?:d|ll) (?:be (?:happy|glad)|love) to\b[^\n.:!?]{0,100}"
_GLAD = rf"(?:{_GLADLY}[.!]\s+)"
_HERE = r"(?:here|below)(?:['’]s| is)\s(?:an?|the|your|one)\s"
_FEW = r"(?:[*_]*[\w’'-]+\s){0,3}?[*_]*"
_PIECE = (
    r"(?:story|poem|piece|text|draft|version|revision|rewrite|essay|scene|letter|email|article|paragraph|response"
    r"|account|monologue|dialogue|sonnet|haiku)\b"
)
_MADE = r"(?:revised|rewritten|updated|improved|edited|requested|polished|final|expanded|shortened|reworked)"
_ON = r"[^\n.:!?]{0,160}"  # the rest of one sentence
_TO_YOU = (
    r"\b(?:you (?:asked|requested|wanted)|your (?:request|prompt|instructions?|idea)|as requested|\d+[- ]words?)\b"
)
_ASSURED = rf"(?:(?=[*_#\s]*(?:{_AND})*{_YES}){_LEAD}{_GLAD}?|{_LEAD}{_GLAD})"
_ASIDE = re.compile(
    rf"(?:{_ASSURED}{_HERE}{_FEW}{_PIECE}(?!{_ON}\b(?:I|me|my)\b){_ON}"
    rf"|{_LEAD}{_GLAD}?{_HERE}(?:{_ON}{_TO_YOU}{_ON}|(?:possible|sample)\s{_FEW}{_PIECE}{_ON}|{_MADE}\s{_PIECE}))"
    r":[*_ \t]*\r?\n\s*(?:(?:-{3,}|\*{3,}|_{3,})[ \t]*\r?\n\s*)?",
    re.IGNORECASE,
)
_LED = re.compile(rf"{_LEAD}{_GLAD}?", re.IGNORECASE)
_MAY_BE = re.compile(rf"{_HERE}{_ON}:?[*_ \t\r]*\Z|{_GLADLY}[.!]?\Z", re.IGNORECASE)
_FIRST = (
    *("sure", "thing", "certainly", "absolutely", "of course", "okay", "great", "gladly"),
    *(f"i'{d} {glad} to" for d in ("d", "ll") for glad in ("be happy", "be glad", "love")),
    *(f"{here}{be} {a}" for here in ("here", "below") for be in ("'s", " is") for a in ("an", "the", "your", "one")),
)
_SIGN = re.compile(r"[^\s*_-]")
_LONGEST = 400  # characters after which nothing is an aside any more


def aside(text: str) -> str | None:
    """Return the line to the user that a draft begins with, with the space after it; empty where there is none.

    None where `text` is a beginning that does not tell yet.
    """
    found = _ASIDE.match(text)
    if found and _SIGN.search(text, found.end()):
        return found.group()
    led = _LED.match(text)
    line, _, rest = text[led.end() if led else 0 :].partition("\n")
    may = any(word.startswith(line.lower().replace("’", "'")) for word in _FIRST) or _MAY_BE.match(line)
    return None if may and len(text) < _LONGEST and not _SIGN.search(rest) else ""


def aside_of(reply: str) -> str:
    """Return the aside of a whole reply; that is all of it where nothing follows."""
    return (aside(reply) or aside(f"{reply}\n\n.") or "")[: len(reply)]
