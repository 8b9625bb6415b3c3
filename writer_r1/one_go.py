"""A request -> one thought of the writing model, streamed and told as rounds: "Think in one go".

Where the loop asks for a draft, a reflection and a revision in turn, here the model does all of it in one reply
(`traces.py`), and the judge reads it afterwards: the draft, and the text after each revision. So what comes of it are
the same events, and everything that shows rounds shows a thought. Tags are taken off as the reply comes in; of a
thought that breaks off, what was whole is kept.
"""

import time
from collections.abc import Generator, Iterator
from typing import NamedTuple

from writer_r1.acceptance import accept, usable
from writer_r1.checks import copied_share, faults, is_looping, paragraphs, word_count
from writer_r1.checks.aside import begun, parted
from writer_r1.drafting import (
    COPIED,
    LOOK_EVERY,
    TALK,
    Writer,
    asks,
    beginning,
    language_of,
    only_repeats,
    reply_tokens,
    restated,
)
from writer_r1.events import (
    BY_USER,
    THOUGHT_BROKE_OFF,
    THOUGHT_OUT,
    Accepted,
    DraftDelta,
    Drafted,
    Event,
    Reflected,
    Rejected,
    Status,
    Stopped,
    Thought,
    ThoughtDelta,
)
from writer_r1.facts import read_facts
from writer_r1.judge import Judge, evaluate
from writer_r1.llm import Finish, Request, Sampling
from writer_r1.prompts import example, render
from writer_r1.traces import TAG, NoTrace, Refusal, Tag, Trace, parse, tag_of, trace_of, unescaped
from writer_r1.trajectory import Advice, Attempt, Evaluation, Fault, Reflection, Rubric

OPENS = "<think>\n"  # how the reply begins; see `is_thought`
LONGER = 4  # times a draft alone
STRAY = 160  # characters without a new word of any part, after which nothing of a thought comes any more
EXAMPLE = 6  # words from which on a text can be told to be the example's
DOING = {
    "plan": "planning",
    "draft": "drafting",
    "reflection": "reading it over",
    "revision": "revising",
    "piece": "writing the piece out",
}
PIECE = Tag("piece", False)  # what comes after the thought; no tag says so


class SoFar(NamedTuple):
    """A thought as far as it has come: its whole parts, and the one that is being written, if any, with its words.

    `spoiled` says that what comes after them can be no part of a thought any more.
    """

    whole: tuple[tuple[Tag, str], ...]
    tag: Tag | None
    words: str
    spoiled: bool = False

    @property
    def name(self) -> str:
        return self.tag.name if self.tag else ""


def think_request(prompt: str, writer: Writer | None = None) -> Request:
    """Return the chat that asks for a thought and the piece it ends in, as a draft is asked for."""
    said = restated(writer.facts if writer else read_facts(prompt))
    hints = f"\n\n{said}" if said else ""
    asked = render("think", request=prompt, hints=hints).request
    if not (writer and writer.voice):
        return asked
    spoken = render("draft_in_voice", request=prompt, hints=hints, sample=beginning(writer.voice)).request
    return asked._replace(messages=(*asked.messages[:-1], spoken.messages[-1]))  # after the example, as for a draft


def is_thought(text: str) -> bool:
    """Return whether a text that is learned from is a thought, or would be one."""
    return text.startswith(OPENS.rstrip())


def so_far(text: str) -> SoFar:
    """Return how far a thought has come; of what is no part of one, nothing."""
    whole, opened, at, spoiled = list[tuple[Tag, str]](), None, 0, False
    for mark in TAG.finditer(text):
        try:
            tag = tag_of(mark, text)
        except NoTrace:
            spoiled = True
            break
        if tag == Tag("think", True) and opened is None:
            return SoFar(tuple(whole), PIECE, _safe(text[mark.end() :]), TAG.search(text, mark.end()) is not None)
        if opened is None and not tag.closes and tag.name != "think":
            opened, at = tag, mark.end()
        elif opened is not None and tag.closes and tag.name == opened.name:
            whole.append((opened, unescaped(text[at : mark.start()])))
            opened = None
        elif opened is not None or tag != Tag("think", False):
            spoiled = True
            break
    return SoFar(tuple(whole), opened, _safe(text[at:]) if opened else "", spoiled)


def _safe(words: str) -> str:
    """Return the words up to what may be the beginning of a tag."""
    mark = TAG.search(words)
    return unescaped((words[: mark.start()] if mark else words).rstrip("\\")).strip()


