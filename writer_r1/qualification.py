"""What was measured of a judge model -> how far its scores can be trusted: in one word, and in a sentence for people.

One small file a model: what this machine measured, else what came with the studio. It holds for the judge prompt and
the fit that it was measured with, and for no other. Measuring is `qualify.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from writer_r1.calibration import fit_id
from writer_r1.places import data
from writer_r1.prompts import prompt_hash
from writer_r1.trajectory import Attempt, Evaluation, JudgeInfo, Noun, Trajectory

Trust = Literal["high", "some", "low", "none"]

READERS = "wp_a"  # the rated set that decides: its raters agree best among themselves
ALL = "all"  # the row over every ladder, or every text made to please
MEAN = "mean_rho"

# Each mark is one that something trivial misses, or that people reach: `docs/decisions/0008-trust-in-a-judge.md`.
CLOSE, FAIR = 0.50, 0.30  # mean rho: one reader agrees with two others at 0.58, the length of a text alone below 0.2
RELEVANCE = 0.44  # what counting the words of the request in the text reaches
GIVEN_LENGTH = 0.20  # on HANNA, where longer texts are liked better
EDITED = 0.78  # LAMP: "fewer stock phrases wins" is right that often
SOUND, ORDERLY, ROUGH = 0.95, 0.90, 0.75  # steps of the ladders in order; chance is 0.5
ALIKE = 0.70  # steps that both wordings of the question order alike
FEWEST_BITS = 1.0  # below it nearly every text gets the same score, and an order is an accident
MOST_UNSCORED = 0.10  # above it the texts that could be scored are a choice of the judge's

PLAIN = {"grammaticality": "grammar", "cohesiveness": "cohesion"}


class Agreement(Noun):
    """Spearman's rho of a judge's scores and people's ratings, with its 95 % interval, and with length held fixed."""

    rho: float | None
    lo: float | None
    hi: float | None
    rho_given_length: float | None
    texts: int


class Accuracy(Noun):
    """The share of pairs in which the judge prefers what it should, with its 95 % interval; a tie counts half."""

    accuracy: float | None
    lo: float | None
    hi: float | None
    pairs: int


class Ladder(Noun):
    """The share of neighbouring steps in order with its interval (a tie counts half), and of whole ladders in order."""

    il: float | None
    lo: float | None
    hi: float | None
    pl: float | None
    pairs: int


Rated = dict[str, Agreement | Accuracy | float]  # by criterion, `pairs`, and the mean where there are several


class Qualification(Noun):
    """All that was measured of one judge. What a text without a score takes part in is left out of every share."""

    judge: str
    prompt_hash: str
    calibration: str = ""  # id of the fit it was measured with
    trust: Trust
    ladders: dict[str, Ladder]
    adversarial: dict[str, Accuracy]  # texts made to please that do not beat the honest one
    sets: dict[str, Rated] = {}
    position_consistency: float | None  # the share of steps that both wordings of the question order alike
    entropy: float | None  # bits of all scores, in tenths of 1 to 10
    unscored: float
    failing: tuple[str, ...] = ()  # what misses its pass mark
    left_out: dict[str, str] = {}  # a rated set -> why it was not read
    originals: int
    seed: int
    texts: int
    seconds: float  # that the judge took for them
    measured: str  # the day, as 2026-01-31


def trust_in(order: float | None, readers: Rated | None, entropy: float | None, unscored: float) -> Trust:
    """Return the word that the measurements deserve.

    Agreement with readers can be no accident of our own ladders, so without it no more than "some" is given. A judge
    that says the same of everything, or nothing of much, is held to "low" whatever order it gets right.
    """
    if order is None or order < ROUGH:
        return "none"
    if entropy is None or entropy < FEWEST_BITS or unscored > MOST_UNSCORED or order < ORDERLY:
        return "low"
    if readers is None or MEAN not in readers:
        return "some"
    mean, relevance = number(readers, MEAN), number(readers, "relevance")
    if mean >= CLOSE and relevance > RELEVANCE and order >= SOUND:
        return "high"
    return "some" if mean >= FAIR else "low"


def missed(
    sets: Mapping[str, Rated], order: float | None, consistency: float | None, resisted: float | None
) -> tuple[str, ...]:
    """Return what misses its pass mark; sets without one (TTCW, WQRM, Confederacy) are reported only."""
    hanna = [m.rho_given_length or 0.0 for m in sets.get("hanna", {}).values() if isinstance(m, Agreement)]
    marks = {
        "ladders": order is not None and order >= ORDERLY,
        "position_consistency": consistency is not None and consistency >= ALIKE,
        "adversarial": resisted == 1,  # a text made to please never beats the honest one
        READERS: all(number(sets.get(READERS, {}), k) > mark for k, mark in ((MEAN, FAIR), ("relevance", RELEVANCE))),
        "hanna": bool(hanna) and sum(hanna) / len(hanna) >= GIVEN_LENGTH,
        "lamp": number(sets.get("lamp", {}), "pairs") > EDITED,
    }
    measured = {"ladders", "position_consistency", "adversarial", *sets}
    return tuple(name for name, passed in marks.items() if name in measured and not passed)


