"""The project's own sample pieces, spoiled and told as thoughts that mend them: what a tiny base learns the form from.

No model wrote these and none is said to have: they teach the form of a thought, not what a model would think. A thought
is made of an excerpt whose request asks for its own length. Paragraphs are left off or cut to their first sentence, and
each reflection says what a count finds wrong with the text at that point; the revision puts the words back. Kept is
only what the checks find useful at every step. `endings` adds what leaves open where a thought ends. Everything follows
from the pieces: the same every time.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import NamedTuple

from conftest import ROOT

from writer_r1.checks import measure, paragraphs, sentences, word_count
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.thinking import plain_plan
from writer_r1.traces import Change, Segment, Trace, changed, written
from writer_r1.training.config import configured
from writer_r1.training.data import Example
from writer_r1.training.process_reward import worth
from writer_r1.training.rewards import Rewarder
from writer_r1.training.thoughts import judged

PIECES = ROOT / "assets" / "sample_pieces.jsonl"
WORDS = (40, 75)  # of an excerpt
GOOD = 0.97  # reward of an excerpt under its own request
MOST = 3  # excerpts of a piece, and ways to spoil each
COUNTED = re.compile(r"about \d+ words")


class Excerpt(NamedTuple):
    id: str
    prompt: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


@cache
def rows() -> list[dict[str, str]]:
    """Return the rows to learn from."""
    rewarder = Rewarder(configured("mrpo", name="told", base="none", data="none"))
    found = []
    for excerpt in excerpts(rewarder):
        told = enumerate(_told(excerpt, rewarder))
        found += [{"id": f"{excerpt.id}-{k}", "prompt": excerpt.prompt, "text": written(trace)} for k, trace in told]
    return found


def _told(excerpt: Excerpt, rewarder: Rewarder) -> list[Trace]:
    """Return the thoughts that an excerpt is told as."""
    texts = {written(t): t for k in range(12) if (t := spoiled(excerpt, Random(f"{excerpt.id}/{k}")))}
    return [trace for trace in texts.values() if helps(trace, rewarder)][:MOST]


@cache
def endings() -> list[dict[str, str]]:
    """Return rows of which as many end where the text is good as go on, reading it over and leaving it as it is.

    Some of them have no reflection at all, their draft being good. So where to end is open for training to settle.
    """
    rewarder = Rewarder(configured("mrpo", name="told", base="none", data="none"))
    found = []
    for excerpt in excerpts(rewarder):
        plan = plain_plan(excerpt.prompt, ())
        good = Trace(prompt=excerpt.prompt, plan=plan, draft=excerpt.text, final=excerpt.text)
        for name, trace in (("good", good), *((str(k), t) for k, t in enumerate(_told(excerpt, rewarder)))):
            for end, text in (("", written(trace)), ("-over", written(read_over(trace)))):
                found.append({"id": f"{excerpt.id}-{name}{end}", "prompt": excerpt.prompt, "text": text})
    return found


def read_over(trace: Trace) -> Trace:
    """Return a thought that reads its shortest paragraph over once more in the end, and leaves it as it is."""
    text = trace.texts()[-1]
    spans = paragraphs(text)
    place = min(range(len(spans)), key=lambda k: spans[k][1] - spans[k][0])
    words = text[slice(*spans[place])]
    said = f"Wait, “{' '.join(words.split()[:5])}” once more. I read it over and leave it as it is."
    idle = Segment(reflection=said, changes=(Change(paragraph=place + 1, text=words),))
    return trace.model_copy(update={"segments": (*trace.segments, idle)})


def excerpts(rewarder: Rewarder) -> Iterator[Excerpt]:
    """Yield the excerpts that meet what a request for their length asks for, a few of each piece."""
    for line in PIECES.read_text("utf-8").splitlines():
        row = json.loads(line)
        parts = [row["text"][a:b] for a, b in paragraphs(row["text"])]
        spans = [(i, j) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)]
        fit = [found for i, j in spans if (found := _excerpt(row, parts[i:j], f"{i}-{j}", rewarder))]
        # Of one paragraph and of several apart, so that how many there are is learned, too.
        for some in ([e for e in fit if len(e.paragraphs) == 1], [e for e in fit if len(e.paragraphs) > 1]):
            yield from some[:: max(1, len(some) // MOST)][:MOST]


def _excerpt(row: dict[str, str], parts: list[str], where: str, rewarder: Rewarder) -> Excerpt | None:
    count = word_count("\n\n".join(parts))
    prompt = COUNTED.sub(f"about {round(count, -1)} words", row["prompt"])
    if not WORDS[0] <= count <= WORDS[1] or prompt == row["prompt"]:
        return None
    found = Excerpt(f"{row['id']}-{where}", prompt, tuple(parts))
    earned = rewarder.earned(Example("", prompt, "", None, ""), found.text, whole=True)
    return found if earned.value >= GOOD else None


def spoiled(excerpt: Excerpt, chance: Random) -> Trace | None:
    """Return a thought that ends in the excerpt and began with less of it; None where nothing could be taken away."""
    parts, changes = list(excerpt.paragraphs), list[Change]()
    for _ in range(chance.choice((1, 2, 2))):
        place = chance.randrange(len(parts))
        spans = sentences(parts[place])
        if place > 0 and len(parts) > 1 and chance.random() < 0.5:
            changes.append(Change(paragraph=place, operation="extend", text=parts.pop(place)))
        elif len(spans) > 1:
            changes.append(Change(paragraph=place + 1, text=parts[place]))
            parts[place] = parts[place][slice(*spans[0])].strip()
    draft, segments = "\n\n".join(parts), list[Segment]()
    text = draft
    for change in reversed(changes):  # what was taken last is put back first
        segments.append(Segment(reflection=noticed(excerpt.prompt, text, change), changes=(change,)))
        text = changed(text, (change,))
    if not segments or text != excerpt.text:
        return None
    plan = plain_plan(excerpt.prompt, ())
    return Trace(prompt=excerpt.prompt, plan=plan, draft=draft, segments=tuple(segments), final=excerpt.text)


def noticed(prompt: str, text: str, change: Change) -> str:
    """Return what a count finds wrong with the text, said at the place that the change is of."""
    spans = paragraphs(text)
    here = " ".join(text[slice(*spans[change.paragraph - 1])].split()[:5])
    failed = [
        f"{found.reason.rstrip('.')}." for c in measured_criteria(read_facts(prompt))
        if c.check and c.check.type in ("length", "must_include", "completeness")
        and (found := measure(c.check, text, prompt, None)).value is not None and found.value < 1
    ]  # fmt: skip
    after = "I go on after it." if change.operation == "extend" else "I write it out."
    return " ".join([f"Wait, “{here}” is not enough.", *failed, after])


def helps(trace: Trace, rewarder: Rewarder) -> bool:
    """Return whether the checks find each step of a thought useful."""
    example = Example("", trace.prompt, "", None, "")
    found = judged(
        trace.prompt,
        text := written(trace),
        range(len(text)),
        lambda stage, whole: rewarder.earned(example, stage, whole=whole),
        None,
    )
    return not found.refused and all(worth(step) == 1 for step in found.thought.steps)
