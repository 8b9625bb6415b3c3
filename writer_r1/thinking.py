"""A writing run -> a thought that could have led to its best text, or why none can be made of it.

R2-Write makes its thoughts by letting a writer and a judge work in turn; the studio's loop does that already. So a
thought is a run told in the first person: its plan, its first draft, and each reflection whose revision was taken, in
the order in which they made the text better. What was tried and not taken is left out, and counted. Source: arXiv
2604.03004 for the idea; the filters and their limits are ours (`docs/papers.md` 5).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from writer_r1.acceptance import accept, least_gain, usable
from writer_r1.checks import copied_share, is_looping, paragraphs, sentences, word_count
from writer_r1.checks.text import shown
from writer_r1.drafting import restated
from writer_r1.facts import read_facts
from writer_r1.llm import LLM, Cancel, Request, Sampling, complete
from writer_r1.prompts import example, render
from writer_r1.review import Similarity
from writer_r1.traces import Segment, Trace, changes_between, written
from writer_r1.trajectory import Attempt, Criterion, Rubric, Trajectory, name_key
from writer_r1.usefulness import Tried, is_specific, labelled, repeats

NO_TEXT = "no text that could be judged"
FAULTY = "the best text has a fault"
WEAK = "the best text scores too low"
NONE_USEFUL = "no useful reflection"
UNPROVEN = "a step that by these criteria made nothing clearly better"
UNTOLD = "a change that cannot be told by paragraphs"
JUDGED = "speaks of judging"
TASK = "a piece that speaks of its request"
VAGUE = "a reflection that could stand anywhere"
TWICE = "a reflection said twice"
LONG = "longer than the limit"
SAME = "nearly the same piece as an earlier one"
SAME_PIECE = 0.95  # cosine from which two pieces are one
MOST_PLAN = 90  # words
MOST_SAID = 60  # words of one reflection
RETOLD = 0.3  # share of its five-word runs that stand in the text, from which on a reflection only says it again
OPENING = 6  # words of a paragraph by which it is told
ENDS = '.!?…”"'
WISHES = 3  # criteria that a plan made without a model names

# Who thinks for himself has no judge and no editor.
_JUDGING = re.compile(
    r"\b(?:judges?|judged|judging|scor(?:e|es|ed|ing)|criteri(?:on|a)|rubrics?|evaluat\w+|rat(?:ed|ing)s?|editors?|"
    r"reviewers?|feedback|remarks?|the (?:author|writer|user|prompt|request|reader wants)|as an ai)\b",
    re.IGNORECASE,
)
# Small models fill what is missing with words about what was asked for.
_TASK = re.compile(
    r"\b(?:an?|the) [a-z]+ of about \d+ words\b|"
    r"\ball (?:of )?the (?:(?:given|required|requested) )?words (?:have been|are|were) used\b|"
    r"\busing the (?:given|required|requested) words\b",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\b(?:I|my|me|let me)\b", re.IGNORECASE)

Word = Callable[[Attempt, Attempt, Segment], str]  # (text before, text after, what was changed) -> the reflection


class Limits(NamedTuple):
    """What a thought has to be. `least` is of the best text's reward, in [0, 1]; `words` of the whole thought."""

    least: float
    words: int


class NoThought(Exception):
    """Why no thought can be made of a run, in words for the user."""


def speaks_of_judging(text: str, prompt: str) -> bool:
    """Return whether a thought mentions a judge, a score or the like; words of the request may be used."""
    asked = prompt.casefold()
    return any(mark[0].casefold() not in asked for mark in _JUDGING.finditer(text))


def steps(run: Trajectory) -> list[Attempt]:
    """Return the attempts from the first text to the best one, each made of the one before it."""
    found, at = list[Attempt](), run.attempt(run.best) if run.best is not None else None
    while at is not None and at not in found:
        found.append(at)
        at = run.attempt(at.parent) if at.parent is not None else None
    return found[::-1]


def tried(run: Trajectory) -> list[Tried]:
    """Return every reflection of a run that was acted on and its text judged, with what came of it."""
    if run.rubric is None:
        return []
    rows, taken = list[Tried](), {a.number for a in steps(run)}
    for attempt in run.attempts:
        parent = run.attempt(attempt.parent) if attempt.parent is not None else None
        if attempt.reflection is None or parent is None or not attempt.reflection.advice or attempt.accepted is None:
            continue  # the last: it was stopped before it could be told
        gain, least = _gain(run.rubric, parent, attempt)
        rows.append(
            Tried(
                reflection=plainly(attempt),
                label=labelled(gain, least),
                gain=gain,
                least=least,
                round=len(rows) + 1,
                kept=attempt.number in taken,
            )
        )
    return rows


