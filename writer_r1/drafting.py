"""Request -> draft text: what the writing model is asked for, and its reply as it comes.

Training asks through here too, so that an adapter meets the prompt it was trained on. Broken output (empty, looping,
cut, off-language, copied) is caught while or after it is written and marked; it is never judged in silence.
"""

import re
import time
from collections.abc import Generator, Sequence
from typing import NamedTuple

from writer_r1.checks import copied_share, faults, is_looping, sentences, size
from writer_r1.checks.aside import aside, own, parted
from writer_r1.checks.talk import echoes
from writer_r1.events import DraftDelta, Drafted, Event, Status
from writer_r1.facts import TOLD, Facts, read_facts
from writer_r1.llm import LLM, Cancel, Finish, Request, Sampling
from writer_r1.prompts import render
from writer_r1.story import with_story
from writer_r1.thought_aloud import piece_of, shown_part
from writer_r1.trajectory import Fault, Lesson

DEFAULT_WORDS = 350  # when neither the request nor the user says how long
TOKENS = {"words": 1.5, "characters": 1.2, "lines": 16.0, "sentences": 40.0}  # a generous guess for each
TALK = re.compile(
    r"</?\w+>|\b(?:your request|the (?:original|revised|rewritten|new) (?:text|paragraph|draft|version)|as an ai\b|"
    r"I(?:['’]m| am) sorry, but I can(?:not|['’]t)|I can(?:not|['’]t) (?:assist|help) with|"
    r"here(?:['’]s| is) (?:the|a|your|my) (?:revised|rewritten|new|paragraph))",
    re.IGNORECASE,
)  # words about the task instead of the piece
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»」)]*(?:\s+|\Z)")
LINE_END = re.compile(r"\n")
ASKING = re.compile(
    r"\bI(?:['’]ll| will)? need (?:some |a bit )?more (?:information|details|context)|"
    r"\b(?:can|could|would) you (?:please )?(?:provide|share|give me|tell me|clarify)\b.{0,80}\b(?:more|details?|"
    r"information|context|draft|text|story)\b|\bplease (?:provide|share|clarify)\b|\bas an ai\b|"
    r"\bI(?:['’]m| am) sorry, but I can(?:not|['’]t)|"
    r"\bI(?: can(?:not|['’]t)|(?:['’]m| am) (?:unable|not able) to) (?:assist|help|comply|fulfil+|complete|meet|write|"
    r"create|generate|produce|provide)(?: you)?(?: with)? (?:(?:that|this|your|such an?) (?:\w+ )?(?:request|topic|"
    r"task|prompt)|(?:(?:such|this|that|any) )?(?:\w+ )?content)\b",
    re.IGNORECASE,
)  # a model that talks to its user, or refuses
SHOWN = 1800  # characters of a voice's sample that a draft is asked to follow; of one paragraph half of it
COPIED = 0.2  # share of new words in runs of the sample from which on it is copied, not followed
OPENING = 400  # characters in which it would
LOOK_EVERY = 200  # characters between two looks for a loop


class Writer(NamedTuple):
    llm: LLM
    cancel: Cancel
    facts: Facts
    seed: int = 0
    max_words: int | None = None
    voice: str = ""  # a sample of the user's own writing
    protected: tuple[str, ...] = ()  # passages that stay as they stand
    part: str = ""  # what the scene is called that is written, of a longer manuscript
    story: str = ""  # and what stands around it there, in short
    plan: str = ""  # of the writing model's own, for a draft


class Streamed(NamedTuple):
    """The piece of a reply; `ripe` where it was ended as long enough, `aside` what it said to its user first.

    `spoiled` where a tag of a thought stands in it: then the piece is what came before.
    """

    text: str
    finish: Finish
    ripe: bool = False
    aside: str = ""
    spoiled: bool = False


class Written(NamedTuple):
    text: str
    faults: tuple[Fault, ...]
    tokens: int
    cancelled: bool


