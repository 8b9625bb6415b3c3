"""Scores of a draft -> a sentence each that says why, with words of the draft.

A reason moves no score: the model is asked for it afterwards, so nothing has to wait for it.
"""

import logging
import re
from collections.abc import Generator, Iterator, Mapping

from writer_r1.checks.addressed import unaddressed
from writer_r1.errors import WriterError
from writer_r1.events import Evaluated, Event, Scored, Status, Stopped
from writer_r1.folding import fold
from writer_r1.llm import LLM, Cancel, Sampling, complete
from writer_r1.prompts import render
from writer_r1.trajectory import Criterion, Rubric, Score, Trajectory

logger = logging.getLogger(__name__)

LOW = 2 / 9  # below 3 of the ten shown to the user
UNQUOTED = "No words of the text were quoted for this."
GIVING = "giving reasons"
_QUOTE = re.compile(r"[\"“«「]([^\"”»」]{3,160})[\"”»」]")
_OPEN = re.compile(r"[^\"“”«»「」]*[\"“«「]([^\"“”«»「」]{3,160})[^\"“”«»「」]*")  # begun once and never closed


def explained(
    attempt: int,
    prompt: str,
    draft: str,
    rubric: Rubric,
    scores: Mapping[str, Score],
    llm: LLM,
    cancel: Cancel,
) -> Generator[Event, None, dict[str, Score]]:
    """Return the scores with a reason for each that the model gave, yielding them as they come, the lowest first."""
    found = dict(scores)
    values = {id_: score.value for id_, score in found.items() if score.value is not None and not score.reason}
    lacking = [c for c in rubric.criteria if c.check is None and c.id in values]
    for criterion in sorted(lacking, key=lambda c: values[c.id]):
        if cancel():
            break
        found[criterion.id] = with_reason(found[criterion.id], criterion, prompt, draft, llm, cancel)
        yield Scored(attempt=attempt, score=found[criterion.id])
    return found


def explained_at_the_end(events: Iterator[Event], run: Trajectory, llm: LLM, cancel: Cancel) -> Iterator[Event]:
    """Yield a run's events, and before it stops the reasons of its scores; it ends well without them, too."""
    seen = list[Event]()
    for event in events:
        if isinstance(event, Stopped) and not cancel():
            try:
                yield from explained_run(fold(seen, run), llm, cancel)
            except WriterError as error:  # such as a server that went away
                logger.warning("The scores of %s are left without reasons: %s", run.id, error)
        seen.append(event)
        yield event


def explained_run(run: Trajectory, llm: LLM, cancel: Cancel) -> Iterator[Event]:
    """Yield the reasons that the scores of a run lack: first those of its best text, then back from the last one."""
    yield Status(text=GIVING)
    for attempt in sorted(run.attempts, key=lambda a: (a.number != run.best, -a.number)):
        given = attempt.evaluation
        if given is None or run.rubric is None or given.rubric_id != run.rubric.id or cancel():
            continue
        told = {s.criterion_id: s for s in attempt.scores if s.reason}  # some may be there from before a kill
        before = {s.criterion_id: told.get(s.criterion_id, s) for s in given.scores}
        found = yield from explained(attempt.number, run.prompt, attempt.text, run.rubric, before, llm, cancel)
        rows = tuple(found[s.criterion_id] for s in given.scores)
        if rows != given.scores:
            yield Evaluated(attempt=attempt.number, evaluation=given.model_copy(update={"scores": rows}))


def with_reason(score: Score, criterion: Criterion, prompt: str, draft: str, llm: LLM, cancel: Cancel) -> Score:
    """Return the score with a one-sentence reason and the words it quotes, marked if they are not in the draft.

    A low score without words to show for it says so. A reason that a stop cut is none, so that it can still be asked
    for. Words are looked up in the draft itself: those that were x-ed out before the model read it are none of it.
    """
    seen = unaddressed(draft)
    asked = render("reason", request=prompt, draft=seen, name=criterion.name, description=criterion.description)
    sampling = Sampling(max_tokens=40, temperature=0.0, repeat_penalty=1.05, stop=("\n",))
    text, finish = complete(llm, asked.request, sampling, cancel)
    if finish.reason == "cancelled":
        return score
    reason = (asked.request.answer + text).strip() if text.strip() else ""
    quote = quoted(reason, draft)
    if finish.reason == "length":
        reason = reason.rstrip(" ,;:") + " …"
    if quote is None and score.value is not None and score.value < LOW:
        reason = f"{reason} {UNQUOTED}".strip()
    return score.model_copy(
        update={"reason": reason, "quote": quote, "quote_found": quote is not None and occurs(quote, draft)}
    )


def quoted(reason: str, draft: str) -> str | None:
    """Return the words that a reason quotes, if any: the first that stand in the draft, else the first."""
    found = _QUOTE.findall(reason)
    if not found and (unclosed := _OPEN.fullmatch(reason)):
        found = [unclosed[1].strip()]
    return next((q for q in found if occurs(q, draft)), next(iter(found), None))


def occurs(quote: str, text: str) -> bool:
    """Return whether `quote` stands in `text`, white space, case and edge punctuation aside."""
    wanted = " ".join(quote.split()).strip(" .,;:!?…'\"").casefold()
    return bool(wanted) and wanted in " ".join(text.split()).casefold()
