"""One request -> events, to the end: rubric, draft, scores, reflection, better rounds. The story of the studio.

MRPO without training (`docs/papers.md` 3): revise from the best attempt so far, keep a revision only if it is better
beyond the judge's own range and no criterion falls, remember what helped and what did not, and say why it stopped.
A pure generator: it knows no page, no SQL and no thread.
"""

import time
import uuid
from collections.abc import Generator, Iterator
from typing import Literal, NamedTuple

from writer_r1.acceptance import Verdict, accept, usable
from writer_r1.calibration import Readers
from writer_r1.checks import word_count
from writer_r1.criteria import Analyst, Similarity, derive_rubric
from writer_r1.drafting import Writer, Written, write_draft
from writer_r1.errors import RequestTooLong
from writer_r1.events import (
    BY_USER,
    CRITERIA_READY,
    JUDGED,
    NOT_SCORED,
    Accepted,
    Drafted,
    Event,
    Finished,
    Part,
    Recalled,
    Reflected,
    Rejected,
    RubricReady,
    Started,
    Status,
    Stopped,
)
from writer_r1.facts import facts_of_part, read_facts, voice_of
from writer_r1.judge import Judge, evaluate
from writer_r1.llm import LLM, Cancel
from writer_r1.one_go import think
from writer_r1.reasons import explained_at_the_end
from writer_r1.reflection import Critic, Recall, reflect
from writer_r1.revising import revise_draft
from writer_r1.story import Rest, Retell
from writer_r1.trajectory import (
    Attempt,
    Criterion,
    Evaluation,
    Lesson,
    Reflection,
    Rubric,
    Trajectory,
    weighted_reward,
)

BESIDE = 700  # tokens that the longest question about a text takes beside it


class Task(NamedTuple):
    """What the user asked for. `target` and `each` are on [0, 1]: 8 and 6 of 10 (unknown in the paper).

    With a `text` of the user's own that one is judged and revised, instead of a draft of the model's.
    """

    trajectory_id: str
    prompt: str
    rubric: Rubric | None = None
    rounds: int = 3
    seed: int = 0
    max_words: int | None = None
    depth: Literal["quick", "full"] = "quick"
    target: float = 7 / 9
    each: float = 5 / 9
    patience: int = 1
    kept: tuple[Criterion, ...] = ()  # where criteria are still to be found, these stand first
    dismissed: tuple[Criterion, ...] = ()  # and these are left out
    stop_after: Literal["criteria", "rounds"] = "rounds"
    text: str = ""
    part: Part | None = None  # the scene that is worked on, of a longer manuscript
    rest: tuple[Rest, ...] = ()  # and what stands around it there
    story: str = ""  # that in short, once it is told
    protected: tuple[str, ...] = ()  # passages of the manuscript that a revision keeps as they stand
    adapter: str = ""  # that the writer wears, by name, and how strongly
    strength: float = 1.0
    plan: str = ""  # of the writing model's own, for the first draft
    one_go: bool = False  # one thought of the model's own (`one_go.py`) in the place of draft and rounds
    reasons: bool = True  # whether each score is told why in the end, which costs time and moves no score


class Team(NamedTuple):
    """Who works: models by role, likeness of texts (None without the embedding model), lessons, and a way to stop.

    `readers` stand in for people where the judge was calibrated; `retell` reads what is around a scene. The judge also
    finds the criteria and says what to change, unless that is another's part.
    """

    writer: LLM
    judge: LLM
    similarity: Similarity | None
    recall: Recall
    cancel: Cancel
    readers: Readers | None = None
    retell: Retell | None = None
    analyst: LLM | None = None
    critic: LLM | None = None