def came_to(run: Trajectory) -> dict[int, Tried]:
    """Return by number of the text what each reflection of a thought came to, once it is told.

    In a thought a text stands whether it is sound or not, so one that was spoiled did harm, and one that was mended
    helped, without a score on both sides. Of what else could not be judged nothing is said.
    """
    found = dict[int, Tried]()
    acted = [a for a in run.attempts if a.reflection and a.reflection.advice and None not in (a.parent, a.accepted)]
    for attempt, one in zip(acted, tried(run), strict=True):
        before = run.attempt(attempt.parent) if attempt.parent is not None else None
        if one.gain is not None:
            found[attempt.number] = one
        elif before and usable(before) and not usable(attempt):
            found[attempt.number] = one.model_copy(update={"label": "harmful"})
        elif before and not usable(before) and usable(attempt):
            found[attempt.number] = one.model_copy(update={"label": "useful"})
    return found


def _gain(rubric: Rubric, before: Attempt, after: Attempt) -> tuple[float | None, float | None]:
    if before.evaluation is None or after.evaluation is None or after.evaluation.reward is None:
        return None, None
    return accept(rubric, before, after).gain, least_gain(rubric, before.evaluation, after.evaluation)


def thought(run: Trajectory, plan: str, word: Word, limits: Limits, similarity: Similarity | None) -> Trace:
    """Return the thought that a run comes to, each reflection in the words of `word`.

    Raises:
        NoThought: it is not worth learning from, and why.
    """
    texts = steps(run)
    if run.rubric is None or not texts or (last := texts[-1]).evaluation is None or last.evaluation.reward is None:
        raise NoThought(NO_TEXT)
    if not usable(last) or "truncated" in last.faults:  # one that was ended where it was long enough is whole
        raise NoThought(FAULTY)
    if last.evaluation.reward < limits.least:
        raise NoThought(WEAK)
    segments = [_segment(run.rubric, a, b) for a, b in zip(texts, texts[1:], strict=False)]
    if not segments:
        raise NoThought(NONE_USEFUL)
    worded = tuple(
        s.model_copy(update={"reflection": word(a, b, s)}) for s, a, b in zip(segments, texts, texts[1:], strict=False)
    )
    trace = Trace(prompt=run.prompt, plan=plan, draft=texts[0].text, segments=worded, final=last.text)
    _check(trace, limits, similarity)
    return trace


def _segment(rubric: Rubric, before: Attempt, after: Attempt) -> Segment:
    changes = changes_between(before.text, after.text)
    if changes is None:
        raise NoThought(UNTOLD)
    gain, least = _gain(rubric, before, after)
    useful = labelled(gain, least) == "useful" and accept(rubric, before, after).accepted
    if not useful or before.evaluation is None or after.evaluation is None:
        raise NoThought(UNPROVEN)
    scores = {"before": before.evaluation.reward, "after": after.evaluation.reward, "least": least}
    return Segment(reflection="…", changes=changes, **scores)


def _check(trace: Trace, limits: Limits, similarity: Similarity | None) -> None:
    said = [s.reflection for s in trace.segments]
    if any(speaks_of_judging(text, trace.prompt) for text in (trace.plan, *said)):
        raise NoThought(JUDGED)
    if _TASK.search(trace.final):
        raise NoThought(TASK)
    if not all(is_specific(s.reflection, text, s) for text, s in zip(trace.texts(), trace.segments, strict=False)):
        raise NoThought(VAGUE)
    if any(repeats(said, similarity)):
        raise NoThought(TWICE)
    if word_count(written(trace)) > limits.words:
        raise NoThought(LONG)


def refuse_twins(trace: Trace, earlier: Sequence[str], similarity: Similarity | None) -> None:
    """Return where the piece of a thought is unlike all those before it.

    Raises:
        NoThought: it is nearly one of them.
    """
    key = name_key(trace.final)
    if any(name_key(text) == key or copied_share(trace.final, text) > 0.8 for text in earlier):
        raise NoThought(SAME)
    if similarity is not None and earlier and max(similarity(trace.final, earlier)) >= SAME_PIECE:
        raise NoThought(SAME)