def salvaged(text: str, prompt: str, *, ended: bool = False) -> Trace | None:
    """Return what there is of a thought that cannot be read, ending in its piece, or in the text it had come to.

    The piece counts where the reply `ended` by itself. Where not even the draft was ended, that is as much of it as was
    written; what stands before it, but for one plan, is left out.
    """
    now = so_far(text)
    piece = now.words if ended and now.tag == PIECE and not now.spoiled else ""
    at = next((k for k, (tag, _) in enumerate(now.whole) if tag.name == "draft"), len(now.whole))
    plans = [part for part in now.whole[:at] if part[0].name == "plan"][:1]
    parts = [*plans, *now.whole[at:]]
    for count in range(len(parts), 0, -1):
        try:
            found = trace_of(parts[:count], "…", prompt)
        except (NoTrace, ValueError):
            continue
        return found.model_copy(update={"final": piece or found.texts()[-1]})
    if draft := piece or (now.words if now.name == "draft" else ""):
        return Trace(prompt=prompt, plan=plans[0][1] if plans else "", draft=draft, final=draft)
    return None


def _parts(trace: Trace) -> int:  # how many a thought has that is written with all of it
    return bool(trace.plan) + 1 + sum(1 + len(segment.changes) for segment in trace.segments)


def think(prompt: str, rubric: Rubric, writer: Writer, judge: Judge) -> Generator[Event, None, None]:
    """Yield one thought as rounds, judged, and how it ended; of one that is stopped, the texts that it had come to."""
    began = time.monotonic()
    text, finish, error = yield from _streamed(prompt, writer)
    last = so_far(text)
    broke_off = Refusal("it runs in circles" if is_looping(last.words) else "it is longer than a thought may be")
    ended = finish.reason == "stop"
    found = parse(text, prompt) if ended else broke_off
    refused = found.reason if isinstance(found, Refusal) else ""
    trace = salvaged(text, prompt, ended=ended) if isinstance(found, Refusal) else found
    nothing_after = last.tag == PIECE and not last.words and not last.spoiled
    if trace and ended and nothing_after and len(last.whole) == _parts(trace):
        refused = ""  # it came to its end and left the piece to be worked out
    seconds = time.monotonic() - began
    # A second draft that is cut is none of the thought's.
    cut = bool(refused) and last.name == "draft" and all(tag.name != "draft" for tag, _ in last.whole)
    if error is not None:
        if trace:
            yield from _rounds(trace, rubric, writer, judge._replace(cancel=lambda: True), cut=cut)
        raise error
    stopped = judge.cancel()
    if not stopped:
        yield Thought(plan=trace.plan if trace else "", tokens=finish.tokens, seconds=seconds, refused=refused)
    if trace:
        yield from _rounds(trace, rubric, writer, judge, cut=cut)
    elif not stopped:
        yield Drafted(attempt=1, text="", faults=("empty",), tokens=finish.tokens, seconds=seconds)
        yield Rejected(attempt=1, why="not judged: empty")
    yield Stopped(why=BY_USER if judge.cancel() else THOUGHT_BROKE_OFF if refused else THOUGHT_OUT)