def number(rated: Rated, name: str) -> float:
    """Return the figure of this name; what was not measured counts as no agreement."""
    found = rated.get(name, 0.0)
    if isinstance(found, Agreement):
        return found.rho or 0.0
    return (found.accuracy or 0.0) if isinstance(found, Accuracy) else found


def sentence(found: Qualification) -> str:
    """Return what was measured, in one sentence for people."""
    parts = [_with_readers(found.sets.get(READERS)), spoiled(found)]
    if found.entropy is None or found.entropy < FEWEST_BITS:
        parts.append("gives nearly every text the same score")
    if found.unscored > MOST_UNSCORED:
        parts.append(f"gives no usable answer {of_100(found.unscored)} times in 100")
    if found.position_consistency is not None and found.position_consistency < ALIKE:
        parts.append("changes its mind with the wording of the question")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}."


def _with_readers(readers: Rated | None) -> str:
    if not readers:
        return "was not compared with readers"
    rows = {PLAIN.get(k, k): m for k, m in readers.items() if isinstance(m, Agreement)}
    yes = {k: m.rho for k, m in rows.items() if m.rho is not None and m.rho >= FAIR and (m.lo or 0.0) > 0}
    with_numbers = listed([f"{name} ({rho:.2f})" for name, rho in yes.items()], "and")
    others = listed([name for name in rows if name not in yes], "or")
    if not yes:
        return f"does not agree with readers on {others}"
    return f"agrees with readers on {with_numbers}" + (f", not on {others}" if others else "")


def spoiled(found: Qualification) -> str:
    """Return how often the more spoiled of two texts is put lower, as part of a sentence."""
    order = found.ladders[ALL].il
    if order is None:
        return "could not be brought to put texts in order"
    return f"puts the more spoiled of two texts lower {of_100(order)} times in 100"


def of_100(share: float) -> int:
    """Return a share in whole hundredths; all of them only where it is all of them."""
    return min(round(100 * share), 99) if share < 1 else 100


def listed(names: list[str], last: str) -> str:
    """Return names as a sentence lists them."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def result_at(model: str, home: Path) -> Path:
    """Return where this machine's own result for a model is kept."""
    return home / "judges" / f"{model}.qualified.json"


def qualification_of(model: str, home: Path) -> Qualification | None:
    """Return what is known of a model as it judges now; None where nothing was measured with its prompt and fit."""
    return measured_with(prompt_hash("judge"), fit_id(model, home), model, home)


def measured_with(prompt: str, fit: str, model: str, home: Path) -> Qualification | None:
    """Return what was measured of a model with exactly this prompt and fit: here, else before the studio was shipped.

    A file that is damaged counts as none: the model can be measured again.
    """
    for path in (result_at(model, home), data(f"assets/judges/{model}.qualified.json")):
        try:
            found = Qualification.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        if (found.prompt_hash, found.calibration) == (prompt, fit):
            return found
    return None


def marked(evaluation: Evaluation, home: Path) -> Evaluation:
    """Return the evaluation with how far its judge was measured to be trusted."""
    return evaluation.model_copy(update={"judge": _told(evaluation.judge, home)})


def told_since(judge: JudgeInfo, home: Path) -> JudgeInfo:
    """Return the judge with what was measured of it since it gave its scores; a word that was earned stays."""
    return _told(judge, home) if judge.trust == "unmeasured" else judge


def _told(judge: JudgeInfo, home: Path) -> JudgeInfo:
    found = measured_with(judge.prompt_hash, judge.calibration, judge.model, home)
    return judge.model_copy(update={"trust": found.trust}) if found else judge


def marked_since(now: Trajectory, home: Path) -> Trajectory:
    """Return the run; what was scored before its judge was measured says what was measured since.

    Each judge is looked up once, since a page asks for this at every update.
    """
    judges = {a.evaluation.judge for a in now.attempts if a.evaluation}
    told = {judge: known for judge in judges if (known := told_since(judge, home)) != judge}
    if not told:
        return now
    return now.model_copy(update={"attempts": tuple(_attempt_told(a, told) for a in now.attempts)})


def _attempt_told(attempt: Attempt, told: Mapping[JudgeInfo, JudgeInfo]) -> Attempt:
    given = attempt.evaluation
    if given is None or given.judge not in told:
        return attempt
    return attempt.model_copy(update={"evaluation": given.model_copy(update={"judge": told[given.judge]})})
