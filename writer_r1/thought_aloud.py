"""A reply to which a thought belongs though a piece was asked for -> the piece, and never a tag of the thought.

Models that reason write `<think>…</think>` before they answer, or only its end where the chat template of their server
has begun it; one that was trained on thoughts may write them here, too. What comes after a thought is the piece, where
the thought is short enough to leave room for one. Other tags of a thought spoil what follows them. Tags that stand in
the writer's own words are words.
"""

import re

_NAMES = "think|thinking|plan|draft|reflection|revision"
_TAG = re.compile(rf"</?({_NAMES})(?:\s[a-z]+=[\"'][^\"'<>\n]{{0,40}}[\"'])*\s?/?>", re.IGNORECASE)
_BEGUN = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>\n]{{0,60}})?/?\Z|</?[a-z]{{0,10}}\Z", re.IGNORECASE)
_THINKS = ("think", "thinking")


def piece_of(reply: str, own: str) -> tuple[str, bool]:
    """Return the piece of a whole reply, and whether tags spoil it: then it is what stands before the first of them.

    `own` are the words that the reply may have a tag of: the request, and the text that is written on.
    """
    begin, end, spoiled = shown_part(reply, own, whole=True)
    return reply[begin:end], spoiled


def shown_part(reply: str, own: str, *, whole: bool = False) -> tuple[int, int, bool]:
    """Return where the piece begins in a reply so far, up to where it may be shown, and whether a tag stands there.

    What may be the beginning of a tag is not shown until the reply is `whole`. An end of a thought without a beginning
    is one where its line ends with it; else it is a tag like others.
    """
    mine = {m[1].lower() for m in _TAG.finditer(own)}
    begin, opened, spoiled_at = 0, False, None
    for tag in _TAG.finditer(reply):
        if (name := tag[1].lower()) in mine:
            continue
        if name in _THINKS and reply[tag.start() + 1] == "/" and (opened or re.match(r"[ \t]*\n", reply[tag.end() :])):
            rest = reply[tag.end() :]
            begin, spoiled_at = len(reply) - len(rest.lstrip()), None
            continue
        opened = opened or name in _THINKS
        spoiled_at = tag.start() if spoiled_at is None else spoiled_at
    if spoiled_at is not None:
        return begin, spoiled_at, True
    begun = None if whole else _BEGUN.search(reply, max(begin, len(reply) - 80))
    return begin, begun.start() if begun else len(reply), False
