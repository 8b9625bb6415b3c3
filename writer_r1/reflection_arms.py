"""A request -> its draft made better in several ways, each for as many generated tokens: arms of a measurement.

All arms begin with the same draft and differ only in what is asked of the reviser: nothing at all, "better" of
paragraphs drawn by lot, what another piece was advised (a placebo: as concrete, and beside the point), what a judge
says without criteria, or what the studio's loop says. The loop goes first; what it spends on reflections and revisions
is the budget of the others. The loop without memory is the same loop, ended by its own rules.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, cast

from writer_r1.acceptance import accept, usable
from writer_r1.checks import paragraphs
from writer_r1.checks.addressed import unaddressed
from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.drafting import Writer, Written, write_draft
from writer_r1.events import Accepted, Event, Recalled, Thought, outcome
from writer_r1.facts import read_facts
from writer_r1.folding import fold
from writer_r1.judge import Judge, scored
from writer_r1.llm import LLM, Cancel, Reply, Request, Sampling, complete, never
from writer_r1.loop import Task, Team, write
from writer_r1.memory import recall
from writer_r1.one_go import think
from writer_r1.prompts import render
from writer_r1.reflection import in_its_words, read_advice, reflection_request, weakest
from writer_r1.revising import revise_draft
from writer_r1.trajectory import Advice, Attempt, Criterion, Lesson, Noun, Reflection, Rubric, Trajectory, digest

DIRECT, BLIND, PLACEBO, MRPO = "direct", "blind rewrite", "placebo critique", "MRPO"
BEST_OF, GENERIC, ONE_GO = "best of several", "generic critique", "thinking in one go"
PLAIN, NO_MEMORY = "plain judge rounds", "MRPO without memory"
ARMS = (DIRECT, BLIND, PLACEBO, MRPO)  # those that are always run
MOST_ROUNDS = 12  # of an arm that spends little a round
PER_ROUND = 2  # paragraphs that a blind round rewrites, as a reflection names at most
BETTER = "Write it better."
WHOLE = Criterion(name="The piece as a whole", description="This is a good piece of writing.")
VERDICT = re.compile(r"([1-9])(?!\d)(?: ?(?:/|of|out of) ?\d+)?[ .,:;-]*(.*)")  # a digit, and a critique
CRITIQUE = 160  # tokens of a critique at most, as of a reflection

Asked = tuple[Sequence[Advice], int]  # what is asked of the reviser, and the tokens that it took to say so
Advise = Callable[[int, Attempt], Asked]


class Start(Noun):
    """What all arms have in common: the criteria and the draft, judged."""

    prompt: str
    rubric: Rubric
    draft: Attempt


class Played(Noun):
    """What an arm did: its attempts, the draft first, and the tokens that it generated after the draft."""

    attempts: tuple[Attempt, ...]
    tokens: int = 0

    @property
    def best(self) -> Attempt:
        """Return the attempt that was accepted last."""
        return next((a for a in reversed(self.attempts) if a.accepted), self.attempts[0])


class Players(NamedTuple):
    """Who writes and who judges, how many rounds the loop has at most, and the seed of their choices."""

    writer: LLM
    judge: Judge
    rounds: int
    seed: int


def begin(prompt: str, rubric: Rubric | None, players: Players) -> Start:
    """Return the criteria and a judged draft; one that is none (the model asks back, loops) is drawn again.

    As in the loop: as often as it has rounds.
    """
    judge = players.judge
    analyst = Analyst(judge.llm, judge.similarity, judge.cancel, players.seed)
    rubric = rubric or outcome(derive_rubric(prompt, analyst))
    for number in range(1, players.rounds + 2):
        written = outcome(write_draft(number, prompt, _writer(prompt, players), harder=number > 1))
        if usable(written) or judge.cancel():
            break
    draft = _attempt(1, None, written, prompt, rubric, judge)
    return Start(prompt=prompt, rubric=rubric, draft=draft.model_copy(update={"accepted": True}))


def looped(start: Start, players: Players, *, memory: bool = True) -> Played:
    """Return what the studio's own loop makes of the draft.

    Its memory is what the rounds of this piece taught, as in a library that has no other piece; or nothing at all.
    """
    judge, learned = players.judge, list[Lesson]()

    def lessons(prompt: str, criterion: str | None) -> Sequence[Lesson]:
        return recall(prompt, criterion, learned if memory else (), judge.similarity)

    critic = _Counted(judge.llm)
    team = Team(players.writer, judge.llm, judge.similarity, lessons, judge.cancel, judge.readers)
    team = team._replace(critic=cast(LLM, critic))
    task = Task("bench", start.prompt, start.rubric, players.rounds, players.seed, text=start.draft.text, reasons=False)
    run = fold(_learning(write(task, team), learned), Trajectory(id="bench", prompt=start.prompt))
    attempts = (start.draft, *(a for a in run.attempts if a.number > 1))
    return Played(attempts=attempts, tokens=critic.tokens + sum(a.tokens for a in attempts[1:]))


class _Counted:
    """A model, and how many tokens it wrote: what was advised in the end does not tell what was said."""

    def __init__(self, llm: LLM) -> None:
        self._llm, self.tokens = llm, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        finish = yield from self._llm.stream(request, sampling, cancel)
        self.tokens += finish.tokens
        return finish


def _learning(events: Iterator[Event], learned: list[Lesson]) -> Iterator[Event]:
    """Yield the events of the loop; what it learns is noted before its next round begins, as the library does."""
    for event in events:
        if isinstance(event, Recalled) and event.origin == "learned":
            learned.append(event.lesson)
        yield event


def advised(rubric: Rubric, played: Played) -> list[tuple[Advice, ...]]:
    """Return what was advised under judged criteria in each round, to be given to another piece.

    What is measured, such as a length, is asked of that piece, too, and so no placebo. Where nothing else was advised,
    the draft's weakest judged criteria are asked for in their own words.
    """
    judged = tuple(c for c in rubric.criteria if c.check is None)
    known = {c.id for c in judged}
    told = [a.reflection.advice if a.reflection else () for a in played.attempts]
    found = [kept for advice in told if (kept := tuple(a for a in advice if a.criterion_id in known))]
    if found or not judged:
        return found
    low = weakest(rubric.model_copy(update={"criteria": judged}), played.attempts[0])
    words = [Advice(criterion_id=c.id, paragraph=k, fault="", edit=in_its_words(c)) for k, (c, _) in enumerate(low, 1)]
    return [tuple(words)] if words else []


def blind(start: Start, budget: int, players: Players) -> Played:
    """Return the draft with paragraphs drawn by lot written anew, round by round, until the budget is spent."""
    chance = Random(digest(start.prompt, str(players.seed)))

    def advise(number: int, best: Attempt) -> Asked:
        count = len(paragraphs(best.text))
        drawn = chance.sample(range(1, count + 1), min(PER_ROUND, count))
        return [Advice(criterion_id="", paragraph=k, fault="", edit=BETTER) for k in drawn], 0

    return _rounds(start, budget, advise, players)


def placebo(start: Start, budget: int, others: Sequence[Sequence[Advice]], players: Players) -> Played:
    """Return the draft revised by what another piece was advised, round by round, until the budget is spent."""

    def advise(number: int, best: Attempt) -> Asked:
        count = len(paragraphs(best.text))
        given = others[(number - 2) % len(others)] if others else ()
        return [a.model_copy(update={"paragraph": min(a.paragraph, count), "operation": "rewrite"}) for a in given], 0

    return _rounds(start, budget, advise, players)


def generic(start: Start, budget: int, players: Players) -> Played:
    """Return the draft revised by what the judge's model says of it without criteria, until the budget is spent."""

    def advise(number: int, best: Attempt) -> Asked:
        request = reflection_request(start.prompt, WHOLE, best.text, ())
        sampling = Sampling(max_tokens=CRITIQUE, temperature=0.4, repeat_penalty=1.05, seed=players.seed + number)
        reply, finish = complete(players.judge.llm, request, sampling, players.judge.cancel)
        found = read_advice(reply, WHOLE, best.text)
        return ([found] if found else []), finish.tokens

    return _rounds(start, budget, advise, players)


