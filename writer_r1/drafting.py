"""Request -> draft text: the only place that words what the writing model is asked for.

Training asks through here too, so that an adapter meets the prompt it was trained on. Broken output (empty, looping,
cut, off-language, copied) is caught while or after it is written and marked; it is never judged in silence.
"""

import re
import time
from collections.abc import Generator, Sequence
from typing import NamedTuple

from writer_r1.checks import copied_share, faults, is_looping, paragraphs, sentences, size, word_count
from writer_r1.events import DraftDelta, Drafted, Event
from writer_r1.facts import TOLD, Facts, read_facts
from writer_r1.llm import LLM, Cancel, Finish, Request, Sampling
from writer_r1.prompts import example, render
from writer_r1.story import with_story
from writer_r1.trajectory import Advice, Fault, Lesson

DEFAULT_WORDS = 350  # when neither the request nor the user says how long
TOKENS = {"words": 1.5, "characters": 1.2, "lines": 16.0, "sentences": 40.0}  # a generous guess for each
TALK = re.compile(
    r"</?\w+>|\b(?:your request|the (?:original|revised|rewritten|new) (?:text|paragraph|draft|version)|as an ai\b|"
    r"I(?:'m| am) sorry, but I can(?:not|'t)|I can(?:not|'t) (?:assist|help) with|"
    r"here(?:'s| is) (?:the|a|your|my) (?:revised|rewritten|new|paragraph))",
    re.IGNORECASE,
)  # words about the task instead of the piece
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»」)]*(?:\s+|\Z)")
LINE_END = re.compile(r"\n")
ASKING = re.compile(
    r"\bI(?:'ll| will)? need (?:some |a bit )?more (?:information|details|context)|"
    r"\b(?:can|could|would) you (?:please )?(?:provide|share|give me|tell me|clarify)\b.{0,80}\b(?:more|details?|"
    r"information|context|draft|text|story)\b|\bplease (?:provide|share|clarify)\b|\bas an ai\b|"
    r"\bI(?:'m| am) sorry, but I can(?:not|'t)",
    re.IGNORECASE,
)  # a model that talks to its user
KEEP = "Keep these words in it exactly as they are:"
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


def _language(writer: Writer) -> str | None:
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
    """Return a first draft, streamed; `harder` draws it with more pressure against repetition."""
    sampling = Sampling(
        max_tokens=reply_tokens(writer),
        temperature=0.8,
        repeat_penalty=1.18 if harder else 1.08,
        seed=writer.seed + number,
    )
    began = time.monotonic()
    request = draft_request(prompt, lessons, writer.voice, writer.facts, writer.plan)
    request = with_story(request, writer.part, writer.story)
    text, finish, stopped = yield from stream(number, None, request, sampling, writer, until=writer.facts)
    whole = text.strip()
    found = list(faults(whole, _language(writer), finish.reason != "stop"))
    found += ["stopped at length"] if stopped else []
    # In a dialogue people say such things too, but not where hardly anything else is said.
    found += ["asks instead of writing"] if ASKING.search(whole[:OPENING]) and len(whole) < 1.5 * OPENING else []
    found += ["echoes the instructions"] if whole.startswith("<think>") else []  # a thought where a piece was asked
    found += ["copied"] if writer.voice and copied_share(whole, writer.voice) > COPIED else []
    written = Written(whole, tuple(found), finish.tokens, finish.reason == "cancelled")
    seconds = time.monotonic() - began
    yield Drafted(attempt=number, text=whole, faults=written.faults, tokens=finish.tokens, seconds=seconds)
    return written


def revise_draft(
    number: int, parent: int, prompt: str, text: str, advice: Sequence[Advice], writer: Writer
) -> Generator[Event, None, Written]:
    """Return `text` with each advised paragraph written anew or one added; the others stay as they are, byte for byte.

    Small models copy or loop when they rewrite a whole text, so each call sees one paragraph and one change.
    """
    spans = paragraphs(text)
    by_paragraph = {a.paragraph: a for a in reversed(advice) if 1 <= a.paragraph <= len(spans)}
    began, out, end, tokens, found, cancelled = time.monotonic(), "", 0, 0, list[Fault](), False
    for k, (start, stop) in enumerate(spans, 1):
        gap, old, change = text[end:start], text[start:stop], None if cancelled else by_paragraph.get(k)
        stays = protected_in(old, writer.protected)
        if change and change.operation == "rewrite" and old.strip() in stays:
            change = None  # nothing of it may change
        end, lead = stop, "\n\n" if change and change.operation == "extend" else ""
        kept = gap + old if change is None or lead else gap
        out += kept
        yield DraftDelta(attempt=number, text=kept + lead, parent=parent)
        if change is None:
            continue
        request = change_request(prompt, out, old, change, writer.voice, stays)
        request = with_story(request, writer.part, writer.story)
        new, finish, _ = yield from stream(number, parent, request, _change_sampling(old, change, writer), writer)
        tokens, cancelled = tokens + finish.tokens, finish.reason == "cancelled"
        bad = _change_faults(new.strip(), old, change, writer, finish)
        if not lead and any(words not in new for words in stays):
            bad.append("alters a protected passage")
        found += bad
        # A broken paragraph is not taken over: the old one stays, and the fault is marked.
        if lead:
            out += "" if bad else lead + new.strip()
        else:
            out += old if bad else new.strip()
    whole = out + text[end:]
    if not cancelled:
        # What was taken over is sound; where nothing was, the text is its parent's.
        found = [*found, "copied"] if whole.strip() == text.strip() else []
    faults_found = tuple(dict.fromkeys(found))
    seconds = time.monotonic() - began
    yield Drafted(attempt=number, parent=parent, text=whole, faults=faults_found, tokens=tokens, seconds=seconds)
    return Written(whole, faults_found, tokens, cancelled)


