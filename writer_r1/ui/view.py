"""Stored events -> View: what a page needs of one run, folded as the events come. Pure; knows no HTML, no gradio."""

from collections.abc import Sequence
from typing import NamedTuple

from writer_r1.events import (
    DraftDelta,
    Drafted,
    Edited,
    Event,
    Finished,
    Part,
    Proposed,
    Retold,
    RubricReady,
    Started,
    Summary,
    Thought,
    ThoughtDelta,
)
from writer_r1.explaining import NO_REASONS
from writer_r1.folding import fold
from writer_r1.reasons import GIVING
from writer_r1.store import OwnScore
from writer_r1.trajectory import Attempt, Trajectory
from writer_r1.usefulness import Tried

ENDINGS = {
    "target reached": "Done: the scores are high enough",
    "no improvement": "Done: two rounds in a row brought nothing better",
    "round limit reached": "Done: all rounds are written",
    "user": "Stopped by you; the text so far is kept",
    "criteria ready": "The criteria are ready: change them as you like, then press Start or “Judge my text”",
    "criteria changed": "Done: every round is judged by the changed criteria",
    "stopped by you": "Stopped by you; the text so far is kept",
    "judged": "Done: your text is judged",
    "thought to the end": "Done: thought to the end",
    "thought broke off": "Done: the thought broke off; what was whole of it is kept",
    "not scored": "Done: the model could not score your text; another model may (see Models)",
}
INTERRUPTED = "Interrupted; the text so far is kept"


class Earlier(NamedTuple):
    """A thought in one go of the library: what it cost, and what its reflections came to."""

    tokens: int
    tried: tuple[Tried, ...]


class View(NamedTuple):
    """A run as far as it was followed, and what only its events tell. Times are seconds since the run began."""

    now: Trajectory
    seen: int = 0  # number of the last event
    t: float = 0.0
    model: str = ""
    judge: str = ""
    analyst: str = ""  # who found the criteria, and who said what to change, where it was not the judge
    critic: str = ""
    adapter: str = ""  # that the model wore, and how strongly
    strength: float = 1.0
    proposed: tuple[Proposed, ...] = ()
    dropped: tuple[str, ...] = ()
    writing_since: float | None = None  # when the attempt now being written began; None between attempts
    rescoring: bool = False  # the criteria were changed and the rounds are judged anew
    own: tuple[OwnScore, ...] = ()  # what the writer gave its texts
    trouble: str | None = None  # why the last events are not on disk
    ended: bool = False  # nothing more will come, even where no event said so
    part: Part | None = None  # the scene it works on; None: the whole manuscript
    story: tuple[Summary, ...] = ()  # what the models were told of the rest of it
    thinking: tuple[ThoughtDelta, ...] = ()  # a thought in one go as it comes, by its parts; the draft is an attempt
    thought: Thought | None = None  # how it came out
    lately: tuple[Earlier, ...] = ()  # then, once it has ended, the library's newest thoughts, oldest first
    edited: int | None = None  # the text that the manuscript was made of and changed since; see `Versions.edited_round`


def advance(view: View, batch: Sequence[tuple[int, Event]]) -> View:
    """Return `view` brought forward by the numbered events of `batch`."""
    for _, event in batch:
        match event:
            case Started():
                view = view._replace(model=event.model, judge=event.judge, part=event.part)
                view = view._replace(adapter=event.adapter, strength=event.strength)
                view = view._replace(analyst=event.analyst, critic=event.critic)
            case Retold():
                view = view._replace(story=event.summaries)
            case Thought():
                view = view._replace(thought=event)
            case ThoughtDelta():
                view = view._replace(thinking=_thinking(view.thinking, event), writing_since=None)
            case Proposed():
                view = view._replace(proposed=(*view.proposed, event))
            case RubricReady():
                view = view._replace(dropped=event.dropped, proposed=())
            case Edited() if event.rubric != view.now.rubric:  # else the run goes on for reasons alone
                view = view._replace(rescoring=True)
            case Finished():
                view = view._replace(rescoring=False)
            case DraftDelta() if view.writing_since is None:
                view = view._replace(writing_since=event.t)
            case Drafted():
                view = view._replace(writing_since=None)
    if batch:
        view = view._replace(seen=batch[-1][0], t=batch[-1][1].t)
    return view._replace(now=fold((e for _, e in batch), view.now))