def _streamed(prompt: str, writer: Writer) -> Generator[Event, None, tuple[str, Finish, Exception | None]]:
    """Return the reply, and what broke it off if a fault did; its parts are shown as they are written, never a tag."""
    yield Status(text="thinking")
    request = think_request(prompt, writer)._replace(answer=OPENS)
    sampling = Sampling(
        max_tokens=min(LONGER * reply_tokens(writer) + 120, writer.llm.context_tokens // 2),
        temperature=0.8,
        repeat_penalty=1.05,
        seed=writer.seed,
    )
    stream, text, looked = writer.llm.stream(request, sampling, writer.cancel), OPENS, 0
    told: list[int] = []  # how many signs of each part
    seen, grown = (0, 0), len(text)
    while True:
        try:
            text += next(stream)
        except StopIteration as end:
            return text, end.value, None
        except Exception as error:  # raised again once what was whole is kept
            return text, Finish("cancelled", 0, 0), error
        now = so_far(text)
        if (far := (len(now.whole), len(now.words))) != seen or (now.tag is None and not now.spoiled):
            seen, grown = far, len(text)
        yield from _news(now, told, prompt)
        if len(text) - grown > STRAY:  # what comes is no part of a thought any more, and `parse` says why
            stream.close()
            return text, Finish("stop", 0, writer.llm.count(text)), None
        if len(text) - looked >= LOOK_EVERY:
            looked = len(text)
            if is_looping(now.words):
                stream.close()
                return text, Finish("length", 0, writer.llm.count(text)), None


def _news(now: SoFar, told: list[int], prompt: str) -> Iterator[Event]:
    """Yield what has come of each part since it was told, and keep in `told` how much that was."""
    parts = [*now.whole, *([(now.tag, now.words)] if now.tag else [])]
    announced = 0  # paragraphs of what is no part of the draft
    for number, (tag, words) in enumerate(parts, 1):
        if number > len(told):
            told.append(0)
            yield Status(text=DOING[tag.name])
        if tag.name in ("draft", "piece"):
            said, words = words, begun(words.strip(), prompt, whole=number <= len(now.whole))
            announced = len(paragraphs(said)) - len(paragraphs(words)) if tag.name == "draft" else announced
        fresh = words.strip()[told[number - 1] :]
        told[number - 1] += len(fresh)
        if not fresh:
            continue
        if tag.name != "draft":
            place = {"paragraph": _counted(tag.paragraph, announced), "operation": tag.operation or "rewrite"}
            yield ThoughtDelta.model_validate({"part": number, "name": tag.name, "text": fresh} | place)
        elif all(t.name != "draft" for t, _ in parts[: number - 1]):  # a second one is none of a thought's
            yield DraftDelta(attempt=1, text=fresh)


def _counted(paragraph: int, announced: int) -> int:
    """Return the number of a paragraph without those that only `announced` the text; 0 where there is none."""
    return paragraph and max(1, paragraph - announced)


def _rounds(trace: Trace, rubric: Rubric, writer: Writer, judge: Judge, *, cut: bool) -> Iterator[Event]:
    """Yield the draft and the text after each segment as attempts, each judged; and the piece, where it is another.

    After a stop they come as they stand, so that none is lost, and are not judged. What announces one is no part of it.
    """
    best: Attempt | None = None
    asides, texts = zip(*(parted(text, trace.prompt) for text in (*trace.texts(), trace.final)), strict=True)
    if texts[-1].split() == texts[-2].split():
        texts = texts[:-1]
    for number, text in enumerate(texts, 1):
        said = asides[number - 1].strip(" \n*_#-") if number == 1 or not asides[number - 2] else ""
        announced = len(paragraphs(asides[number - 2])) if number > 1 else 0
        reflection = _reflection(trace, number, announced) if number > 1 else None
        parent = number - 1 or None
        if reflection:
            yield Reflected(attempt=number, reflection=reflection)
        found = _faults(text, texts[number - 2] if number > 1 else "", trace.prompt, writer, cut=cut)
        tokens = writer.llm.count(text)
        yield Drafted(attempt=number, parent=parent, text=text, aside=said, faults=found, tokens=tokens)
        attempt = Attempt(number=number, parent=parent, text=text, complete=True, faults=found, reflection=reflection)
        if judge.cancel():
            continue
        evaluation: Evaluation | None = None
        if usable(attempt):
            yield Status(text="judging")
            evaluation = yield from evaluate(number, trace.prompt, text, rubric, judge, reasons=False)
            if judge.cancel() and (evaluation is None or evaluation.reward is None):
                continue
        attempt = attempt.model_copy(update={"evaluation": evaluation})
        verdict = accept(rubric, best, attempt)
        yield (Accepted if verdict.accepted else Rejected)(attempt=number, why=verdict.why)
        best = attempt if verdict.accepted else best


def _faults(text: str, before: str, prompt: str, writer: Writer, *, cut: bool) -> tuple[Fault, ...]:
    """Return what is wrong with a text of a thought; words about the task count where a revision brought them in.

    In a draft they do where it opens with them: further on they may be somebody's in the piece.
    """
    found = list(faults(text, language_of(writer), cut))
    found += ["asks instead of writing"] if asks(text) else []
    found += ["copied"] if writer.voice and copied_share(text, writer.voice) > COPIED else []
    shown = word_count(text) > EXAMPLE and copied_share(text, example("think")) > COPIED
    talk = TALK.search(text) and not TALK.search(before) if before else TALK.match(text.lstrip())
    found += ["echoes the instructions"] if shown or talk or only_repeats(text, prompt, writer.facts) else []
    return tuple(found)


def _reflection(trace: Trace, number: int, announced: int) -> Reflection | None:
    """Return what led to attempt `number`; None for a piece that says more than its revisions did."""
    if number - 2 >= len(trace.segments):
        return None
    segment = trace.segments[number - 2]
    advice = tuple(
        Advice(criterion_id="", paragraph=at, operation=c.operation, fault="", edit=segment.reflection)
        for c in segment.changes
        if (at := _counted(c.paragraph, announced))
    )
    return Reflection(on_attempt=number - 1, advice=advice)
