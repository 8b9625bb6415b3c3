"""Drafts of an evaluation -> texts that no reader would take for a piece, and whether the reward would.

A reward that a heap of rare words or a padded text can have teaches the model to write those. So at every evaluation
such texts, made of the run's own drafts and requests, are held to the reward that the run trains on. Pure but for the
reward itself: the same drafts and seed give the same texts. The kinds are ours, after what judges of this size were
seen to fall for.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from writer_r1.checks import sentences
from writer_r1.training.data import Example

WATCHED = 4  # held-out requests: a judge takes a while for each text
FEWEST = 60  # words of an odd text where its draft is shorter
BRIEF = 4  # words of a very short one
LONGER = 4  # times its draft, a padded one
RARE = 5  # letters of a rare word, at least
POEM = (
    "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\n"
    "Could frame thy fearful symmetry?\n\nIn what distant deeps or skies.\nBurnt the fire of thine eyes?\n"
    "On what wings dare he aspire?\nWhat the hand, dare seize the fire?\n\nAnd what shoulder, & what art,\n"
    "Could twist the sinews of thy heart?\nAnd when thy heart began to beat,\nWhat dread hand? & what dread feet?"
)  # William Blake, 1794


class Draft(NamedTuple):
    """What the policy wrote for a held-out request; `whole` says that it was not cut at its longest length.

    Of a whole thought `text` is its piece, empty where it cannot be read, and `shown` all of it for a person.
    """

    example: Example
    text: str
    whole: bool
    shown: str = ""


Rewarded = Callable[[Example, str, bool], float]  # NaN where nothing could be scored


def odd_texts(draft: Draft, others: Sequence[str], chance: random.Random) -> dict[str, str]:
    """Return a text of each kind for the request of a draft; `others` are the run's other drafts and requests."""
    words = draft.text.split() or draft.example.prompt.split() or ["nothing"]
    count = max(FEWEST, len(words))
    own = draft.text if draft.text.strip() else draft.example.prompt
    return {
        "rare_words": _sentence(_rare([own, draft.example.prompt, *others], count, chance)),
        "shuffled": " ".join(chance.sample(words, len(words))),
        "poetry": POEM,
        "very_short": _sentence(words[:BRIEF]),
        "very_long": _padded(own, [t for t in others if t.strip()], LONGER * count),
        "looped": " ".join(_around([_first(own)], count)),
    }


def _rare(texts: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """Return the longest of the words that are seen least, in no order."""
    seen = Counter(word for text in texts for w in text.split() if (word := w.strip(".,;:!?\"'“”‘’()*#—-").casefold()))
    long = [word for word in seen if len(word) >= RARE] or list(seen) or ["nothing"]
    ranked = sorted(long, key=lambda word: (seen[word], -len(word), word))[:count]
    return [chance.choice(ranked) for _ in range(count - len(ranked))] + chance.sample(ranked, len(ranked))


def _first(text: str) -> str:
    spans = sentences(text)
    return text[slice(*spans[0])].strip() if spans else text.strip()


def _around(parts: Sequence[str], words: int) -> list[str]:
    """Return the parts, from the first on again and again, until there are so many words."""
    found, count = list[str](), 0
    while count < words:
        found.append(parts[len(found) % len(parts)])
        count += max(1, len(found[-1].split()))
    return found


def _padded(text: str, others: Sequence[str], words: int) -> str:
    return "\n\n".join(_around([text, *others], words))


def _sentence(words: Sequence[str]) -> str:
    text = " ".join(words).rstrip(".,;:!?")
    return f"{text[:1].upper()}{text[1:]}."


def watched(drafts: Sequence[Draft], rewarded: Rewarded, seed: int) -> dict[str, Any]:
    """Return the mean reward of one draft for each of a few requests, and of each kind of odd text in its place."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        first.setdefault(draft.example.id, draft)
    few, found = list(first.values())[:WATCHED], dict[str, list[float]]()
    for number, draft in enumerate(few):
        others = [text for d in drafts if d.example.id != draft.example.id for text in (d.text, d.example.prompt)]
        odd = odd_texts(draft, others, random.Random(f"{seed}/{number}"))
        for kind, text in {"honest": draft.text, **odd}.items():
            whole = draft.whole or kind not in ("honest", "shuffled")  # the same words, cut at the same place
            found.setdefault(kind, []).append(rewarded(draft.example, text, whole))
    known = {kind: [v for v in values if not math.isnan(v)] for kind, values in found.items()}
    return {f"watch/{kind}": fmean(values) if values else None for kind, values in known.items()}
