"""A draft as it comes -> the line to the user that announces it ("Sure, here's the story:"), told from the piece.

Only where it can hardly be the piece's own: "Okay, here's the thing:" and "Here is the letter that I found in his
coat:" open stories, too. What is not told here is marked by `talk.meta_talk`. The patterns are ours, after what small
instruction models put before a draft.
"""

import re

_YES = r"(?:sure(?: thing)?|certainly|absolutely|of course)\b[^\w\"“]+"
_AND = r"(?:ok|okay|great|gladly)\b[^\w\"“]+"
_LEAD = rf"[*_#\s]*(?:{_AND}|{_YES})*"
_HELP = ("help", "assist", "write", "create", "share", "provide", "craft", "do that")
_OFFER = (
    rf"(?:i['’](?:d|ll) (?:be (?:happy|glad)|love) to (?:{'|'.join(_HELP)})\b[^\n.:!?]{{0,100}}"
    r"|i can help(?: you)? with (?:that|this))"
)
_GLAD = rf"(?:{_OFFER}[.!]\s+)"
_HERE = r"(?:here|below)(?:['’]s| is)\s(?:an?|the|your|one)\s"
_MINE = r"here(?:['’]s| is) my "
_THERE = r"here (?:it is|you go)"
_FEW = r"(?:[*_]*[\w’'-]+,?\s){0,4}?[*_]*"
_PIECE = (
    r"(?:story|poem|piece|text|draft|version|essay|scene|letter|email|article|paragraph|response|account|monologue"
    r"|dialogue|sonnet|haiku|tale|vignette|limerick|speech|fiction|passage|post)\b"
)
_ON = r"[^\n.:!?]{0,160}"  # the rest of one sentence
_END = r"[^\n.:!?]{0,60}"
_TO_YOU = (
    r"\b(?:you (?:asked for|requested|wanted)|as requested"
    r"|your (?:request|prompt|instructions?|idea|requirements|criteria))\b"
)
# Of whom stories tell: with these a line may be a narrator's, as "Here is the letter he left:" is.
_NARRATED = rf"(?!{_ON}\b(?:I|me|my|we|us|our|he|she|they)\b)"
_SPOKEN = rf"(?!{_ON}\b(?:him|his|her|them|their)\b)(?!{_ON},\s(?-i:[A-Z]))"
_ASIDE = re.compile(
    # "Sure, here's …", "I'd be happy to help. Here's …": said by a model, unless it goes on as people do
    rf"(?:(?:(?=[*_#\s]*(?:{_AND})*{_YES}){_LEAD}{_GLAD}?|{_LEAD}{_GLAD})"
    rf"(?:{_HERE}{_NARRATED}(?:{_FEW}{_PIECE}{_ON}|{_ON}(?:{_TO_YOU}|\b\d+[- ]words?\b){_END})"
    rf"|{_MINE}(?:attempt|take)\b{_ON}|{_THERE})"
    # "Okay, here's a story about …"; "Okay, here's the story" is a narrator's
    rf"|[*_#\s]*(?:{_AND})+here(?:['’]s| is)\san?\s{_NARRATED}{_FEW}{_PIECE}\s(?:about|of|in|for|that)\b{_ON}"
    # without such words, what can hardly be said to anyone else
    rf"|[*_#\s]*{_HERE}{_NARRATED}{_SPOKEN}{_FEW}{_PIECE}{_ON}{_TO_YOU}{_END}"
    rf"|[*_#\s]*{_HERE}(?:(?:possible|sample|\d+[- ]word)\s{_FEW}{_PIECE}{_ON}|requested\s{_PIECE}))"
    r":[*_ \t]*\r?\n\s*(?:(?:-{3,}|\*{3,}|_{3,})[ \t]*\r?\n\s*)?",
    re.IGNORECASE,
)
_LED = re.compile(rf"{_LEAD}{_GLAD}?", re.IGNORECASE)
_MAY_BE = re.compile(rf"(?:{_HERE}|{_MINE}|{_THERE})[^\n.:!?]{{0,300}}:?[*_ \t\r]*\Z|{_OFFER}[.!]?\Z", re.IGNORECASE)
_FIRST = (
    *("sure", "thing", "certainly", "absolutely", "of course", "okay", "great", "gladly", "here it is", "here you go"),
    *(f"i'{d} {glad} to {do}" for d in ("d", "ll") for glad in ("be happy", "be glad", "love") for do in _HELP),
    *(f"i can help{you} with {it}" for you in ("", " you") for it in ("that", "this")),
    *(f"here{be} my" for be in ("'s", " is")),
    *(f"{here}{be} {a}" for here in ("here", "below") for be in ("'s", " is") for a in ("an", "the", "your", "one")),
)
_SIGN = re.compile(r"[^\s*_-]")
_LONGEST = 400  # characters after which nothing is an aside any more


def aside(text: str) -> str | None:
    """Return the line to the user that a draft begins with, with the space after it; empty where there is none.

    None where `text` is a beginning that does not tell yet.
    """
    found = _ASIDE.match(text)
    if found and found.end() <= _LONGEST and _SIGN.search(text, found.end()):
        return found.group()
    led = _LED.match(text)
    line, _, rest = text[led.end() if led else 0 :].partition("\n")
    may = any(word.startswith(line.lower().replace("’", "'")) for word in _FIRST) or _MAY_BE.match(line)
    return None if may and len(text) <= _LONGEST and not _SIGN.search(rest) else ""


def parted(reply: str, request: str) -> tuple[str, str]:
    """Return the aside of a whole reply, which is all of it where nothing follows, and the piece.

    Words that the request has are the piece's own.
    """
    said = (aside(reply) or aside(f"{reply}\n\n.") or "")[: len(reply)]
    return own(said, reply, request)


def begun(reply: str, request: str, *, whole: bool) -> str:
    """Return what has come of the piece in a reply, nothing while its first words may be an aside."""
    said = aside(reply)
    if said is None:
        return parted(reply, request)[1] if whole else ""
    return own(said, reply, request)[1]


def own(said: str, reply: str, request: str) -> tuple[str, str]:
    """Return what was said, and the piece after it; nothing was said where the request has these words."""
    said = "" if _plain(said) in _plain(request) else said
    return said, reply[len(said) :]


def _plain(words: str) -> str:
    return " ".join(words.replace("’", "'").casefold().split()).strip("*_#-:. ")
