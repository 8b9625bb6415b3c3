"""The known-order set -> ladders of texts whose order nobody has to be asked for: each step is the one above, spoiled.

A judge that cannot put these in order is not to be trusted with finer differences. The originals are the project's own;
all chance comes from the seed, so that two judges meet the same texts.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import NamedTuple

from writer_r1.checks import Span, paragraphs, sentences, word_count
from writer_r1.checks.text import words
from writer_r1.places import data
from writer_r1.trajectory import Noun

STEPS = {
    "dropped_requirements": ("one", "two", "three"),
    "shuffled_sentences": ("10 %", "30 %", "60 %"),
    "cut_tail": ("25 %", "50 %", "75 %"),
    "repeated_paragraph": ("once", "three times"),
    "foreign_sentences": ("one", "three"),
    "other_text": ("second half", "all of it"),
    "swapped_names": ("one name", "all names"),
}
"""What each ladder does to a text, and the names of its steps down from the honest text."""

MOVED = (10, 30, 60)  # per cent of the sentences
CUT = (25, 50, 75)  # per cent of the text
COPIES = (1, 3)
FOREIGN = (1, 3)
OF_DRAFTS = ("cut_tail", "repeated_paragraph", "foreign_sentences")
FULL = 20  # words of a paragraph; one with fewer may be a greeting, a heading or a signature
SHORTEST_MOVED = 4  # words; a greeting or a signature out of its place would give the game away
RARE_WORDS = words(
    "aglet alembic anfractuous apophthegm aureate autochthonous borborygmus brumal caliginous catafalque "
    "cerulean chatoyant chiaroscuro coruscating crepuscular cynosure defenestrate diaphanous effulgent eldritch "
    "empyrean escutcheon evanescent fuliginous furbelow gallimaufry gloaming gossamer haruspex hiemal hirsute "
    "ineluctable inchoate isochronal jeremiad katabatic lachrymose lambent limerence lucubration lugubrious "
    "marmoreal mellifluous moiety nacreous nescience noctilucent obsidian opalescent palimpsest penumbra petrichor "
    "phosphene psithurism quiddity quincunx refulgent sempiternal sesquipedalian susurrus tenebrous thaumaturge "
    "threnody ululation umbrageous vellichor vermilion verdigris vespertine xeric zephyr"
)
PADDING, ROUNDS = 4, 4  # so many paragraphs of others, so many times: about five times the honest length


class Original(Noun):
    """A request and an honest piece for it; the sentences `meets[i]` alone carry requirement i."""

    id: str
    form: str
    request: str
    requirements: tuple[str, ...]
    meets: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]  # single words that name a person, a beast or a place; the most used comes first
    text: str


class Drafted(Noun):
    """A request and what the standard model wrote for it: as the studio does, too hot, and from half of what was asked.

    Sound texts of our own are literary, and say little of how the drafts of one model differ among themselves.
    """

    id: str
    request: str
    requirements: tuple[str, ...]
    good: str
    hot: str
    half: str

    @property
    def original(self) -> Original:
        """Return the good draft as the top of ladders; what it must be told apart from are other drafts."""
        return Original(
            id=self.id,
            form=self.id,
            request=self.request,
            requirements=self.requirements,
            meets=(),
            names=(),
            text=self.good,
        )


class Pair(NamedTuple):
    """Two neighbouring steps of a ladder; `step` names the lower one."""

    ladder: str
    step: str
    better: str
    worse: str


@cache
def originals() -> tuple[Original, ...]:
    """Return the known-order set, as it is shipped."""
    rows = data("assets/known_order.jsonl").read_text("utf-8").splitlines()
    return tuple(Original.model_validate_json(row) for row in rows)


def taught() -> tuple[Original, ...]:
    """Return the six originals that calibrations learn from: more cost more minutes of reading than they teach."""
    return originals()[:12:2]


@cache
def drafted() -> tuple[Drafted, ...]:
    """Return the drafts that calibrations learn from beside `taught`; no judge is measured with them."""
    rows = data("assets/model_drafts.jsonl").read_text("utf-8").splitlines()
    return tuple(Drafted.model_validate_json(row) for row in rows)


@cache
def plain_drafts() -> dict[str, str]:
    """Return what the standard model wrote for some of the originals' requests, by their id; the original is better."""
    rows = data("assets/plain_drafts.jsonl").read_text("utf-8").splitlines()
    return {row["id"]: row["text"] for row in map(json.loads, rows)}


