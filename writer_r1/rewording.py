"""(passage, what is asked) -> a text that can stand in its place, streamed and checked, or marked as unusable.

A small model adds a full stop to half a sentence and goes on past what it was asked for. So a text is fitted to its
place before anyone sees it: white space, the first letter and the last mark are what they were, an open end is cut.
"""

import re
import time
from collections import Counter
from collections.abc import Generator
from typing import NamedTuple

from writer_r1.checks import copied_share, detect_language, faults, sentences, sentences_around, word_count
from writer_r1.checks.text import words
from writer_r1.drafting import ASKING, COPIED, SHOWN, TALK, Writer, Written, beginning, stream
from writer_r1.events import Drafted, Event
from writer_r1.facts.language import WORD
from writer_r1.llm import Request, Sampling
from writer_r1.passage import Passage
from writer_r1.prompts import example, render
from writer_r1.trajectory import Fault

HEAT = (0.8, 1.0, 1.2)  # temperatures of the first try and of those after an unfit text
WAYS = (
    ("Plainer", "in fewer and plainer words."),
    ("With a detail", "with one small detail added that can be seen or heard."),
    ("Another order", "beginning with what it ends on."),
)  # in which a passage is written another way; a small model adds and turns round, but shows nothing of itself
UNTOLD = "A piece of prose; its writer has not said more about it."
AFTER = 600  # characters after a passage that another text for it is to fit
ALIKE = 0.9  # share of the words in common from which on a text is another once more
GAP = "[…]"
NEXT_TOKENS = 120  # of a passage that the text goes on with
QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’", "«": "»", "「": "」"}
MARKS = ".,;:!?…。！？"
NEW_SENTENCE = re.compile(r"(?:\A|[.!?…。！？:\n][\"'”’»)]*)\s*[\"'“‘«(]*\Z")


def passage_request(prompt: str, passage: Passage, asked: str, voice: str = "") -> Request:
    """Return the chat that asks for a passage another way or, without words, for how the text goes on there.

    A part of a sentence is asked for as a gap in it: small models otherwise give the sentence back as it was.
    """
    head, tail, before, after = _sentence(passage)
    told = {"request": prompt.strip() or UNTOLD}
    sample = beginning(voice) if voice else "(the text around it)"
    follows = after[:AFTER].strip() or "(it ends here)"
    if not passage.text:
        parted = "\n\n" if passage.before.endswith("\n\n") else ""
        told |= {"before": passage.before[-SHOWN:], "after": follows, "sample": sample, "direction": asked}
        request = render("go_on", **told).request
        return request._replace(answer=request.answer.rstrip() + parted)
    told |= {"before": before[-SHOWN:].strip() or "(it begins here)", "way": asked}
    if WORD.search(head + tail):
        gap = f"{head.lstrip()}{GAP}{tail.rstrip()}"
        return render("rephrase", sentence=gap, paragraph=passage.text.strip(), sample=sample, **told).request
    told |= {"after": follows, "sample": sample, "paragraph": (head + passage.text + tail).strip()}
    return render("reword", **told).request


def _sentence(passage: Passage) -> tuple[str, str, str, str]:
    """Return what is not marked of the sentences that the passage is in, before and after it, and what is outside."""
    if not passage.text:
        return "", "", passage.before, passage.after
    whole, start = passage.before + passage.text + passage.after, len(passage.before)
    end = start + len(passage.text)
    first, last = sentences_around(whole, start, end)
    return whole[first:start], whole[end:last], whole[:first], whole[last:]


class Asked(NamedTuple):
    """What is asked of one text: the piece, the passage, the way or direction, and what it must not say again."""

    prompt: str
    passage: Passage
    way: str
    others: tuple[str, ...] = ()  # texts that were written for it before


def write_passage(number: int, asked: Asked, writer: Writer) -> Generator[Event, None, Written]:
    """Return a text for the passage, streamed as attempt `number`; an unfit one is tried again."""
    request = passage_request(asked.prompt, asked.passage, asked.way, writer.voice)
    for again, heat in enumerate(HEAT):
        seeded = writer._replace(seed=writer.seed + 100 * again + number)
        written = yield from _try(number, asked, request, seeded, heat)
        if written.cancelled or not written.faults:
            break
    return written


