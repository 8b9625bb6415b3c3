"""(request, draft, Rubric) -> Evaluation: how far a draft meets each criterion.

The draft comes first and the criterion last, so the draft is evaluated once and every question forks from it. What a
small model says when it is asked is near noise; how the text reads to it is not, and much needs no model at all. So a
score is what readers are expected to say (`calibration.py`), in the light of the criterion, moved by the model's
verdict and by how near the text comes to the criterion's words; weights are fitted, never guessed by the model.

The verdict is the expected digit over the model's probabilities, asked in two wordings. Greedy digits are the same for
every draft and likelihood rewards blandness, so neither is used. Source: expected value over score tokens, and
`docs/judge.md`. Nothing here retries or hides a bug.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import NamedTuple

from writer_r1.calibration import Calibration, Opinion, Readers, on_scale
from writer_r1.checks import evidence, measure, notes, sentences_around
from writer_r1.checks.addressed import note_of, unaddressed
from writer_r1.events import Evaluated, Event, Scored, outcome
from writer_r1.llm import LLM, Cancel
from writer_r1.prompts import prompt_hash, render
from writer_r1.reasons import explained
from writer_r1.trajectory import Check, Criterion, Evaluation, JudgeInfo, Rubric, Score, weighted_reward

Similarity = Callable[[str, Sequence[str]], Sequence[float]]

DIGITS = tuple("123456789")
CUT = "stopped before it was judged"  # the reason of a score that a stop left open
QUESTIONS = (
    "Criterion: {name}. {description}\n"
    "How well does the draft meet it? Answer with one digit from 1 (not at all) to 9 (fully).",
    "Criterion: {name}. {description}\n"  # both begin alike, so that this is evaluated once
    "Grade how far this is true of the draft: 1 means it is false, 9 means it could not be truer.",
)
GATES: tuple[Check, ...] = (Check(type="completeness"), Check(type="repetition"), Check(type="relevance"))
OF_NARRATION = ("person", "tense")  # checks whose words ("I", "was") are too small to be quoted alone
OF_THE_WHOLE = ("length", "must_include")  # checks of a whole text, which one scene of it cannot meet or fail
NOT_OF_A_PART = "This is asked of the whole text; a part of it was judged."


class Judge(NamedTuple):
    llm: LLM
    similarity: Similarity | None
    cancel: Cancel
    readers: Readers | None = None  # without them the model's verdict stands alone, held down by the gates
    part: bool = False  # what is judged is a scene of a longer manuscript

    @property
    def info(self) -> JudgeInfo:
        """Return who judges."""
        fit = self.readers.calibration.id if self.readers else ""
        return JudgeInfo(model=self.llm.name, prompt_hash=prompt_hash("judge"), calibration=fit)


def evaluate(
    attempt: int,
    prompt: str,
    draft: str,
    rubric: Rubric,
    judge: Judge,
    known: Sequence[Score] = (),
    before: Evaluation | None = None,
    *,
    reasons: bool = True,
) -> Generator[Event, None, Evaluation]:
    """Return the evaluation of `draft`, yielding each score as it is known and again with its reason.

    `known` are scores of this very text: they are taken over, and only what they lack is asked for. What `before` says
    of the whole text stays where nothing is asked. What the draft says to whoever judges it is not shown to the model.
    """
    seen = unaddressed(draft)
    scores = {s.criterion_id: s for s in known}
    asked = [c for c in rubric.criteria if c.id not in scores]
    for criterion in asked:
        if criterion.check is not None:
            if judge.part and criterion.check.type in OF_THE_WHOLE:
                scores[criterion.id] = Score(criterion_id=criterion.id, value=None, reason=NOT_OF_A_PART)
            else:
                scores[criterion.id] = measured_score(criterion, criterion.check, prompt, draft, judge.similarity)
            yield Scored(attempt=attempt, score=scores[criterion.id])
    opinion: Opinion | None = None
    if fresh := [c for c in asked if c.check is None]:
        opinion = judge.readers.opinion(seen, prompt, judge.llm, judge.cancel) if judge.readers else None
        for criterion, score in zip(fresh, verdicts(prompt, seen, fresh, opinion, judge), strict=True):
            scores[criterion.id] = score
            yield Scored(attempt=attempt, score=score)
    if reasons:
        scores = yield from explained(attempt, prompt, draft, rubric, scores, judge.llm, judge.cancel)
    evaluation = settled(rubric, scores, judge.info, before)
    if opinion is not None:
        readers = {name: on_scale(rating) for name, rating in opinion.ratings.items()}
        asked_for = [(c.check.type, scores[c.id]) for c in rubric.criteria if c.check is not None]
        told = {"readers": readers, "notes": notes(draft, opinion.evidence, asked_for)}
        if seen != draft and judge.readers:
            found = evidence(draft, prompt, judge.readers.embed)
            told["notes"] = (*note_of(draft), *notes(draft, found, asked_for))
        evaluation = evaluation.model_copy(update=told)
    yield Evaluated(attempt=attempt, evaluation=evaluation)
    return evaluation


def scored(prompt: str, draft: str, rubric: Rubric, judge: Judge) -> Evaluation:
    """Return the evaluation of `draft` without reasons."""
    return outcome(evaluate(1, prompt, draft, rubric, judge, reasons=False))


def settled(
    rubric: Rubric, scores: Mapping[str, Score], judge: JudgeInfo, before: Evaluation | None = None
) -> Evaluation:
    """Return the evaluation that the scores of all criteria come to; `before` is of the same text.

    Without a reward where a stop left a score open: those that were known by then are no measure of the whole.
    """
    whole = all(s.reason != CUT for s in scores.values())
    return Evaluation(
        readers=before.readers if before else {},
        notes=before.notes if before else (),
        rubric_id=rubric.id,
        reward=weighted_reward(rubric, {k: s.value for k, s in scores.items()}) if whole else None,
        scores=tuple(scores[c.id] for c in rubric.criteria),
        judge=judge,
    )


def gates(prompt: str, draft: str, similarity: Similarity | None) -> dict[str, float]:
    """Return how whole the draft is by the checks that bound every verdict."""
    found = ((g.type, measure(g, draft, prompt, similarity).value) for g in GATES)
    return {kind: value for kind, value in found if value is not None}


def measured_score(criterion: Criterion, check: Check, prompt: str, draft: str, similarity: Similarity | None) -> Score:
    """Return a score that needs no model; its range is a point."""
    found = measure(check, draft, prompt, similarity)
    first = next(iter(found.spans), None)
    if first and check.type in OF_NARRATION:
        first = sentences_around(draft, *first)
    quote = draft[slice(*first)][:160] if first else None
    return Score(
        criterion_id=criterion.id,
        value=found.value,
        low=found.value,
        high=found.value,
        reason=found.reason,
        quote=quote,
        quote_found=quote is not None,
        parts={} if found.value is None else {check.type: found.value},
    )


def verdicts(
    prompt: str,
    draft: str,
    criteria: Sequence[Criterion],
    opinion: Opinion | None,
    judge: Judge,
    questions: Sequence[str] = QUESTIONS,
) -> list[Score]:
    """Return one score per criterion from a single forked batch; unscored where the model's answer has no digits."""
    shared = render("judge", request=prompt, draft=draft, question="")
    suffixes = [
        "\n\n" + render("judge", request="", draft="", question=q.format(name=c.name, description=c.description)).more
        for c in criteria
        for q in questions
    ]
    if not criteria:
        return []
    rows = judge.llm.choice_logprobs(shared.request, suffixes, DIGITS, judge.cancel)
    if not rows:
        unable = f"{judge.llm.name} cannot give scores; choose another model for judging on the Models page."
        why = CUT if rows == [] else unable
        return [Score(criterion_id=c.id, value=None, reason=why) for c in criteria]
    n = len(questions)
    asked = [rows[i * n : i * n + n] for i in range(len(criteria))]
    if judge.readers is None or opinion is None:
        evidence = gates(prompt, draft, judge.similarity)
        return [score_from(c, row, evidence) for c, row in zip(criteria, asked, strict=True)]
    near = judge.readers.found(draft, criteria)
    return [
        read_score(c, row, judge.readers.of_criterion(c, opinion.ratings), near[i], judge.readers.calibration)
        for i, (c, row) in enumerate(zip(criteria, asked, strict=True))
    ]


