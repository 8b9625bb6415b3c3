"""A manuscript's text -> its chapters and scenes, by where they stand in it; and a scene put back among the others.

The manuscript stays one text. Its headings begin chapters and, below those, scenes; scene breaks part scenes
(`manuscript.py` says what is one). A scene is its words alone, without its heading, the break or white space around it,
so whatever becomes of it the rest keeps every byte. The page's script reads the same (`ui/scenes.js`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import NamedTuple

from markdown_it import MarkdownIt

from writer_r1.facts.language import WORD
from writer_r1.manuscript import NO_XML, SCENE, printable

LINE = re.compile(r"\r\n|\r|\n")
ALIKE = 0.5  # share of word pairs in common from which on a changed scene is taken for the same
TELLING = 80  # characters that are hardly there twice by chance
APART = 0.2  # by how much it must be more alike than any other scene
Mark = tuple[int, int, int, str]  # where it begins and ends; the heading's level, 0 of a break; its words


class Scene(NamedTuple):
    """Where a scene stands in its manuscript; `chapter` and `number` within it from 1, `name` its own heading."""

    start: int
    end: int
    chapter: int
    number: int
    name: str = ""


class Chapter(NamedTuple):
    """A chapter and its scenes; `title` is empty before the first heading. Start and end hold its heading too."""

    title: str
    start: int
    end: int
    scenes: tuple[Scene, ...]


def chapters(text: str) -> list[Chapter]:
    """Return the chapters of a manuscript in their order; what has neither heading nor words is none."""
    marks = _marks(text)
    top = _chapter_level([level for _, _, level, _ in marks if level])
    found: list[Chapter] = []
    title, name, begun, at, scenes = "", "", 0, 0, list[Scene]()

    def close(end: int) -> None:
        if title or scenes:
            found.append(Chapter(title, begun, end, tuple(scenes)))

    for start, stop, level, words in [*marks, (len(text), len(text), 1, "")]:
        body = text[at:start]
        if printable(body).strip():
            first = at + len(body) - len(body.lstrip())
            number = len(found) + 1
            scenes.append(Scene(first, at + len(body.rstrip()), number, len(scenes) + 1, name))
            name = ""
        if level and (level <= top or start == len(text)):
            close(start)
            title, name, begun, scenes = words, "", start, []
        elif level:
            name = words
        at = stop
    return found


def scenes(text: str) -> list[Scene]:
    """Return the scenes of all chapters."""
    return [scene for chapter in chapters(text) for scene in chapter.scenes]


def label(made_of: Sequence[Chapter], scene: Scene) -> str:
    """Return what a scene is called: “Chapter 3, scene 2 of 4”."""
    chapter = made_of[scene.chapter - 1]
    title = chapter.title or ("Before the first heading" if len(made_of) > 1 else "")
    many = f"scene {scene.number} of {len(chapter.scenes)}" if len(chapter.scenes) > 1 else ""
    said = ", ".join(part for part in (title, scene.name or many) if part)
    return said[:1].upper() + said[1:] if said else "The whole text"


def find_scene(text: str, known: Sequence[str]) -> tuple[int, int] | None:
    """Return where a scene stands that held one of the `known` texts, the likeliest first; None where none is it.

    Found letter for letter, at line breaks of any kind, where that is in one place only, be it within a longer scene:
    what was written around it is then no part of it. Else as the one scene whose words are most like it.
    """
    there = scenes(text)
    for words in known:
        places = [m.span() for m in re.finditer(_pattern(words), text)] if words.strip() else []
        whole = [(s.start, s.end) for s in there if (s.start, s.end) in places]
        if len(whole or places) == 1 and (whole or len(words) >= TELLING):
            return (whole or places)[0]
        if len(whole) > 1:
            return None
    bags = [_pairs(text[s.start : s.end]) for s in there]
    wanted = [_pairs(words) for words in known if words.strip()]
    rows = sorted(((max((_likeness(b, w) for w in wanted), default=0.0), i) for i, b in enumerate(bags)), reverse=True)
    if not rows or rows[0][0] < ALIKE or (len(rows) > 1 and rows[0][0] - rows[1][0] < APART):
        return None
    best = there[rows[0][1]]
    return best.start, best.end


def joined(text: str, span: tuple[int, int], scene: str) -> str:
    """Return the manuscript with `scene` where that span was; all else is as it was.

    Its line breaks are those of the manuscript where that has but one kind.
    """
    start, end = span
    words = scene.strip()
    if set(LINE.findall(text)) == {"\r\n"}:
        words = LINE.sub("\r\n", words)
    return text[:start] + words + text[end:]


def _pattern(words: str) -> str:
    return r"(?:\r\n|\r|\n)".join(re.escape(line) for line in LINE.split(words.strip()))


def _pairs(text: str) -> Counter[tuple[str, str]]:
    """Return how often which word follows which: single words are much the same in all scenes of a book."""
    return Counter(pairwise(m.group().lower() for m in WORD.finditer(text)))


def _likeness(one: Counter[tuple[str, str]], two: Counter[tuple[str, str]]) -> float:
    """Return the share that two texts have in common, 0 to 1 (Dice)."""
    return 2 * (one & two).total() / ((one.total() + two.total()) or 1)


def _chapter_level(levels: Sequence[int]) -> int:
    """Return the highest level of heading that is there twice: a lone one above is the title of the whole."""
    count = Counter(levels)
    return min((level for level in count if count[level] > 1), default=min(count, default=6))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("zero").enable(["heading", "hr"]).disable(["inline"])


def _marks(text: str) -> list[Mark]:
    """Return the headings and scene breaks, in their order."""
    clean = printable(text)
    ends = [m.end() for m in LINE.finditer(clean)]
    starts = [0, *ends, len(clean)]
    at = _places(text) if len(clean) != len(text) else None
    found = list(_read(clean, starts))
    return found if at is None else [(at[a], at[b], level, words) for a, b, level, words in found]


def _read(text: str, starts: Sequence[int]) -> Iterator[Mark]:
    tokens = _parser().parse(text)
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.map is None or token.type not in ("hr", "heading_open", "paragraph_open"):
            continue
        first, last = (min(n, len(starts) - 1) for n in token.map)
        span = starts[first], starts[last]
        words = following.content.strip() if following is not None and token.type != "hr" else ""
        if token.type == "heading_open" and words:
            yield *span, int(token.tag[1]), words
        elif token.type != "paragraph_open" or SCENE.fullmatch(words):
            yield *span, 0, ""


def _places(text: str) -> list[int]:
    """Return where each character that XML allows stands, and where the text ends."""
    return [*(i for i, c in enumerate(text) if not NO_XML.match(c)), len(text)]