def _try(number: int, asked: Asked, request: Request, writer: Writer, heat: float) -> Generator[Event, None, Written]:
    began, old = time.monotonic(), asked.passage.text
    room = int(writer.llm.count(old) * 1.7) + 24 if old else NEXT_TOKENS
    sampling = Sampling(
        max_tokens=min(room, writer.llm.context_tokens // 3),
        temperature=heat,
        repeat_penalty=1.08,
        seed=writer.seed,
        stop=() if "\n" in old.strip() or not old else ("\n",),
    )
    own = f"{asked.passage.before}{old}{asked.passage.after}"
    reply = yield from stream(number, None, request, sampling, writer, asked=own)
    raw, finish = reply.text, reply.finish
    whole = ended(raw, asked.passage, cut=finish.reason == "length")
    text = fitted(whole, asked.passage) if whole.strip() else ""
    cut = finish.reason == "length" and whole == raw and not _closed(raw)
    bad = _faults(text, asked, writer, cut)
    bad += ["echoes the instructions"] if reply.spoiled else []
    found = () if finish.reason == "cancelled" else tuple(dict.fromkeys(bad))
    seconds = time.monotonic() - began
    yield Drafted(attempt=number, text=text, faults=found, tokens=finish.tokens, seconds=seconds)
    return Written(text, found, finish.tokens, finish.reason == "cancelled")


def ended(raw: str, passage: Passage, *, cut: bool) -> str:
    """Return a reply from where it begins to where it may end.

    That is before it says again what follows the passage. Part of a sentence is no more than one; what a limit `cut`,
    or what goes on, is no more than its whole sentences.
    """
    if not passage.text:
        begun = len(raw) - len(raw.lstrip())
        end = raw.find("\n\n", begun)
        return _whole_sentences(raw[:end]) if end > 0 else _whole_sentences(raw)
    head, tail, _, after = _sentence(passage)
    if WORD.search(head) and raw.strip().startswith(head.strip()):
        raw = raw.strip()[len(head.strip()) :]
    part = bool(WORD.search(head + tail))
    follows = (tail if WORD.search(tail) else after).strip()
    for key in (follows[:24], " ".join(follows.split()[:2]) if part else ""):
        if WORD.search(key) and (at := raw.find(key)) > 0:
            return raw[:at]
    if part:
        return raw[: next((stop for _, stop in sentences(raw)), None)]
    return _whole_sentences(raw) if cut else raw


def _whole_sentences(text: str) -> str:
    ends = [stop for _, stop in sentences(text) if _closed(text[:stop])]
    return text[: ends[-1]] if ends else text


def _closed(text: str) -> bool:
    return text.rstrip("\"'”’»」)*_ \n")[-1:] in tuple(".!?…。！？")


def fitted(raw: str, passage: Passage) -> str:
    """Return a reply as it can stand in the passage's place, the white space around it included."""
    if not passage.text:
        return _joined(raw, passage)
    core = passage.text.strip()
    start = passage.text.index(core)
    lead, trail = passage.text[:start], passage.text[start + len(core) :]
    new = raw.strip()
    if len(new) > 2 and QUOTES.get(new[0]) == new[-1] and QUOTES.get(core[0]) != core[-1] and new.count(new[0]) < 3:
        new = new[1:-1].strip()
    return lead + _capital(_mark(new, core), core, passage.before + lead) + trail


def _mark(new: str, core: str) -> str:
    """Return the text with the last mark of what it stands for: half a sentence has none."""
    last = core[-1]
    if last.isalnum() and not _closed(core):
        return new.rstrip(MARKS) or new
    if last in MARKS and new[-1:].isalnum():
        return new + last
    return new[:-1] + last if last in ",;:" and new[-1:] == "." else new


def _capital(new: str, core: str, before: str) -> str:
    first = re.match(r"[^\W\d_]+", new)
    if not first or first[0] == "I" or re.search(rf"[^.!?…\n]\s\b{re.escape(first[0])}\b", before):
        return new  # a name keeps its capital
    if NEW_SENTENCE.search(before):
        return new[0].upper() + new[1:] if core[0].isupper() else new
    return new[0].lower() + new[1:] if core[0].islower() else new


def _joined(raw: str, passage: Passage) -> str:
    """Return what goes on with the text, kept apart from what stands before and after it."""
    new, before, after = raw.strip(), passage.before, passage.after
    apart = "\n\n" if re.match(r"[ \t]*\n", raw) else " "
    lead = "" if not before or before[-1].isspace() or new[0] in ",.;:!?…’)" else apart
    paragraph = lead == "\n\n" or before.endswith("\n\n")
    end = "" if not after or after[0].isspace() else "\n\n" if paragraph else " "
    return lead + new + end


def _faults(text: str, asked: Asked, writer: Writer, cut: bool) -> list[Fault]:
    passage, new = asked.passage, text.strip()
    around = passage.before + passage.after
    language = writer.facts.language.value if writer.facts.language else detect_language(around + passage.text)
    found = list(faults(new, language, cut))
    mine = words(new)
    if any(_alike(mine, words(other)) for other in (passage.text, *asked.others)):
        found.append("copied")
    if copied_share(new, around) > (0.5 if passage.text else COPIED) or (len(mine) > 3 and new in around):
        found.append("copied")
    if writer.voice and copied_share(new, writer.voice) > COPIED:
        found.append("copied")
    if ASKING.search(new) and not ASKING.search(passage.text):
        found.append("asks instead of writing")
    talks = TALK.search(new) and not TALK.search(passage.text)
    if talks or _echoes(new, asked.way, reworded=bool(passage.text)):
        found.append("echoes the instructions")
    return found


def _alike(mine: list[str], other: list[str]) -> bool:
    """Return whether two texts have nearly all words in common, in whatever order."""
    shared = (Counter(mine) & Counter(other)).total()
    return bool(mine) and shared >= ALIKE * max(len(mine), len(other))


def _echoes(new: str, way: str, *, reworded: bool) -> bool:
    """Return whether a text says what was asked of it, or the words of the prompt's own examples."""
    told = f"{example('reword')}\n{example('rephrase')}".casefold() if reworded else ""
    if GAP in new or copied_share(new, told) > 0 or (word_count(new) > 2 and new.rstrip(MARKS).casefold() in told):
        return True
    return bool(way.strip()) and any(copied_share(way[start:end], new) == 1 for start, end in sentences(way))
