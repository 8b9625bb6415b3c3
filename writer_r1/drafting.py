"""Request -> draft text: the only place that words what the writing model is asked for.

Training asks through here too, so that an adapter meets the prompt it was trained on. Broken output (empty, looping,
cut, off-language, copied) is caught while or after it is written and marked; it is never judged in silence.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from writer_r1.checks import copied_share, faults, is_looping, paragraphs, word_count
from writer_r1.events import DraftDelta, Drafted, Event
from writer_r1.facts import Facts
from writer_r1.llm import LLM, Cancel, Finish, Request, Sampling
from writer_r1.prompts import render
from writer_r1.trajectory import Advice, Fault, Lesson

DEFAULT_WORDS = 350  # when neither the request nor the user says how long
TOKENS = {"words": 1.5, "characters": 1.2, "lines": 16.0, "sentences": 40.0}  # a generous guess for each
LOOK_EVERY = 200  # characters between two looks for a loop


class Writer(NamedTuple):
    llm: LLM
    cancel: Cancel
    facts: Facts
    seed: int = 0
    max_words: int | None = None


class Written(NamedTuple):
    text: str
    faults: tuple[Fault, ...]
    tokens: int
    cancelled: bool


def draft_request(prompt: str, lessons: Sequence[Lesson] = ()) -> Request:
    """Return the chat that asks for a first draft, with lessons of earlier work if there are any."""
    kept = [lesson.text for lesson in lessons if lesson.kind == "success"]
    hints = "\n\nWhat helped in earlier pieces:\n" + "\n".join(f"- {t}" for t in kept) if kept else ""
    return render("draft", request=prompt, hints=hints).request


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
    text, finish = yield from _stream(number, None, draft_request(prompt, lessons), sampling, writer)
    whole = text.strip()
    found = list(faults(whole, _language(writer), finish.reason != "stop"))
    written = Written(whole, tuple(found), finish.tokens, finish.reason == "cancelled")
    yield Drafted(attempt=number, text=whole, faults=written.faults, tokens=finish.tokens)
    return written


def revise_draft(
    number: int, parent: int, prompt: str, text: str, advice: Sequence[Advice], writer: Writer
) -> Generator[Event, None, Written]:
    """Return `text` with each advised paragraph written anew or one added; the others stay as they are, byte for byte.

    Small models copy or loop when they rewrite a whole text, so each call sees one paragraph and one change.
    """
    spans = paragraphs(text)
    by_paragraph = {a.paragraph: a for a in reversed(advice) if 1 <= a.paragraph <= len(spans)}
    out, end, tokens, found, cancelled = "", 0, 0, list[Fault](), False
    for k, (start, stop) in enumerate(spans, 1):
        gap, old, change = text[end:start], text[start:stop], by_paragraph.get(k)
        end = stop
        if change is None or cancelled:
            yield DraftDelta(attempt=number, text=gap + old, parent=parent)
            out += gap + old
            continue
        kept = gap + old if change.operation == "extend" else gap
        lead = kept + "\n\n" if change.operation == "extend" else gap
        if lead:
            yield DraftDelta(attempt=number, text=lead, parent=parent)
        request = change_request(prompt, out + (kept if change.operation == "extend" else ""), old, change)
        new, finish = yield from _stream(number, parent, request, _change_sampling(old, change, writer), writer)
        tokens += finish.tokens
        cancelled = finish.reason == "cancelled"
        bad = _change_faults(new.strip(), old, change, writer, finish)
        found += bad
        out += kept if change.operation == "extend" and not new.strip() else lead + (new.strip() or old)
    tail = text[end:]
    whole = out + tail
    if not cancelled and whole.strip() == text.strip():
        found.append("copied")
    found = list(dict.fromkeys(found))
    yield Drafted(attempt=number, parent=parent, text=whole, faults=tuple(found), tokens=tokens)
    return Written(whole, tuple(found), tokens, cancelled)


def change_request(prompt: str, before: str, paragraph: str, change: Advice) -> Request:
    """Return the chat that asks for one changed or added paragraph."""
    wanted = f"{change.fault} {change.edit}".strip()
    words = max(20, word_count(paragraph))
    near = before.strip()[-900:] or "(the text begins here)"
    if change.operation == "extend":
        return render("extend", request=prompt, before=near, change=wanted, words="40 to 90 words").request
    return render(
        "revise", request=prompt, before=near, paragraph=paragraph, change=wanted, words=f"about {words} words"
    ).request


def _change_sampling(old: str, change: Advice, writer: Writer) -> Sampling:
    room = 150 if change.operation == "extend" else int(writer.llm.count(old) * 1.6) + 48
    return Sampling(
        max_tokens=min(room, writer.llm.context_tokens // 3),
        temperature=0.7,
        repeat_penalty=1.08,
        seed=writer.seed + change.paragraph,
        stop=("\n\n",) if change.operation == "extend" or "\n" not in old else (),
    )


def _change_faults(new: str, old: str, change: Advice, writer: Writer, finish: Finish) -> list[Fault]:
    found = list(faults(new, _language(writer), finish.reason == "length"))
    if new and change.operation == "rewrite" and new.split() == old.split():
        found.append("copied")
    asked = f"{change.fault} {change.edit}"
    if word_count(new) > 6 and copied_share(new, asked) > 0.5:
        found.append("echoes the instructions")
    return found


def _stream(
    number: int, parent: int | None, request: Request, sampling: Sampling, writer: Writer
) -> Generator[Event, None, tuple[str, Finish]]:
    """Stream one reply as deltas, ending it early when it runs in circles."""
    text, looked = "", 0
    stream = writer.llm.stream(request, sampling, writer.cancel)
    while True:
        try:
            delta = next(stream)
        except StopIteration as end:
            finish: Finish = end.value
            return text, finish
        text += delta
        yield DraftDelta(attempt=number, text=delta, parent=parent)
        if len(text) - looked >= LOOK_EVERY:
            looked = len(text)
            if is_looping(text):
                stream.close()
                return text, Finish("length", 0, writer.llm.count(text))