def unseen_originals() -> list[Original]:
    """Return the originals that no calibration has seen: judges are measured with these."""
    return [o for o in originals() if o not in taught() and o.id not in plain_drafts()]


def draft_pairs(draft: Drafted, seed: int) -> list[Pair]:
    """Return the good draft beside the two worse ones, and the steps of what spoils it: cut, repeated, foreign."""
    ladders = corruptions(draft.original, [d.original for d in drafted()], seed)
    found = [Pair("drafts", name, draft.good, worse) for name, worse in (("hot", draft.hot), ("half", draft.half))]
    return found + [pair for name in OF_DRAFTS for pair in _steps(name, ladders[name])]


def dropouts(original: Original) -> list[str]:
    """Return the text without the sentences of its first 0, 1, 2 and 3 requirements."""
    return [_without(original.text, {s for met in original.meets[:n] for s in met}) for n in range(4)]


def corruptions(original: Original, others: Sequence[Original], seed: int) -> dict[str, list[str]]:
    """Return every other ladder of `STEPS` by name, the honest text first in each.

    What has to be strange comes from `others`, which may hold the original too. An original with one name has one step
    of swapped names, one without names has no such ladder.
    """
    text, others = original.text, [o for o in others if o.id != original.id]
    found = {
        "shuffled_sentences": _shuffled(text, _chance(original, seed, "sentences")),
        "cut_tail": [text, *(_cut(text, percent) for percent in CUT)],
        "repeated_paragraph": _repeated(text, _chance(original, seed, "paragraph")),
        "foreign_sentences": _foreign(original, others, _chance(original, seed, "foreign")),
        "other_text": _replaced(original, others, _chance(original, seed, "other")),
        "swapped_names": _renamed(original, others, _chance(original, seed, "names")),
    }
    return {ladder: texts for ladder, texts in found.items() if len(texts) > 1}


def adversarial(original: Original, seed: int) -> dict[str, str]:
    """Return texts that try to please a judge without being any good, by name; none may beat the honest text."""
    others = [o for o in originals() if o.id != original.id]
    chance = _chance(original, seed, "adversarial")
    tokens = original.text.split()
    poem = chance.choice([o.text for o in others if o.form == "poem"])
    full = [o.text[a:b] for o in others for a, b in _full_paragraphs(o.text)]
    middle, (_, first_end) = _middle(original.text), sentences(original.text)[0]
    return {
        "rare_words": _salad(original, chance),
        "shuffled_words": " ".join(chance.sample(tokens, len(tokens))),
        "pasted_poetry": "\n\n".join([original.text[:middle].rstrip(), poem, original.text[middle:]]),
        "very_short": original.text[:first_end],
        "very_long": "\n\n".join([original.text, *chance.sample(full, PADDING) * ROUNDS]),
    }


def pairs(original: Original, others: Sequence[Original], seed: int) -> list[Pair]:
    """Return the neighbouring steps of all ladders of one original, from the top of each."""
    ladders = {"dropped_requirements": dropouts(original)} | corruptions(original, others, seed)
    return [pair for ladder, texts in ladders.items() for pair in _steps(ladder, texts)]


def _steps(ladder: str, texts: Sequence[str]) -> list[Pair]:
    rows = zip(STEPS[ladder], pairwise(texts), strict=False)
    return [Pair(ladder, step, better, worse) for step, (better, worse) in rows]