def draft_request(
    prompt: str, lessons: Sequence[Lesson] = (), voice: str = "", facts: Facts | None = None, plan: str = ""
) -> Request:
    """Return the chat that asks for a first draft: the request, what it states outright said again, earlier lessons.

    With `voice`, a sample of the user's own writing, the piece is asked for in its manner. `facts` are those of the
    request that hold for what is written, by default all.
    """
    said = restated(facts or read_facts(prompt))
    hints = (f"\n\nYour plan for it: {plan}" if plan else "") + (f"\n\n{said}" if said else "")
    kept = [lesson.text for lesson in lessons if lesson.kind == "success"]
    hints += "\n\nWhat helped in earlier pieces:\n" + "\n".join(f"- {t}" for t in kept) if kept else ""
    if voice:
        return render("draft_in_voice", request=prompt, hints=hints, sample=beginning(voice)).request
    return render("draft", request=prompt, hints=hints).request


def beginning(sample: str, limit: int = SHOWN) -> str:
    """Return the whole sentences of a sample that fit the prompt, at least one."""
    ends = [end for _, end in sentences(sample)]
    return sample[: max((end for end in ends if end <= limit), default=min(ends[0], limit))]


def restated(facts: Facts) -> str:
    """Return what a request states outright, in words that small models follow; what stands last they heed most."""
    asked = [facts.length.label] if facts.length else []
    asked += [f"as a {facts.form.value}"] if facts.form else []
    rows = [f"Write {' '.join(asked)}, from beginning to end."] if asked else []
    rows += [TOLD[fact.value] for fact in (facts.person, facts.tense) if fact]
    for words, stated in (
        ("Use these words: {}.", facts.must_include),
        ("Do not use these words: {}.", facts.must_not),
        ("Begin with these words: {}.", (facts.opening,)),
        ("End with these words: {}.", (facts.ending,)),
    ):
        if literal := [f"“{fact.value}”" for fact in stated if fact and fact.literal]:
            rows.append(words.format(", ".join(literal)))
    return " ".join(rows)


def language_of(writer: Writer) -> str | None:
    """Return the language that the request states, if any."""
    return writer.facts.language.value if writer.facts.language else None


