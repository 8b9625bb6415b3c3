"""A reply to which a thought belongs though a piece was asked for -> the piece, and never a tag of the thought.

Models that reason write `<think>…</think>` before they answer, or only its end where their chat template has begun it;
one that was trained on thoughts may write them here, too. What comes after a thought is the piece. Tags that are no
thought's end spoil what follows them. Those that stand in the writer's own words are words.
"""

import re

_NAMES = "think(?:ing)?|plan|draft|reflection|revision"
_TAG = re.compile(rf"</?(?:{_NAMES})\b[^<>\n]{{0,60}}>", re.IGNORECASE)
_END = re.compile(r"</think(?:ing)?>\s*", re.IGNORECASE)
_BEGUN = re.compile(rf"</?(?:{_NAMES})\b[^<>\n]{{0,60}}\Z|</?[a-z]{{0,10}}\Z", re.IGNORECASE)


def piece_of(reply: str, own: str) -> tuple[str, bool]:
    """Return the piece of a whole reply, and whether tags spoil it: then it is what stands before the first of them.

    `own` are the words that the reply may have a tag of: the request, and the text that is written on.
    """
    begin, end, spoiled = shown_part(reply, own)
    return reply[begin : end if spoiled else None], spoiled


def shown_part(reply: str, own: str) -> tuple[int, int, bool]:
    """Return where the piece begins in a reply so far, up to where it may be shown, and whether a tag stands there."""
    begin = max((m.end() for m in _END.finditer(reply) if m.group().strip() not in own), default=0)
    if (tag := next((m for m in _TAG.finditer(reply, begin) if m.group() not in own), None)) is not None:
        return begin, tag.start(), True
    begun = _BEGUN.search(reply, max(begin, len(reply) - 80))
    return begin, begun.start() if begun else len(reply), False