def protected_in(paragraph: str, passages: Sequence[str]) -> tuple[str, ...]:
    """Return what of the protected passages stands in a paragraph."""
    rows = (passage[start:end].strip() for passage in passages for start, end in paragraphs(passage))
    return tuple(dict.fromkeys(words for words in rows if words in paragraph))


def change_request(
    prompt: str, before: str, paragraph: str, change: Advice, voice: str = "", stays: Sequence[str] = ()
) -> Request:
    """Return the chat that asks for one changed paragraph, or lets the writer go on where the text ends.

    With `voice`, a sample of the user's own writing, the paragraph is asked for in its manner; where the text goes on
    its own manner leads. What of the paragraph `stays` is to be kept word for word.
    """
    near = before.strip()[-900 if change.operation == "rewrite" else -1800 :]
    if change.operation == "extend":
        # The text so far is given as the beginning of the answer: asked for "a paragraph", small models talk about it.
        request = render("extend", request=prompt, before=near, change=change.edit).request
        return request._replace(answer=request.answer.rstrip() + "\n\n")
    fields = {
        "request": prompt,
        "before": near or "(the text begins here)",
        "paragraph": paragraph,
        "change": change.edit,
        "words": f"about {max(20, word_count(paragraph))} words",
        "keep": f" {KEEP} " + " ".join(f"“{kept}”" for kept in stays) if stays else "",
    }
    if voice:
        return render("revise_in_voice", sample=beginning(voice, SHOWN // 2), **fields).request
    return render("revise", **fields).request


def _change_sampling(old: str, change: Advice, writer: Writer) -> Sampling:
    room = 170 if change.operation == "extend" else int(writer.llm.count(old) * 1.6) + 48
    return Sampling(
        max_tokens=min(room, writer.llm.context_tokens // 3),
        temperature=0.7,
        repeat_penalty=1.08,
        seed=writer.seed + change.paragraph,
        stop=("\n\n",) if change.operation == "extend" or "\n" not in old else (),
    )


def _change_faults(new: str, old: str, change: Advice, writer: Writer, finish: Finish) -> list[Fault]:
    found = list(faults(new, _language(writer), finish.reason != "stop"))
    copied = bool(writer.voice) and _taken(new, writer.voice) - _taken(old, writer.voice) > COPIED * word_count(new)
    if new and (copied or change.operation == "rewrite" and new.split() == old.split()):
        found.append("copied")
    if TALK.search(new) or _echoes(new, change) or copied_share(new, writer.story) > COPIED:
        found.append("echoes the instructions")
    return found


def _taken(text: str, sample: str) -> float:
    """Return how many words of a text stand in the sample as they do here."""
    return copied_share(text, sample) * word_count(text)


def _echoes(new: str, change: Advice) -> bool:
    """Return whether a paragraph says what was asked of it, or words of the prompt's own example, not the piece."""
    asked = f"{change.fault} {change.edit}"
    if word_count(new) > 6 and copied_share(new, asked) > 0.5 or copied_share(new, example("revise")) > 0:
        return True
    return any(copied_share(asked[start:end], new) == 1 for start, end in sentences(asked))


def ripe(text: str, fresh: int, facts: Facts) -> int | None:
    """Return where a draft may end: as long as asked, at a sentence end among its last `fresh` characters; else None.

    Small models write on to twice the length and are then cut in a sentence; better to stop them where one ends. A
    letter is given room for its close.
    """
    asked = facts.length
    if asked is None or asked.high is None:
        return None
    ends = LINE_END if asked.unit == "lines" else SENTENCE_END
    found = ends.search(text, max(0, len(text) - fresh - 3))
    if found is None:
        return None
    low = asked.low or round(asked.high * 0.9)
    signed = facts.form is not None and facts.form.value in ("letter", "email")
    enough = asked.high * 1.1 if signed else low if "\n\n" in found.group() else (low + asked.high) / 2
    return found.end() if size(text[: found.end()].strip(), asked.unit) >= enough else None


def stream(
    number: int,
    parent: int | None,
    request: Request,
    sampling: Sampling,
    writer: Writer,
    until: Facts | None = None,
) -> Generator[Event, None, tuple[str, Finish, bool]]:
    """Stream one reply as deltas; ended early when it runs in circles or, with `until`, when it is long enough."""
    text, looked = "", 0
    stream = writer.llm.stream(request, sampling, writer.cancel)
    while True:
        try:
            delta = next(stream)
        except StopIteration as done:
            finish: Finish = done.value
            return text, finish, False
        text += delta
        yield DraftDelta(attempt=number, text=delta, parent=parent)
        if len(text) - looked >= LOOK_EVERY:
            looked = len(text)
            if is_looping(text):
                stream.close()
                return text, Finish("length", 0, writer.llm.count(text)), False
        if until is not None and (end := ripe(text, len(delta), until)) is not None:
            stream.close()
            return text[:end], Finish("stop", 0, writer.llm.count(text[:end])), True
