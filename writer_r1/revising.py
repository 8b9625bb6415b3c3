"""(text, advice) -> the text with the advised paragraphs written anew, one call to the model each.

What a reply gets wrong (it copies, talks about its task, cuts) is caught here; a broken paragraph is not taken over.
"""

import re
import time
from collections.abc import Callable, Generator, Sequence

from writer_r1.checks import copied_share, faults, paragraphs, sentences, word_count
from writer_r1.checks.text import is_cjk, parting, words
from writer_r1.drafting import COPIED, SHOWN, TALK, Writer, Written, beginning, language_of, stream
from writer_r1.events import DraftDelta, Drafted, Event
from writer_r1.llm import Finish, Request, Sampling
from writer_r1.prompts import example, render
from writer_r1.story import with_story
from writer_r1.trajectory import Advice, Fault

KEEP = "Keep these words in it exactly as they are:"


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
        end, lead = stop, parting(text) if change and change.operation == "extend" else ""
        kept = gap + old if change is None or lead else gap
        out += kept
        yield DraftDelta(attempt=number, text=kept + lead, parent=parent)
        if change is None:
            continue
        request = change_request(prompt, out, old, change, writer.voice, stays)
        request = with_story(request, writer.part, writer.story)
        sampling = _change_sampling(old, change, writer, stays)
        reply = yield from stream(number, parent, request, sampling, writer, asked=f"{prompt}\n{text}")
        new, finish = reply.text, reply.finish
        tokens, cancelled = tokens + finish.tokens, finish.reason == "cancelled"
        new = spaced(new, old, writer.llm.count) if sampling.apart else new
        bad = _change_faults(new.strip(), old, change, writer, finish)
        bad += ["echoes the instructions"] if reply.spoiled else []
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


def spaced(new: str, old: str, count: Callable[[str], int]) -> str:
    """Return `new` with two words parted that stand side by side in `old` and were run together into no word.

    Who is kept from saying a text again says "aroundthem" rather than "around them". What takes fewer tokens than the
    two is a word that the model knows.
    """
    both = re.findall(r"(?<!\S)(\w{3,}) (?=(\w{3,}))", old)
    pairs = {a + b: f"{a} {b}" for a, b in both if count(f" {a}{b}") >= count(f" {a}") + count(f" {b}")}
    return re.sub(r"\w+", lambda word: pairs.get(word[0], word[0]), new)


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


def _change_sampling(old: str, change: Advice, writer: Writer, stays: Sequence[str]) -> Sampling:
    room = 170 if change.operation == "extend" else int(writer.llm.count(old) * 1.6) + 48
    return Sampling(
        max_tokens=min(room, writer.llm.context_tokens // 3),
        temperature=0.7,
        repeat_penalty=1.08,
        seed=writer.seed + change.paragraph,
        stop=("\n\n",) if change.operation == "extend" or "\n" not in old else (),
        apart=() if change.mend or stays or _is_bound(old, writer) else (old, change.edit),
    )


def _is_bound(old: str, writer: Writer) -> bool:
    """Return whether words of a paragraph have to stay, as the request gives them, or are not English.

    How far a reply may follow a text is counted in tokens, of which other languages have several a word.
    """
    facts = writer.facts
    literal = [f.value for f in (*facts.must_include, facts.opening, facts.ending) if f and f.literal]
    return language_of(writer) not in (None, "en") or is_cjk(words(old)) or any(w in old for w in literal)


def _change_faults(new: str, old: str, change: Advice, writer: Writer, finish: Finish) -> list[Fault]:
    found = list(faults(new, language_of(writer), finish.reason != "stop"))
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
