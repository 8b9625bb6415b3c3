"""What was decided in reviews, preferred blind, or scored by the writer -> pairs of texts to train a model on.

Of each change one pair: the paragraph with the words that its writer chose, and with those that they did not; around
the change it is as it was in the manuscript. Where one of the two is blank there is nothing to compare. Of two texts
that were compared blind, or that their writer scored differently on one criterion, the pair is the texts themselves.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypedDict

from writer_r1.proposals import Decision, Proposal
from writer_r1.store import BlindPair, Choice, Piece, ScoredPair, Store

AROUND = 2000  # characters on each side of a change, where a paragraph is longer
BLANK = re.compile(r"\r?\n[^\S\n]*\n")


class Review(NamedTuple):
    """What was asked for, what was reviewed (a source, as text), and the version that came of it."""

    prompt: str
    source: str
    revision: int


class Preference(TypedDict):
    """A line of a file to train on; `source` is what it comes from, in words."""

    prompt: str
    chosen: str
    rejected: str
    criterion: str
    source: str


def choices(piece: Piece, found: Iterable[Proposal], decisions: Mapping[str, Decision], review: Review) -> list[Choice]:
    """Return what was decided on these changes of the piece's text, each with its paragraph."""
    rows = []
    for one in found:
        if (decision := decisions.get(one.id)) is None:
            continue
        before, after = piece.text[max(0, one.start - AROUND) : one.start], piece.text[one.end : one.end + AROUND]
        criterion, reason = one.asked or ("", "")
        rows.append(
            Choice(
                piece_id=piece.id,
                source=review.source,
                change_id=one.id,
                revision=review.revision,
                prompt=review.prompt,
                criterion=criterion,
                reason=reason,
                verdict=decision.verdict,
                lead=BLANK.split(before)[-1],
                old=one.old,
                new=one.new,
                own=decision.text,
                trail=BLANK.split(after)[0],
            )
        )
    return rows


def preferences(chosen: Iterable[Choice]) -> Iterator[Preference]:
    """Yield a pair for each decision: what its writer chose, and what they did not."""
    for one in chosen:
        of_two = {"accept": (one.new, one.old), "reject": (one.old, one.new), "edit": (one.own, one.new)}
        better, worse = (f"{one.lead}{words}{one.trail}".strip() for words in of_two[one.verdict])
        yield from _told_apart(one.prompt, better, worse, one.criterion, f"review of {one.source}")


def decided_paragraphs(chosen: Iterable[Choice]) -> Iterator[tuple[Choice, str]]:
    """Yield each paragraph that was decided on, as it stands after all that was decided of it, with its first change.

    Changes of one paragraph are told by the words around them: before, in and after each they are the same.
    """
    together: dict[tuple[str, str, int, str], list[Choice]] = {}
    for one in chosen:
        whole = f"{one.lead}{one.old}{one.trail}"
        together.setdefault((one.piece_id, one.source, one.revision, whole), []).append(one)
    found: dict[tuple[str, str], tuple[Choice, str]] = {}
    for (piece, *_, text), changes in together.items():
        found.pop((piece, text.strip()), None)  # what an earlier review left was decided on again
        for one in sorted(changes, key=lambda one: len(one.lead), reverse=True):  # from its end, so that places hold
            start = len(one.lead)
            words = {"accept": one.new, "reject": one.old, "edit": one.own}[one.verdict]
            text = text[:start] + words + text[start + len(one.old) :]
        found[piece, text.strip()] = (changes[0], text.strip())
    yield from found.values()


def blind_preferences(pairs: Iterable[BlindPair]) -> Iterator[Preference]:
    """Yield a pair for each blind comparison in which one text was preferred."""
    for pair in pairs:
        both = {"adapter": (pair.adapter_text, pair.base_text), "base": (pair.base_text, pair.adapter_text)}
        better, worse = both.get(pair.choice, ("", ""))
        yield from _told_apart(pair.prompt, better, worse, "", f"blind comparison {pair.id}")


def scored_preferences(pairs: Iterable[ScoredPair]) -> Iterator[Preference]:
    """Yield a pair for each two texts of a run that their writer scored differently on one criterion."""
    for pair in pairs:
        source = f"own scores of run {pair.run_id}, text {pair.better} over {pair.worse}"
        texts = pair.better_text.strip(), pair.worse_text.strip()
        yield from _told_apart(pair.prompt, *texts, pair.criterion.name, source)


def _told_apart(prompt: str, better: str, worse: str, criterion: str, source: str) -> Iterator[Preference]:
    """Yield the pair, unless one of the two is blank or they are the same."""
    if better and worse and better != worse:
        yield Preference(prompt=prompt, chosen=better, rejected=worse, criterion=criterion, source=source)


def preference_lines(store: Store) -> str:
    """Return all pairs of a library as JSON lines.

    Raises:
        StoreError: the library cannot be read.
    """
    found = [
        *preferences(store.decisions()),
        *blind_preferences(store.blind_pairs()),
        *scored_preferences(store.scored_pairs()),
    ]
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in found)