def plain_judge(start: Start, budget: int, players: Players) -> Played:
    """Return the draft written anew after each plain verdict of the judge's model, until the budget is spent.

    A digit and a few sentences on the whole, without criteria, quotes or memory. As no place is named, every paragraph
    is written anew; and as nothing is compared, each new text is taken. Source: Self-Refine, arXiv 2303.17651; the
    words are ours.
    """
    judge = players.judge

    def advise(number: int, best: Attempt) -> Asked:
        request = render("verdict", request=start.prompt, draft=unaddressed(best.text)).request
        sampling = Sampling(CRITIQUE, temperature=0.4, repeat_penalty=1.05, seed=players.seed + number)
        reply, finish = complete(judge.llm, request, sampling, judge.cancel)
        said, count = read_verdict(reply), len(paragraphs(best.text))
        told = [Advice(criterion_id="", paragraph=k, fault="", edit=said) for k in range(1, count + 1)]
        return told if said else [], finish.tokens

    return _rounds(start, budget, advise, players, always=True)


def read_verdict(reply: str) -> str:
    """Return what a verdict asks of the reviser, in the words of the blind arm; nothing where nothing was said.

    Told that "a judge says", small models write about judges.
    """
    words = " ".join(reply.split())
    found = VERDICT.fullmatch(words)
    said = f"It was given {found[1]} of 9. {found[2]}" if found else words
    return f"{BETTER} {said}".strip() if words else ""