def write(task: Task, team: Team) -> Iterator[Event]:
    """Yield everything that happens from the request to the best attempt."""
    settings = {name: getattr(task, name) for name in ("rounds", "depth", "target", "max_words")}
    _check_fits(task, team.judge)
    yield Started(
        prompt=task.prompt,
        model=team.writer.name,
        judge=team.judge.name,
        seed=task.seed,
        adapter=task.adapter,
        strength=task.strength,
        analyst=_other(team.analyst, team),
        critic=_other(team.critic, team),
        settings=settings,
        part=task.part,
    )
    analyst = Analyst(team.analyst or team.judge, team.similarity, team.cancel, task.seed)
    rubric = task.rubric or (yield from derive_rubric(task.prompt, analyst, task.depth, task.kept, task.dismissed))
    if task.rubric is not None:
        yield RubricReady(rubric=rubric)
    if task.stop_after == "criteria":
        yield Stopped(why=BY_USER if team.cancel() else CRITERIA_READY)
        yield Finished(trajectory_id=task.trajectory_id, best_attempt=None, rounds=0)
        return
    thought = task.one_go and not task.text and task.part is None
    events = _one_thought(task, rubric, team) if thought else _rounds(task, rubric, team)
    if task.reasons:
        run = Trajectory(id=task.trajectory_id, prompt=task.prompt, rubric=rubric)
        events = explained_at_the_end(events, run, team.judge, team.cancel)
    yield from events


def _one_thought(task: Task, rubric: Rubric, team: Team) -> Iterator[Event]:
    """Yield a thought in one go, and which text of it is best."""
    facts, voice = read_facts(task.prompt), voice_of(rubric.criteria)
    writer = Writer(team.writer, team.cancel, facts, task.seed, task.max_words, voice)
    judge, best, rounds = Judge(team.judge, team.similarity, team.cancel, team.readers), None, 0
    for event in think(task.prompt, rubric, writer, judge):
        if isinstance(event, Accepted):
            best = event.attempt
        if isinstance(event, Drafted):
            rounds = event.attempt - 1
        yield event
    yield Finished(trajectory_id=task.trajectory_id, best_attempt=best, rounds=rounds)


def _other(llm: LLM | None, team: Team) -> str:
    """Return the name of a model, where it is not the judge."""
    return llm.name if llm and llm.name != team.judge.name else ""


def _check_fits(task: Task, judge: LLM) -> None:
    """Refuse a text of the user's own that no question about it would fit beside, before anything is asked."""
    if not task.text:
        return
    room = max(0, judge.context_tokens - judge.count(task.prompt) - BESIDE)
    if (tokens := judge.count(task.text)) > room:
        words = word_count(task.text)
        fit = words * room // tokens
        raise RequestTooLong(
            f"Your text has {words:,} words, and {judge.name} can judge about {fit:,} at once; take a shorter part of "
            "it: put # headings or *** between its parts and work on one of them."
        )


def _rounds(task: Task, rubric: Rubric, team: Team) -> Iterator[Event]:
    """Yield the attempts, each with what came of it, and why they ended."""
    best: Attempt | None = None
    misses, why = 0, JUDGED if task.text and not task.rounds else "round limit reached"
    for number in range(1, task.rounds + 2):
        if team.cancel():
            break
        if task.rest and team.retell and (number > 1 or not task.text):  # once, and not where a text is only judged
            task = task._replace(story=(yield from team.retell(task.rest)), rest=())
        attempt = yield from _attempt(number, task, rubric, best, team)
        if team.cancel():
            break
        verdict = accept(rubric, best, attempt)
        outcome = Accepted if verdict.accepted else Rejected
        yield outcome(attempt=number, why=verdict.why)
        yield from _learn(task, rubric, attempt, verdict)
        if verdict.accepted:
            best, misses = attempt, 0
        else:
            misses += 1
        if best is not None and reached(rubric, best, task):
            why = "target reached"
            break
        if misses > task.patience and best is not None:
            why = "no improvement"
            break
        if task.text and best is None:
            why = NOT_SCORED
            break
    yield Stopped(why=BY_USER if team.cancel() else why)
    yield Finished(trajectory_id=task.trajectory_id, best_attempt=best.number if best else None, rounds=number - 1)


