"""The chapters around a scene -> in short, what the models are told of them: the story so far, and what comes after.

Each part before the scene is told in a few sentences, those after it in one, by the model that writes. Every summary is
kept under a hash of its part's words as soon as it is there, so a part is read once and again only when it changed.
What the models are told stays within an eighth of the context: the parts nearest to the scene say the most.
"""

import re
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import NamedTuple

from writer_r1.checks import is_looping, sentences
from writer_r1.events import Event, Retold, Status, Summary
from writer_r1.llm import LLM, Cancel, Message, Request, Sampling, complete
from writer_r1.prompts import prompt_hash, render
from writer_r1.scenes import Chapter, chapters
from writer_r1.store import Store
from writer_r1.trajectory import digest

SHARE = 8  # the part of a model's context that the story may take
READ_SHARE = 2  # and of it, what is read at once for a summary
TOKENS, LINE_TOKENS = 130, 60  # of a summary, and of one in a line
EDGE = 1_500  # characters from both ends of a part that is told in one line
BREAK = re.compile(r"\n\s*\n")

Retell = Callable[[Sequence["Rest"]], Generator[Event, None, str]]  # what is beside a scene -> the story


class Rest(NamedTuple):
    """A part of the manuscript beside the scene that is worked on."""

    title: str
    text: str
    after: bool = False


class Teller(NamedTuple):
    """Who reads, and where what was read is kept."""

    llm: LLM
    cancel: Cancel
    store: Store
    piece_id: str


def rest_of(text: str, span: tuple[int, int]) -> list[Rest]:
    """Return the parts of a manuscript beside this span, in order: its chapters, and what its own holds around it."""
    start, end = span
    found = list[Rest]()
    for chapter in chapters(text):
        name = chapter.title or "The beginning"
        if chapter.end <= start or chapter.start >= end:
            found.append(Rest(name, _words(text, chapter, chapter.start, chapter.end), chapter.start >= end))
            continue
        found.append(Rest(f"{name}, before this part", _words(text, chapter, chapter.start, start)))
        found.append(Rest(f"{name}, after this part", _words(text, chapter, end, chapter.end), after=True))
    return [part for part in found if part.text]


def _words(text: str, chapter: Chapter, start: int, end: int) -> str:
    """Return the scenes of a chapter that stand between two places, without headings."""
    inside = [(max(s.start, start), min(s.end, end)) for s in chapter.scenes]
    return "\n\n".join(text[a:b].strip() for a, b in inside if a < b and text[a:b].strip())


def retell(teller: Teller, rest: Sequence[Rest]) -> Generator[Event, None, str]:
    """Return the rest of the manuscript in short, read by the model where it was not yet; the nearest parts first.

    Stopped early, what was read so far is kept, and told.
    """
    parts = [piece for part in rest for piece in _readable(part, teller.llm)]
    keys = [_key(part, teller.llm) for part in parts]
    known = teller.store.summaries(teller.piece_id, keys)
    here = sum(not part.after for part in parts)
    missing = [i for i, key in enumerate(keys) if key not in known]
    missing.sort(key=lambda i: (parts[i].after, abs(i - here)))
    began = time.monotonic()
    for n, i in enumerate(missing):
        if teller.cancel():
            break
        left = (time.monotonic() - began) / n * (len(missing) - n) if n else 0.0
        yield Status(text=f"reading the rest, part {n + 1} of {len(missing)}{_minutes(left)}; it is kept for next time")
        if (said := _summary(parts[i], teller)) is not None:
            known[keys[i]] = said
            teller.store.keep_summary(teller.piece_id, keys[i], said)
    told = [
        Summary(title=part.title, text=known[key], after=part.after, key=key)
        for part, key in zip(parts, keys, strict=True)
        if known.get(key)
    ]
    if told:
        yield Retold(summaries=tuple(told))
    return fitted(told, partial(_tokens, teller.llm), teller.llm.context_tokens // SHARE)


def with_story(request: Request, label: str, story: str) -> Request:
    """Return a request that is told beforehand of the manuscript around the part it is about; as it was without any."""
    if not story:
        return request
    *before, last = request.messages
    told = render("story", label=label, story=story).request
    return request._replace(messages=(*before, *told.messages, Message("assistant", told.answer), last))


def fitted(told: Sequence[Summary], count: Callable[[str], int], most: int) -> str:
    """Return the summaries as lines, in order, within `most` tokens.

    Each gets its first sentence, then from the last before the scene backwards those before it get all of theirs. Where
    not even the first sentences fit, the farthest are left out.
    """
    lines = [_line(s, first=True) for s in told]
    near = sum(not s.after for s in told)
    order = sorted(range(len(told)), key=lambda i: (abs(i - near + 0.5), i))
    kept = set[int]()
    room = most
    for i in order:
        if (cost := count(lines[i])) <= room:
            kept.add(i)
            room -= cost
    for i in [i for i in order if i in kept and not told[i].after]:
        whole = _line(told[i], first=False)
        if (cost := count(whole) - count(lines[i])) > room:
            break
        lines[i], room = whole, room - cost
    rows = [lines[i] for i in sorted(kept) if not told[i].after]
    later = [lines[i] for i in sorted(kept) if told[i].after]
    return "\n".join([*rows, *(["What comes after:", *later] if later else [])])


def _line(summary: Summary, *, first: bool) -> str:
    said = " ".join(summary.text.split())
    if first and (ends := sentences(said)):
        said = said[: ends[0][1]]
    return f"{summary.title}: {said}"


def _tokens(llm: LLM, text: str) -> int:
    return llm.count(text) + 1  # the line break


def _readable(part: Rest, llm: LLM) -> list[Rest]:
    """Return a part in pieces that a model can read at once; one that is told in a line as its two ends."""
    if part.after:
        ends = f"{part.text[:EDGE]}\n[…]\n{part.text[-EDGE:]}" if len(part.text) > 2 * EDGE else part.text
        return [part._replace(text=ends)]
    count = -(-llm.count(part.text) // (llm.context_tokens // READ_SHARE))
    if count <= 1:
        return [part]
    size, at, cut = len(part.text) // count + 1, 0, list[str]()
    while at < len(part.text):
        end = at + size
        breaks = [m.start() for m in BREAK.finditer(part.text, at + size // 2, end)] if end < len(part.text) else []
        end = breaks[-1] if breaks else end
        cut.append(part.text[at:end].strip())
        at = end
    return [part._replace(title=f"{part.title} ({n})", text=words) for n, words in enumerate(cut, 1) if words]


def _key(part: Rest, llm: LLM) -> str:
    """Return what a summary is known by; the heading is no part of it, or one more chapter would rename them all."""
    return digest(prompt_hash("summary"), llm.name, str(part.after), part.text, length=24)


def _summary(part: Rest, teller: Teller) -> str | None:
    """Return what a part says in short, empty where the model made nothing of it; None where it was stopped."""
    length = "one short sentence" if part.after else "two to four short sentences"
    request = render("summary", part=part.text, length=length).request
    stop = ("\n",) if part.after else ("\n\n",)
    sampling = Sampling(LINE_TOKENS if part.after else TOKENS, temperature=0.0, repeat_penalty=1.05, stop=stop)
    text, finish = complete(teller.llm, request, sampling, teller.cancel)
    if finish.reason == "cancelled":
        return None
    said = text.strip()
    if finish.reason == "length":  # the last sentence is cut
        said = said[: max((end for _, end in sentences(said)[:-1]), default=0)]
    return "" if is_looping(said) else said


def _minutes(seconds: float) -> str:
    return f", about {max(1, round(seconds / 60))} min more" if seconds > 45 else ""
