r"""A thought about a piece -> text with tags, and back: plan, draft, what was noticed and changed, the piece itself.

R2-Write trains on thoughts in which reflection and revision are parts of their own; how they are marked there is not
known to us, so these tags are ours (`docs/papers.md` 5). A revision names the paragraph that it replaces or follows, so
that a thought stays short and what it did to the text can be worked out and judged.

In the text form every `<` is a tag; one that belongs to the piece is written `\<`, so that no words, whoever typed
them, can pass for a tag. `parse` is total: it returns the thought or says why there is none.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationError, model_validator

from writer_r1.checks import paragraphs
from writer_r1.checks.text import parting, shown
from writer_r1.trajectory import Noun, Unit

TAGS = ("think", "plan", "draft", "reflection", "revision")
_NAMES = "|".join(TAGS)
TAG = re.compile(rf'(?<!\\)<(?:(/?)({_NAMES})(?: (paragraph|after)="([1-9]\d{{0,3}})")?>)?')
_LITERAL = re.compile(r"\\*<")
_WRITTEN = re.compile(r"\\(\\*<)")
_PLACES: dict[str, Literal["rewrite", "extend"]] = {"paragraph": "rewrite", "after": "extend"}


def _said(value: str) -> str:
    if not (stripped := value.strip()):
        raise ValueError("nothing stands in it")
    return stripped


Said = Annotated[str, AfterValidator(_said)]


class Change(Noun):
    """New words in the place of one paragraph, or after it; paragraphs are counted from 1 in the text before it."""

    paragraph: int = Field(ge=1)
    operation: Literal["rewrite", "extend"] = "rewrite"
    text: Said


class Segment(Noun):
    """What was noticed, and what was changed for it. `before` and `after` are the rewards of the whole text.

    `least` is the gain from which on the judge's ranges part; all three are None where nobody judged.
    """

    reflection: Said
    changes: tuple[Change, ...] = Field(min_length=1)
    before: Unit | None = None
    after: Unit | None = None
    least: float | None = None


class Trace(Noun):
    """One thought and the piece it ends in."""

    prompt: str
    plan: Annotated[str, AfterValidator(str.strip)] = ""
    draft: Said
    segments: tuple[Segment, ...] = ()
    final: Said

    @model_validator(mode="after")
    def _possible(self) -> "Trace":
        self.texts()
        return self

    def texts(self) -> list[str]:
        """Return the text as it stood at first and after each segment.

        Raises:
            ValueError: a revision is of a paragraph that is not there, or of one that has another.
        """
        found = [self.draft]
        for segment in self.segments:
            found.append(changed(found[-1], segment.changes))
        return found

    def unjudged(self) -> "Trace":
        """Return the thought without its scores, as its text form holds it."""
        bare = (s.model_copy(update={"before": None, "after": None, "least": None}) for s in self.segments)
        return self.model_copy(update={"segments": tuple(bare)})


class Refusal(NamedTuple):
    """Why a text is no thought, in words for a person; it holds no tag."""

    reason: str


def changed(text: str, changes: Sequence[Change]) -> str:
    """Return `text` with these changes, the other paragraphs byte for byte.

    Raises:
        ValueError: a paragraph is not there, or is changed twice; it may be rewritten and another follow it.
    """
    spans, out, end = paragraphs(text), "", 0
    fresh = {(change.paragraph, change.operation): change.text for change in changes}
    if len(fresh) < len(changes):
        raise ValueError("two revisions of one paragraph")
    if missing := [k for k, _ in fresh if k > len(spans)]:
        raise ValueError(f"a revision of paragraph {missing[0]}, and there are {len(spans)}")
    for k, (start, stop) in enumerate(spans, 1):
        out += text[end:start] + fresh.get((k, "rewrite"), text[start:stop])
        if (k, "extend") in fresh:
            out += parting(text) + fresh[k, "extend"]
        end = stop
    return out + text[end:]


def changes_between(old: str, new: str) -> tuple[Change, ...] | None:
    """Return the changes that make `new` of `old`; None where there is none, or paragraphs were taken out or moved."""
    before, after = ([text[a:b] for a, b in paragraphs(text)] for text in (old, new))
    found = list[Change]()
    for kind, i, i_end, j, j_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        count, fresh = i_end - i, after[j:j_end]
        if kind == "equal":
            continue
        if kind == "insert" and i:
            found.append(Change(paragraph=i, operation="extend", text="\n\n".join(fresh)))
        elif kind == "replace" and len(fresh) >= count:
            rows = [*fresh[: count - 1], "\n\n".join(fresh[count - 1 :])]
            found += [Change(paragraph=i + k, text=row) for k, row in enumerate(rows, 1)]
        else:
            return None
    if not found or len({c.paragraph for c in found}) < len(found):
        return None
    made = changed(old, found)
    return tuple(found) if [made[a:b] for a, b in paragraphs(made)] == after else None


def written(trace: Trace) -> str:
    """Return the text form of a thought: what a model is trained to write."""
    return "\n".join(_lines(trace))


def _lines(trace: Trace) -> Iterator[str]:
    yield "<think>"
    yield from _element("plan", trace.plan) if trace.plan else ()
    yield from _element("draft", trace.draft)
    for segment in trace.segments:
        yield from _element("reflection", segment.reflection)
        for change in segment.changes:
            place = "paragraph" if change.operation == "rewrite" else "after"
            yield from _element("revision", change.text, f' {place}="{change.paragraph}"')
    yield "</think>\n"
    yield _escaped(trace.final)


def _element(name: str, words: str, place: str = "") -> Iterator[str]:
    yield from (f"<{name}{place}>", _escaped(words), f"</{name}>")


def _escaped(words: str) -> str:
    return _LITERAL.sub(lambda mark: "\\" + mark[0], words)


def unescaped(words: str) -> str:
    """Return words of the text form as they were meant."""
    return _WRITTEN.sub(r"\1", words)


class NoTrace(Exception):
    """Why a text is no thought."""


class Tag(NamedTuple):
    """One tag; that of a revision says of which paragraph it is, or after which."""

    name: str
    closes: bool
    operation: Literal["rewrite", "extend"] | None = None
    paragraph: int = 0


def parse(text: str, prompt: str = "") -> Trace | Refusal:
    """Return the thought that a text is, as an answer to `prompt`, or why it is none; it never raises."""
    try:
        elements, final = _elements(text)
        return trace_of(elements, final, prompt)
    except NoTrace as why:
        return Refusal(str(why).replace("<", "‹"))
    except ValidationError as error:
        return Refusal(error.errors()[0]["msg"].removeprefix("Value error, "))
    except ValueError as why:  # of a paragraph that is not there
        return Refusal(str(why))


def parts(text: str) -> list[int]:
    """Return where the parts of a thought begin in its text form, which `parse` reads: each segment, then the piece.

    What comes before the first of them is plan and draft; the tag that ends the thought belongs to the piece.
    """
    begins = (("", "reflection"), ("/", "think"))
    return [mark.start() for mark in TAG.finditer(text) if (mark[1], mark[2]) in begins]


def _elements(text: str) -> tuple[list[tuple[Tag, str]], str]:
    """Return what stands in each pair of tags of the thought, and what comes after it."""
    found = list(TAG.finditer(text))
    tags = [tag_of(mark, text) for mark in found]
    edges = [0, *(edge for mark in found for edge in mark.span()), len(text)]
    words = [unescaped(text[a:b]) for a, b in list(pairwise(edges))[::2]]  # words[i] come before tags[i]
    if not tags or tags[0] != Tag("think", False):
        raise NoTrace("it does not begin with a thought" if tags else "there is no thought in it")
    elements, at = list[tuple[Tag, str]](), 1
    _nothing(words[0], "before the thought")
    while at < len(tags) and tags[at] != Tag("think", True):
        _nothing(words[at], "between the parts of the thought")
        elements.append((tags[at], _inside(tags, words, at)))
        at += 2
    if at >= len(tags):
        raise NoTrace("the thought is cut: it has no end")
    _nothing(words[at], "between the parts of the thought")
    if at < len(tags) - 1:
        raise NoTrace(f"a {tags[at + 1].name} after the end of the thought")
    return elements, words[-1]


def tag_of(mark: re.Match[str], text: str) -> Tag:
    """Return the tag that begins at a mark of `TAG` in `text`.

    Raises:
        NoTrace: it is none of a thought's.
    """
    closing, name, place, number = mark.groups()
    if name is None:
        name = text[mark.end() :].partition(">")[0].partition("<")[0].strip()
        raise NoTrace(f"a tag that is none of a thought's: “{shown(name, 20) or 'cut short'}”")
    if closing:
        return Tag(name, True)  # small models say the paragraph again here; as in HTML it means nothing
    if (place is not None) != (name == "revision"):
        raise NoTrace(f"a {name} that names a paragraph" if place else "a revision that names no paragraph")
    return Tag(name, False, _PLACES.get(place or ""), int(number or 0))


def _nothing(words: str, where: str) -> None:
    if words.strip():
        raise NoTrace(f"words {where}: “{shown(words, 20)}”")


def _inside(tags: Sequence[Tag], words: Sequence[str], at: int) -> str:
    opened = tags[at]
    if opened.closes:
        raise NoTrace(f"the end of a {opened.name} that did not begin")
    if opened.name == "think":
        raise NoTrace("a thought inside the thought")
    if at + 1 >= len(tags):
        raise NoTrace(f"the thought is cut in a {opened.name}")
    if not tags[at + 1].closes or tags[at + 1].name != opened.name:
        end = "the end of a" if tags[at + 1].closes else "a"
        raise NoTrace(f"{end} {tags[at + 1].name} inside a {opened.name}")
    if not words[at + 1].strip():
        raise NoTrace(f"nothing stands in a {opened.name}")
    return words[at + 1]


def trace_of(elements: Sequence[tuple[Tag, str]], final: str, prompt: str) -> Trace:
    """Return the thought that its parts make in their order: plan, draft, and reflections each with its revisions.

    Raises:
        NoTrace: they stand in another order, or one is missing.
        ValueError: a revision is of a paragraph that is not there.
    """
    rest = list(elements)
    plan = rest.pop(0)[1] if rest and rest[0][0].name == "plan" else ""
    if not rest or rest[0][0].name != "draft":
        raise NoTrace(f"a {rest[0][0].name} where the draft should be" if rest else "a thought without a draft")
    draft, segments = rest.pop(0)[1], list[tuple[str, list[Change]]]()
    for tag, words in rest:
        if tag.name == "reflection" and not (segments and not segments[-1][1]):
            segments.append((words, []))
        elif tag.name == "revision" and segments and tag.operation:
            segments[-1][1].append(Change(paragraph=tag.paragraph, operation=tag.operation, text=words))
        elif tag.name == "revision":
            raise NoTrace("a revision without a reflection")
        else:
            again = "reflection after another reflection" if tag.name == "reflection" else f"second {tag.name}"
            raise NoTrace(f"a {again}")
    if segments and not segments[-1][1]:
        raise NoTrace("a reflection without a revision")
    if not final.strip():
        raise NoTrace("no piece after the thought")
    text, made = draft, list[Segment]()
    for said, changes in segments:
        last = len(paragraphs(text))  # a revision of the one after it adds it: small models write on that way
        added = {"paragraph": last, "operation": "extend"}
        whole = [c.model_copy(update=added if c.paragraph == last + 1 else {}) for c in changes]
        made.append(Segment(reflection=said, changes=tuple(whole)))
        text = changed(text, whole)
    return Trace(prompt=prompt, plan=plan, draft=draft, segments=tuple(made), final=final)
