"""A manuscript, changes of it and protected passages -> the changes that may be made: those that alter none of them.

A change is judged by what it does to the passage's own bytes. It may stand beside one, and a paragraph may be written
anew around one that it keeps as it stands.
"""

from collections.abc import Iterable, Mapping, Sequence

from writer_r1.passage import Passage, Span, places
from writer_r1.proposals import Decision, Proposal, apply, chosen, proposals
from writer_r1.store import Piece, Store


def protected_spans(manuscript: str, passages: Iterable[Passage]) -> list[Span]:
    """Return where the protected passages stand, in order; those that overlap are one."""
    found: list[Span] = []
    for start, end in sorted(span for passage in passages for span in places(passage, manuscript)):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def alters(manuscript: str, change: Proposal, text: str, spans: Sequence[Span]) -> bool:
    """Return whether `text` in the place of a change would alter one of the protected `spans`."""
    at = 0
    for start, end in spans:
        if not (start < change.end and change.start < end):
            continue
        found = text.find(manuscript[start:end], at) if change.start <= start and end <= change.end else -1
        if found < 0:
            return True
        at = found + end - start
    return False


def guarded(manuscript: str, found: Iterable[Proposal], spans: Sequence[Span]) -> tuple[Proposal, ...]:
    """Return the proposals, those that would alter a protected passage marked so."""
    return tuple(p._replace(protected=alters(manuscript, p, p.new, spans)) if spans else p for p in found)


def allowed(
    manuscript: str, found: Iterable[Proposal], decisions: Mapping[str, Decision], spans: Sequence[Span]
) -> dict[str, Decision]:
    """Return the decisions without those that would alter a protected passage."""
    texts = {p.id: (p, chosen(p, decisions.get(p.id))) for p in found}
    refused = {i for i, (p, text) in texts.items() if text != p.old and alters(manuscript, p, text, spans)}
    return {i: decision for i, decision in decisions.items() if i not in refused}


def spans_in(store: Store, piece: Piece, part: Span | None = None) -> list[Span]:
    """Return where the protected passages of a piece stand in its manuscript, or in a part of that."""
    spans = protected_spans(piece.text, [kept.passage for kept in store.protected(piece.id)])
    return within(spans, part) if part else spans


def within(spans: Iterable[Span], part: Span) -> list[Span]:
    """Return where the protected spans stand in a part of the manuscript, told from where it begins."""
    start, end = part
    return [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and start < b]


def put_whole(manuscript: str, text: str, spans: Sequence[Span]) -> tuple[str, int]:
    """Return a round's text as it may stand in place of the manuscript, and how many of its changes were left out.

    Where nothing is protected there, or nothing of it is touched, that is the round letter for letter.
    """
    if not spans:
        return text, 0
    found = proposals(manuscript, text)
    every = dict.fromkeys((p.id for p in found), Decision("accept"))
    kept = allowed(manuscript, found, every, spans)
    return apply(manuscript, found, kept), len(every) - len(kept)