def reply_tokens(writer: Writer) -> int:
    """Return how many tokens a draft may take: a little more than the asked length, within the context."""
    tokens = (writer.max_words or DEFAULT_WORDS) * TOKENS["words"]
    if (asked := writer.facts.length) is not None and (most := asked.high or asked.low) is not None:
        wanted = most * TOKENS[asked.unit] * 1.25 + 48
        tokens = min(tokens, wanted) if writer.max_words is not None else wanted
    return int(min(max(tokens, 48), writer.llm.context_tokens // 2))


def write_draft(
    number: int, prompt: str, writer: Writer, lessons: Sequence[Lesson] = (), *, harder: bool = False
) -> Generator[Event, None, Written]:
    """Return a first draft, streamed; `harder` draws it with more pressure against repetition.

    A line that announces it ("Sure, here's the story:") is told apart and never shown as the piece, nor is a thought.
    """
    sampling = Sampling(
        max_tokens=reply_tokens(writer),
        temperature=0.8,
        repeat_penalty=1.18 if harder else 1.08,
        seed=writer.seed + number,
    )
    began = time.monotonic()
    request = draft_request(prompt, lessons, writer.voice, writer.facts, writer.plan)
    request = with_story(request, writer.part, writer.story)
    begun = stream(number, None, request, sampling, writer, until=writer.facts, asked=prompt)
    text, finish, stopped, said, spoiled = yield from begun
    whole, said = text.strip(), said.strip(" \n*_#-")
    found = list(faults(whole, language_of(writer), finish.reason != "stop"))
    found += ["stopped at length"] if stopped else []
    found += ["asks instead of writing"] if asks(whole) else []
    found += ["echoes the instructions"] if spoiled or only_repeats(whole, prompt, writer.facts) else []
    found += ["copied"] if writer.voice and copied_share(whole, writer.voice) > COPIED else []
    written = Written(whole, tuple(found), finish.tokens, finish.reason == "cancelled")
    seconds = time.monotonic() - began
    tokens = finish.tokens
    yield Drafted(attempt=number, text=whole, aside=said, faults=written.faults, tokens=tokens, seconds=seconds)
    return written


def asks(text: str) -> bool:
    """Return whether a text asks back or refuses; in a dialogue people do, too, but not where hardly more is said."""
    return bool(ASKING.search(text[:OPENING])) and len(text) < 1.5 * OPENING


def only_repeats(text: str, prompt: str, facts: Facts) -> bool:
    """Return whether a text is mostly the request in its own words, and not half as long as was asked for."""
    asked = facts.length
    if asked is None or asked.low is None or 2 * size(text, asked.unit) >= asked.low:
        return False
    return 2 * sum(end - start for start, end in echoes(text, prompt)) > len(text)


def ripe(text: str, fresh: int, facts: Facts) -> int | None:
    """Return where a draft may end: as long as asked, at a sentence end among its last `fresh` characters; else None.

    Small models write on to twice the length and are then cut in a sentence; better to stop them where one ends. A
    letter is given room for its close.
    """
    asked = facts.length
    if asked is None or asked.high is None:
        return None
    ends = LINE_END if asked.unit == "lines" else SENTENCE_END
    low = asked.low or round(asked.high * 0.9)
    signed = facts.form is not None and facts.form.value in ("letter", "email")
    for found in ends.finditer(text, max(0, len(text) - fresh - 3)):
        enough = asked.high * 1.1 if signed else low if "\n\n" in found.group() else (low + asked.high) / 2
        if size(text[: found.end()].strip(), asked.unit) >= enough:
            return found.end()
    return None


def stream(
    number: int,
    parent: int | None,
    request: Request,
    sampling: Sampling,
    writer: Writer,
    until: Facts | None = None,
    asked: str = "",
) -> Generator[Event, None, Streamed]:
    """Stream one reply as deltas; ended early when it runs in circles or, with `until`, when it is long enough.

    With `until` it is a draft, and what announces it is held back, unless `asked`, the request, has these words. A tag
    of a thought is never shown, nor what comes after it, but for the piece after a thought of which nothing was shown.
    """
    text, looked, first, sent, thinks = "", 0, 0, 0, False
    said = "" if until is None else None  # None: its first words do not tell yet
    stream = writer.llm.stream(request, sampling, writer.cancel)
    while True:
        try:
            delta = next(stream)
        except StopIteration as done:
            finish: Finish = done.value
            if said is None:  # what came is nothing else than an announcement, or short
                said, text = parted(text, asked)
            begin, end, _ = shown_part(text, asked, whole=True)
            if begin == first and end > sent:  # what was held back was no tag's beginning
                yield DraftDelta(attempt=number, text=text[sent:end], parent=parent)
            return _ended(text, finish, said, asked, until)
        except Exception:
            if said is None and text:
                yield DraftDelta(attempt=number, text=text, parent=parent)
            raise
        text += delta
        if said is None:
            if (said := aside(text)) is None:
                continue
            said, text = own(said, text, asked)
            delta = text
        begin, end, spoiled = shown_part(text, asked)
        unseen = not text[first:sent].strip()
        if begin > first and unseen:
            first = sent = begin
        if until is not None and unseen and spoiled is not thinks:
            thinks = spoiled
            yield Status(text="thinking" if thinks else "drafting")
        if begin == first and end > sent:
            yield DraftDelta(attempt=number, text=text[sent:end], parent=parent)
            sent = end
        if len(text) - looked >= LOOK_EVERY:
            looked = len(text)
            if is_looping(text):
                stream.close()
                return _ended(text, Finish("length", 0, writer.llm.count(f"{said}{text}")), said, asked, until)
        if until is None or spoiled:
            continue
        if (at := ripe(text[begin:], len(delta), until)) is not None:
            stream.close()
            finish = Finish("stop", 0, writer.llm.count(f"{said}{text[: begin + at]}"))
            return _ended(text[: begin + at], finish, said, asked, until)._replace(ripe=True)


def _ended(text: str, finish: Finish, said: str, asked: str, until: Facts | None) -> Streamed:
    """Return a reply that is at its end, without the thought it began with."""
    piece, spoiled = piece_of(text, asked)
    if until is not None and piece != text and not spoiled:  # a draft after a thought
        said, piece = parted(piece, asked)
    return Streamed(piece, finish, aside=said, spoiled=spoiled)