def _chance(original: Original, seed: int, what: str) -> Random:
    return Random(f"{seed} {original.id} {what}")  # one for each ladder: a change to one leaves the others as they are


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Return the sentences, and the white space before each of them."""
    spans = sentences(text)
    ends = [0, *(end for _, end in spans)]
    return [text[a:b] for a, b in spans], [text[end:a] for end, (a, _) in zip(ends, spans, strict=False)]


def _without(text: str, dropped: set[str]) -> str:
    kept, gap = "", ""
    for sentence, before in zip(*_parts(text), strict=True):
        gap = max(gap, before, key=lambda g: (g.count("\n"), len(g)))
        if sentence not in dropped:
            kept, gap = kept + (gap if kept else "") + sentence, ""
    return kept


def _middle(text: str) -> int:
    """Return where the sentence begins that opens the second half."""
    spans = sentences(text)
    return spans[len(spans) // 2][0]


def _full_paragraphs(text: str) -> list[Span]:
    return [(start, end) for start, end in paragraphs(text) if word_count(text[start:end]) >= FULL]


def _shuffled(text: str, chance: Random) -> list[str]:
    """Move more and more sentences, each step those of the one above too; white space stays where it is."""
    said, gaps = _parts(text)
    order = [i for i, sentence in enumerate(said) if word_count(sentence) >= SHORTEST_MOVED]
    chance.shuffle(order)
    # Neighbours that change places may still read well; the first two are a third of the text apart or more.
    far = next(i for i in order[1:] if abs(i - order[0]) >= len(said) // 3)
    order = [order[0], far, *(i for i in order[1:] if i != far)]
    rungs = [text]
    for percent in MOVED:
        places = order[: max(2, -(-len(order) * percent // 100))]
        moved = list(places)
        while any(a == b for a, b in zip(places, moved, strict=True)):
            chance.shuffle(moved)
        new = dict(zip(places, moved, strict=True))
        rungs.append("".join(gap + said[new.get(i, i)] for i, gap in enumerate(gaps)))
    return rungs


def _cut(text: str, percent: int) -> str:
    """Cut between two words, at least two words into a sentence and two before its end."""
    at = len(text) * (100 - percent) / 100
    inside = [
        start + word.end()
        for start, end in sentences(text)
        for word in list(re.finditer(r"\S+", text[start:end]))[1:-2]
    ]
    return text[: min(inside, key=lambda i: abs(i - at))]


def _repeated(text: str, chance: Random) -> list[str]:
    start, end = chance.choice(_full_paragraphs(text))
    return [text, *(text[:end] + f"\n\n{text[start:end]}" * copies + text[end:] for copies in COPIES)]


def _foreign(original: Original, others: Sequence[Original], chance: Random) -> list[str]:
    """Put sentences of a text of another form in place of some that are neither the first nor the last."""
    said, gaps = _parts(original.text)
    places = chance.sample([i for i in range(1, len(said) - 1) if word_count(said[i]) >= SHORTEST_MOVED], max(FOREIGN))
    other = chance.choice([o.text for o in others if o.form != original.form])
    whole = [s for s in _parts(other)[0] if word_count(s) >= SHORTEST_MOVED and s.endswith((".", "!", "?"))]
    strange = chance.sample(whole, max(FOREIGN))
    rungs = [original.text]
    for count in FOREIGN:
        new = dict(zip(places[:count], strange, strict=False))
        rungs.append("".join(gap + new.get(i, said[i]) for i, gap in enumerate(gaps)))
    return rungs


def _replaced(original: Original, others: Sequence[Original], chance: Random) -> list[str]:
    text = original.text
    other = chance.choice([o.text for o in others if o.form != original.form])
    return [text, text[: _middle(text)].rstrip() + "\n\n" + other[_middle(other) :], other]


def _renamed(original: Original, others: Sequence[Original], chance: Random) -> list[str]:
    strangers = {name for o in others for name in o.names} - set(re.findall(r"\w+", original.text))
    taken = chance.sample(sorted(strangers), len(original.names))
    rungs = [original.text]
    for name, stranger in zip(original.names, taken, strict=True):
        rungs.append(_swap(rungs[-1], name, stranger))
    return [*rungs[:2], *rungs[2:][-1:]]


def _swap(text: str, name: str, stranger: str) -> str:
    """Put `stranger` for the later half of the mentions of `name`."""
    found = list(re.finditer(rf"\b{re.escape(name)}\b", text))
    at = found[len(found) // 2].start()
    return text[:at] + re.sub(rf"\b{re.escape(name)}\b", stranger, text[at:])


def _salad(original: Original, chance: Random) -> str:
    """Return rare words in sentences as long as the original's."""
    lengths = [word_count(original.text[start:end]) for start, end in sentences(original.text)]
    return " ".join(" ".join(chance.choices(RARE_WORDS, k=n)).capitalize() + "." for n in lengths)
