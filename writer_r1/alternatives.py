"""(a passage, the piece's criteria) -> events, to the end: three texts for it, each judged where it would stand.

The passage as it stands is the first attempt and is judged like the others. All texts are written before any is
judged: they can be read at once, and what the model has read of the surroundings serves all three.
"""

from collections.abc import Iterator
from typing import NamedTuple

from writer_r1.checks import sentences, word_count
from writer_r1.drafting import Writer, Written
from writer_r1.errors import WriterError
from writer_r1.events import BY_USER, Drafted, Event, Finished, Marked, RubricReady, Started, Status, Stopped
from writer_r1.facts import read_facts, voice_of
from writer_r1.judge import Judge, evaluate
from writer_r1.loop import Team
from writer_r1.passage import Passage
from writer_r1.rewording import WAYS, Asked, write_passage
from writer_r1.trajectory import Attempt, CheckType, Rubric

MOST_WORDS = 300  # of a passage; more is a matter for a round
BEFORE, AFTER = 900, 500  # characters around a passage that are judged with it
ONWARD = ("One way on", "Another", "A third")
OF_A_PART: tuple[CheckType, ...] = ("must_not", "language", "person", "tense", "voice", "repetition")

NO_WORDS = "Mark some words first: a phrase, a sentence or a few."
NOTHING_BEFORE = "There is nothing before the caret to go on from; write a first sentence, or put the caret after one."
TOO_LONG = (
    f"The passage has {{count:,}} words, and {MOST_WORDS} are the most that other ways are written for; mark a part of "
    "it, or let a round revise the whole text."
)


class Wish(NamedTuple):
    """What the writer asked for. A passage without words is a place to go on from, in the `direction` if any."""

    trajectory_id: str
    prompt: str
    passage: Passage
    rubric: Rubric | None = None
    direction: str = ""
    seed: int = 0


def check(wish: Wish) -> None:
    """Return where the wish can be met.

    Raises:
        WriterError: nothing was marked, or too much.
    """
    passage = wish.passage
    if not passage.text and not passage.before.strip():
        raise WriterError(NOTHING_BEFORE)
    if passage.text and not word_count(passage.text):
        raise WriterError(NO_WORDS)
    if (count := word_count(passage.text)) > MOST_WORDS:
        raise WriterError(TOO_LONG.format(count=count))


def write_alternatives(wish: Wish, team: Team) -> Iterator[Event]:
    """Yield everything that happens until three texts are written and judged."""
    passage, rubric = wish.passage, part_of(wish.rubric, wish.passage)
    asked = WAYS if passage.text else tuple((name, wish.direction) for name in ONWARD)
    yield Marked(passage=passage, direction=wish.direction, ways=tuple(name for name, _ in asked))
    yield Started(prompt=wish.prompt, model=team.writer.name, judge=team.judge.name, seed=wish.seed)
    if rubric is not None:
        yield RubricReady(rubric=rubric)
    yield Drafted(attempt=1, by="user", text=passage.text)
    voice = voice_of(wish.rubric.criteria) if wish.rubric else ""
    writer = Writer(team.writer, team.cancel, read_facts(wish.prompt), wish.seed, voice=voice)
    texts = [Written(passage.text, (), 0, cancelled=False)]
    for number, (_, way) in enumerate(asked, 2):
        if team.cancel():
            break
        yield Status(text=f"writing text {number - 1} of {len(asked)}")
        others = tuple(one.text for one in texts[1:])
        texts.append((yield from write_passage(number, Asked(wish.prompt, passage, way, others), writer)))
    if rubric is not None and any(map(usable, texts[1:])):
        yield from _judged(wish, rubric, texts, team)
    if team.cancel():
        yield Stopped(why=BY_USER)
    yield Finished(trajectory_id=wish.trajectory_id, best_attempt=None, rounds=len(texts) - 1)


def _judged(wish: Wish, rubric: Rubric, texts: list[Written], team: Team) -> Iterator[Event]:
    judge = Judge(team.judge, team.similarity, team.cancel, team.readers)
    for number, written in enumerate(texts, 1):
        if team.cancel():
            return
        if number > 1 and not usable(written):
            continue
        yield Status(text="judging what stands" if number == 1 else f"judging text {number - 1} of {len(texts) - 1}")
        yield from evaluate(number, wish.prompt, placed(wish.passage, written.text), rubric, judge, reasons=False)


def usable(text: Written | Attempt) -> bool:
    """Return whether a text may be put into the manuscript: whole, and without fault."""
    return bool(text.text.strip()) and not text.faults


def whole(passage: Passage) -> bool:
    """Return whether what is judged with the passage is the whole piece."""
    return len(passage.before) <= BEFORE and len(passage.after) <= AFTER


def part_of(rubric: Rubric | None, passage: Passage) -> Rubric | None:
    """Return the criteria that the passage and its surroundings can be judged by, or None where there are none.

    Length, end and words that a piece must hold say nothing of a part of it.
    """
    if rubric is None or whole(passage):
        return rubric
    kept = tuple(c for c in rubric.criteria if c.check is None or c.check.type in OF_A_PART)
    return rubric.model_copy(update={"criteria": kept}) if kept else None


def placed(passage: Passage, text: str) -> str:
    """Return the text where it would stand: in the piece, or in whole sentences of what stands around the passage."""
    before, after = passage.before[-BEFORE:], passage.after[:AFTER]
    if len(passage.before) > BEFORE and (starts := [start for start, _ in sentences(before)][1:]):
        before = before[starts[0] :]
    if len(passage.after) > AFTER and (ends := [end for _, end in sentences(after)][:-1]):
        after = after[: ends[-1]]
    return before + text + after