def plainly(after: Attempt, before: Attempt | None = None) -> str:
    """Return a round's reflection in the first person, worded without a model from what was advised.

    Where the text `before` is given, a place without a quote is told by its first words, and what was advised and not
    done is left out. A fault that is worded as whoever judged worded it is left out: the change says enough.
    """
    advice = after.reflection.advice if after.reflection else ()
    rows, spans = list[str](), paragraphs(before.text) if before else []
    done = {c.paragraph for c in (changes_between(before.text, after.text) if before else None) or ()}
    for one in advice:
        if done and one.paragraph not in done:
            continue
        if not one.criterion_id:  # of a thought in one go: it is in the first person already
            rows.append(one.edit)
            continue
        quote = one.quote if one.quote and one.quote_found else ""
        place = f"at “{quote}”" if quote else "at this paragraph"
        if before and word_count(quote) < 2 and 1 <= one.paragraph <= len(spans):  # one word stands in many places
            opening = shown(" ".join(before.text[slice(*spans[one.paragraph - 1])].split()[:OPENING]))
            place = f"at {f'“{quote}” in ' if quote else ''}the paragraph that begins “{opening}”"
        fault = "" if _JUDGING.search(one.fault) else _sentence(one.fault)
        rows.append(f"Let me look {place} again. {fault} Better: {_sentence(one.edit)}")
    return " ".join(dict.fromkeys(" ".join(row.split()) for row in rows))


def _sentence(words: str) -> str:
    words = words.strip()
    return words + ("" if not words or words[-1] in ".!?…" else ".")


def plain_plan(prompt: str, criteria: Sequence[Criterion]) -> str:
    """Return what a piece was to be, in the first person, from its request's facts and its weightiest criteria."""
    judged = sorted((c for c in criteria if c.check is None), key=lambda c: -c.weight)
    wishes = [_sentence(c.description) for c in judged if not speaks_of_judging(c.description, prompt)][:WISHES]
    rows = [restated(read_facts(prompt)), *([" ".join(["I want this of it:", *wishes])] if wishes else [])]
    return " ".join(filter(None, rows))


class Voice(NamedTuple):
    """The model that words plans and reflections."""

    llm: LLM
    cancel: Cancel
    prompt: str
    seed: int = 0

    def plan(self) -> str:
        """Return a plan for the piece, empty where the model made none."""
        said = self._said(render("plan", request=self.prompt).request, 140, self.seed)
        said = said[: max((end for _, end in sentences(said) if said[end - 1] in ENDS), default=0)]
        fits = 0 < word_count(said) <= MOST_PLAN and not is_looping(said)
        return said if fits and not speaks_of_judging(said, self.prompt) else ""

    def reflection(self, before: Attempt, after: Attempt, segment: Segment) -> str:
        """Return what was advised as the writer's own thought; plainly where the model's words will not do."""
        return next(self._ways(before, after, segment), plainly(after, before))

    def _ways(self, before: Attempt, after: Attempt, segment: Segment) -> Iterator[str]:
        spans = paragraphs(before.text)
        for number in range(2):
            said = list[str]()
            for advice in after.reflection.advice if after.reflection else ():
                if advice.paragraph not in {c.paragraph for c in segment.changes}:
                    continue  # its revision was not taken over
                old = before.text[slice(*spans[min(advice.paragraph, len(spans)) - 1])]
                change = f"{_sentence(advice.fault)} {_sentence(advice.edit)}".strip()
                request = render("reconsider", paragraph=old, change=change).request
                said.append(self._said(request, 90, self.seed + 7 * number + advice.paragraph))
            whole = " ".join(dict.fromkeys(said))
            # A small model may say the paragraph over again and think nothing of it.
            retold = max((copied_share(text, f"{before.text}\n\n{after.text}") for text in said), default=0.0)
            if retold < RETOLD and self._is_own(whole) and is_specific(whole, before.text, segment):
                yield whole

    def _said(self, request: Request, most: int, seed: int) -> str:
        """Return a reply in one line."""
        sampling = Sampling(max_tokens=most, temperature=0.6, repeat_penalty=1.05, seed=seed, stop=("\n",))
        reply, _ = complete(self.llm, request, sampling, self.cancel)
        return " ".join(f"{request.answer}{reply}".split())

    def _is_own(self, said: str) -> bool:
        """Return whether a reflection is a finished thought in the first person that speaks of no judge."""
        if not 0 < word_count(said) <= MOST_SAID or said[-1] not in ENDS or not _FIRST.search(said):
            return False
        return not speaks_of_judging(said, self.prompt) and copied_share(said, example("reconsider")) == 0