def one_go(start: Start, players: Players) -> Played:
    """Return what the model makes of the request in one thought, with a draft of its own."""
    judge, spent, taken = players.judge, 0, {1}
    run = Trajectory(id="bench", prompt=start.prompt, rubric=start.rubric)
    for event in think(start.prompt, start.rubric, _writer(start.prompt, players), judge):
        run = fold([event], run)
        spent = event.tokens if isinstance(event, Thought) else spent
        taken |= {event.attempt} if isinstance(event, Accepted) else set()
    first = run.attempts[0].tokens if run.attempts else 0
    kept = tuple(a.model_copy(update={"accepted": a.number in taken}) for a in run.attempts)
    return Played(attempts=kept or (start.draft,), tokens=max(0, spent - first))


def best_of(start: Start, budget: int, players: Players) -> Played:
    """Return more drafts, each accepted where the judge finds it better, until the budget is spent."""
    attempts, best, tokens = [start.draft], start.draft, 0
    while tokens < budget and len(attempts) <= MOST_ROUNDS:
        number = len(attempts) + 1
        seeded = _writer(start.prompt, players)._replace(seed=players.seed + 1000 * number)
        written = outcome(write_draft(number, start.prompt, seeded))
        attempt = _attempt(number, None, written, start.prompt, start.rubric, players.judge)
        tokens += attempt.tokens
        ahead = _reward(attempt) > _reward(best)
        attempts.append(attempt.model_copy(update={"accepted": ahead}))
        best = attempt if ahead else best
    return Played(attempts=tuple(attempts), tokens=tokens)


def _reward(attempt: Attempt) -> float:
    return attempt.evaluation.reward or 0.0 if attempt.evaluation else 0.0


def _rounds(start: Start, budget: int, advise: Advise, players: Players, *, always: bool = False) -> Played:
    """Return the draft after rounds of advice: each text is taken where it is better, or `always` if it is another."""
    attempts, best, tokens = [start.draft], start.draft, 0
    while tokens < budget and len(attempts) <= MOST_ROUNDS:
        number = len(attempts) + 1
        advice, cost = advise(number, best)
        if not advice and not cost:
            break
        writer = _writer(start.prompt, players)._replace(seed=players.seed + 101 * number)
        written = outcome(revise_draft(number, best.number, start.prompt, best.text, advice, writer))
        attempt = _attempt(number, best.number, written, start.prompt, start.rubric, players.judge)
        verdict = accept(start.rubric, best, attempt)
        if always and usable(written):
            verdict = verdict._replace(accepted=True, why=f"taken in any case ({verdict.why})")
        told = Reflection(on_attempt=best.number, advice=tuple(advice))
        attempt = attempt.model_copy(update={"accepted": verdict.accepted, "why": verdict.why, "reflection": told})
        attempts.append(attempt)
        best, tokens = attempt if verdict.accepted else best, tokens + max(1, cost + attempt.tokens)
    return Played(attempts=tuple(attempts), tokens=tokens)


def _writer(prompt: str, players: Players) -> Writer:
    return Writer(players.writer, players.judge.cancel, read_facts(prompt), players.seed)


def _attempt(number: int, parent: int | None, written: Written, prompt: str, rubric: Rubric, judge: Judge) -> Attempt:
    evaluation = scored(prompt, written.text, rubric, judge) if usable(written) else None
    return Attempt(
        number=number,
        parent=parent,
        text=written.text,
        complete=True,
        faults=written.faults,
        evaluation=evaluation,
        tokens=written.tokens,
    )