def _attempt(
    number: int, task: Task, rubric: Rubric, best: Attempt | None, team: Team
) -> Generator[Event, None, Attempt]:
    """Return attempt `number`: a first text while there is nothing usable, else a revision of the best; evaluated."""
    began = time.monotonic()
    facts, voice = read_facts(task.prompt), voice_of(rubric.criteria)
    label, length = task.part.label if task.part else "", task.max_words
    if task.part:
        facts, length = facts_of_part(facts), length or word_count(task.part.text) or None
    writer = Writer(
        team.writer, team.cancel, facts, task.seed, length, voice, task.protected, label, task.story, task.plan
    )
    reflection: Reflection | None = None
    if best is None:
        written = yield from _first_text(number, task, writer, team.recall)
    else:
        yield Status(text="reflecting on the weakest criteria")
        critic = Critic(team.critic or team.judge, team.recall, team.cancel, task.seed + number, label, task.story)
        reflection = yield from reflect(task.prompt, rubric, best, critic)
        yield Reflected(attempt=number, reflection=reflection)
        yield Status(text="revising")
        seeded = writer._replace(seed=task.seed + 101 * number)
        written = yield from revise_draft(number, best.number, task.prompt, best.text, reflection.advice, seeded)
    evaluation: Evaluation | None = None
    if usable(written) and not written.cancelled:
        yield Status(text="judging")
        judge = Judge(team.judge, team.similarity, team.cancel, team.readers, part=task.part is not None)
        evaluation = yield from evaluate(number, task.prompt, written.text, rubric, judge, reasons=False)
    return Attempt(
        number=number,
        parent=best.number if best else None,
        by="user" if best is None and task.text else "model",
        text=written.text,
        complete=True,
        faults=written.faults,
        evaluation=evaluation,
        reflection=reflection,
        tokens=written.tokens,
        seconds=time.monotonic() - began,
    )


def _first_text(number: int, task: Task, writer: Writer, recall: Recall) -> Generator[Event, None, Written]:
    """Return the text that everything starts from: the user's own to the letter, or a draft."""
    if task.text:
        yield Drafted(attempt=number, text=task.text, by="user")
        return Written(task.text, (), 0, cancelled=False)
    lessons = list(recall(task.prompt, None))
    for lesson in lessons:
        yield Recalled(lesson=lesson, origin="recalled")
    yield Status(text="drafting")
    return (yield from write_draft(number, task.prompt, writer, lessons, harder=number > 1))


def reached(rubric: Rubric, best: Attempt, task: Task) -> bool:
    """Return whether the best attempt is good enough to stop: overall, and in each criterion, all of them scored.

    What is judged has to be so by itself: a full score for a length that was kept says nothing of the prose. Only a
    check that this text does not allow (likeness outside English) does not count.
    """
    if best.evaluation is None or best.evaluation.reward is None:
        return False
    rows = [(c, best.evaluation.score(c.id)) for c in rubric.criteria]
    values = {c.id: s.value if s else None for c, s in rows if c.check is None or (s and s.value is not None)}
    judged = rubric.model_copy(update={"criteria": tuple(c for c in rubric.criteria if c.check is None)})
    parts = (best.evaluation.reward, weighted_reward(judged, values))
    return all(v is not None and v >= task.each for v in values.values()) and all(
        part >= task.target for part in parts if part is not None
    )


def _learn(task: Task, rubric: Rubric, attempt: Attempt, verdict: Verdict) -> Iterator[Event]:
    """Yield a lesson for each piece of advice that was tried, named for the criterion it served."""
    if attempt.reflection is None or attempt.evaluation is None:
        return
    for advice in attempt.reflection.advice:
        criterion = rubric.criterion(advice.criterion_id)
        yield Recalled(
            origin="learned",
            lesson=Lesson(
                id="l-" + uuid.uuid4().hex[:12],
                kind="success" if verdict.accepted else "failure",
                criterion=criterion.name,
                text=advice.edit,
                prompt=task.prompt,
                rubric_id=rubric.id,
                trajectory_id=task.trajectory_id,
                delta=verdict.gain,
            ),
        )
