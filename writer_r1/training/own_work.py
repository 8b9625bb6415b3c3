"""The writer's own library -> what a model is trained on, by where it comes from, and what was left out and why.

Only what the writer kept, wrote or decided is taken; what a model wrote and nobody wanted is none of it. A paragraph
decided in a review is asked for as a paragraph, and left out where the whole piece with it is learned anyway.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from writer_r1.checks import word_count
from writer_r1.preferences import decided_paragraphs
from writer_r1.store import Piece, Store
from writer_r1.training.data import EVERY, FEWEST_WORDS, PARAGRAPH, Dropped, Example, Read, example_id, too_short
from writer_r1.trajectory import Rubric, name_key, prompt_id

Work = Literal["taken", "changed", "written", "reviewed", "blind"]
WORKS: tuple[Work, ...] = get_args(Work)
SOURCE: dict[Work, str] = {
    "taken": "a round you took over",
    "changed": "a round that you changed",
    "written": "your own words",
    "reviewed": "a paragraph as you decided it",
    "blind": "a text you preferred blind",
}
PIECES: tuple[Work, ...] = ("taken", "changed", "written")
NO_BRIEF = "no brief says what it was written for"
ENTANGLED = "another change of the same review reaches into it"


class Row(NamedTuple):
    """An example of a library, which kind of work it is, and why it cannot be used, where that is known already."""

    work: Work
    example: Example
    fault: str = ""


def own(store: Store, works: Collection[Work] = WORKS) -> Read:
    """Return what the writer kept, wrote or decided, of these kinds, and what could not be used.

    Of each piece and request it is the text that stood there last.

    Raises:
        StoreError: the library cannot be read.
    """
    found, dropped, seen = list[Example](), list[Dropped](), dict[str, str]()
    wholes = list[str]()
    for name, (work, example, fault) in _rows(store):
        if work not in works:
            continue
        words, key = word_count(example.text), name_key(example.text)
        if fault or not example.prompt.strip():
            why = fault or NO_BRIEF
        elif words < FEWEST_WORDS:
            why = too_short(words)
        elif key in seen:
            why = f"the same text as {seen[key]}"
        elif work == "reviewed" and any(key in whole for whole in wholes):
            why = "it stands in a piece that is learned whole"
        else:
            seen[key] = name
            wholes += [key] if work in PIECES else []
            found.append(example._replace(work=work))
            continue
        dropped.append(Dropped(f"{name}, {SOURCE[work]}", 0, why))
    return Read(tuple(found), tuple(dropped))


def counted(examples: Sequence[Example]) -> str:
    """Return how many rows each kind of work gives, in words; empty for rows that are none of the library's."""
    counts = Counter(e.work for e in examples)
    one = {"taken": "round you took over", "changed": "round that you changed", "written": "text of your own words"}
    many = {"taken": "rounds you took over", "changed": "rounds that you changed", "written": "texts of your own words"}
    one |= {"reviewed": "paragraph decided in a review", "blind": "text preferred blind"}
    many |= {"reviewed": "paragraphs decided in reviews", "blind": "texts preferred blind"}
    return ", ".join(f"{n} {(one if n == 1 else many)[work]}" for work in WORKS if (n := counts[work]))


def _rows(store: Store) -> Iterator[tuple[str, Row]]:
    """Yield each row with the name of what it comes from, whole pieces first."""
    pieces = store.pieces(EVERY)
    for piece in pieces:
        for row in _kept(store, piece):
            yield f"“{piece.title}”", row
    titles = {piece.id: piece.title for piece in pieces}
    for choice, text in decided_paragraphs(store.decisions()):
        title = titles.get(choice.piece_id, "")
        prompt = PARAGRAPH.format(prompt=choice.prompt.strip()) if choice.prompt.strip() else ""
        version = store.version(choice.piece_id, choice.revision)
        # Two changes may share words, such as one that spans paragraphs and one within the second of them.
        fault = "" if version is None or text in version.text else ENTANGLED
        yield f"“{title}”", _row("reviewed", prompt, text, title)._replace(fault=fault)
    for pair in store.blind_pairs():
        if pair.choice in ("base", "adapter"):
            text = pair.base_text if pair.choice == "base" else pair.adapter_text
            yield f"“{pair.adapter}” compared blind", _row("blind", pair.prompt, text, pair.adapter)


def _row(work: Work, prompt: str, text: str, title: str, rubric: Rubric | None = None) -> Row:
    text = text.strip()
    return Row(work, Example(example_id(prompt, text), prompt, text, rubric, f"“{title}”, {SOURCE[work]}"))


def _kept(store: Store, piece: Piece) -> Iterator[Row]:
    """Yield for each request of a piece the text that stood there last."""
    runs = [store.trajectory(run.id) for run in store.runs_of(piece.id)]
    rounds = {a.text.strip(): run.prompt for run in runs for a in run.attempts if a.by == "model"}
    rubrics = {r.prompt_id: r for r in [run.rubric for run in reversed(runs)] + [piece.rubric] if r}
    kept, made_for, taken = dict[str, Row](), dict[str, str](), False
    for version in reversed(store.versions(piece.id)):
        text = version.text.strip()
        prompt = rounds.get(text, version.brief.strip())
        # Where changes of a round were accepted one by one, the version says so and its text is no round's.
        taken = taken or text in rounds or bool(version.source and version.source.kind == "run")
        # A text's first request: one changed later has not been answered yet.
        first = made_for.setdefault(text, name_key(prompt)) if prompt else ""
        told = word_count(text) >= FEWEST_WORDS or first not in kept  # a page that was cleared is no last word
        if text and told and first == name_key(prompt):
            work: Work = "taken" if text in rounds else "changed" if taken else "written"
            kept[first] = _row(work, prompt, text, piece.title, rubrics.get(prompt_id(prompt)))
    if any(row.example.prompt for row in kept.values()):
        kept.pop("", None)  # as it stood before it had a brief
    yield from kept.values()