def score_from(criterion: Criterion, rows: Sequence[dict[str, float]], evidence: dict[str, float]) -> Score:
    """Return the score that several wordings of one question give together."""
    values, raw = _answers(rows)
    if not values:
        return Score(criterion_id=criterion.id, value=None, reason="The model gave no number.", raw=raw)
    mixed = [mix(v, evidence) for v in values]
    return Score(
        criterion_id=criterion.id,
        value=min(max(mixed), max(min(mixed), math.fsum(mixed) / len(mixed))),  # a mean of equals may round past them
        low=min(mixed),
        high=max(mixed),
        parts={"verdict": math.fsum(values) / len(values), **evidence},
        raw=raw,
    )


def read_score(
    criterion: Criterion, rows: Sequence[dict[str, float]], rating: float, near: float, fit: Calibration
) -> Score:
    """Return the score that the readers' expected rating, the model's verdict and the text's nearness give together."""
    values, raw = _answers(rows)
    if not values:
        return Score(criterion_id=criterion.id, value=None, reason="The model gave no number.", raw=raw)
    verdict = math.fsum(values) / len(values)
    mixed = fit.mixed(rating, verdict, near)
    half = (fit.margin + fit.verdict_weight * (max(values) - min(values))) / 2
    return Score(
        criterion_id=criterion.id,
        value=on_scale(mixed),
        low=on_scale(mixed - half),
        high=on_scale(mixed + half),
        parts={"readers": rating, "verdict": verdict, "near": near},
        raw=raw,
    )


def _answers(rows: Sequence[dict[str, float]]) -> tuple[list[float], str]:
    """Return the answers that can be read, and all of them as they were given, on 1 to 9."""
    asked = [expected_digit(row) for row in rows]
    return [v for v in asked if v is not None], " ".join("-" if v is None else f"{1 + 8 * v:.2f}" for v in asked)


def expected_digit(row: dict[str, float]) -> float | None:
    """Return E[(digit - 1) / 8] in [0, 1], or None if the model puts less than a fifth of its belief on digits."""
    mass = {int(c): math.exp(p) for c, p in row.items() if math.isfinite(p)}
    total = math.fsum(mass.values())
    if total < 0.2:
        return None
    return min(1.0, max(0.0, math.fsum((d - 1) / 8 * p for d, p in mass.items()) / total))


def mix(verdict: float, evidence: dict[str, float]) -> float:
    """Return the verdict, lowered where a check found the draft broken.

    A small model praises garbled, cut and off-topic text; the worst gate bounds what it may give. Ours, for a judge
    without readers.
    """
    return verdict * min((0.25 + 0.75 * v for v in evidence.values()), default=1.0)