def _thinking(parts: tuple[ThoughtDelta, ...], more: ThoughtDelta) -> tuple[ThoughtDelta, ...]:
    """Return the parts of a thought with these words at the end of theirs."""
    if not parts or parts[-1].part != more.part:
        return (*parts, more)
    return (*parts[:-1], more.model_copy(update={"text": parts[-1].text + more.text}))


def over(view: View) -> bool:
    """Return whether the run has ended, well or not."""
    return view.ended or view.now.finished


def judged(view: View) -> bool:
    """Return whether all that is written is judged, too: the run has ended, or only reasons are still to come."""
    return over(view) or view.now.status == GIVING


def shown(view: View) -> Attempt | None:
    """Return the attempt the manuscript shows: the one being written, later the best."""
    with_text = [a for a in view.now.attempts if a.text]
    best = view.now.attempt(view.now.best) if view.now.best is not None else None
    if judged(view) and best is not None:
        return best
    return with_text[-1] if with_text else None


def outdated(view: View, attempt: Attempt) -> bool:
    """Return whether an attempt was made of a text that the writer took over and changed since."""
    at = attempt.parent
    while view.edited is not None and at is not None:
        if at == view.edited:
            return True
        parent = view.now.attempt(at)
        at = parent.parent if parent else None
    return False


def own_of(view: View | None, attempt: Attempt | None) -> dict[str, int]:
    """Return what the writer gave a text, by the id of the criterion."""
    return {o.criterion.id: o.score for o in view.own if o.attempt == attempt.number} if view and attempt else {}


def standing(view: View) -> str:
    """Return what the run is busy with and how far it is, or how it ended, in words for the user."""
    now, words = view.now, phase_of(view)
    if over(view) or not now.rubric or not now.attempts:
        return words
    if now.status == "judging":
        return f"{words}, {len(now.attempts[-1].scores)} of {len(now.rubric.criteria)} criteria"
    if now.status == GIVING:
        of_judge = {c.id for c in now.rubric.criteria if c.check is None}
        asked = [s for a in now.attempts for s in a.scores if s.value is not None and s.criterion_id in of_judge]
        return f"{words}, {sum(bool(s.reason) for s in asked)} of {len(asked)}"
    return words


def phase_of(view: View) -> str:
    """Return what the run is busy with, or how it ended: words that change only with its phases."""
    now = view.now
    if now.error:
        return "Failed; the text so far is kept" if any(a.text for a in now.attempts) else "Failed"
    if now.finished:
        why = now.stopped or ""
        lacks = why if why.startswith(NO_REASONS) else f"Done: {why}" if why else "Done"
        return ENDINGS.get(why, lacks[0].upper() + lacks[1:])
    if view.ended:
        return INTERRUPTED
    words = now.status or "starting"
    return words[0].upper() + words[1:]


def reason_of(attempt: Attempt) -> str:
    """Return why an attempt was kept or not, in words for the user."""
    return "it could not be judged" if attempt.why.startswith("not judged") else attempt.why


def title(attempt: Attempt) -> str:
    """Return what an attempt is called on the page."""
    if attempt.by == "user":
        return "Your text"
    return "First draft" if attempt.number == 1 else f"Round {attempt.number - 1}"


def wearing(view: View) -> str:
    """Return which adapter the model wore, and how strongly; empty where none."""
    return f"“{view.adapter}” at strength {view.strength:g}" if view.adapter else ""
