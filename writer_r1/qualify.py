"""A judge model -> its Qualification: how it orders texts of known order, and how it agrees with people's ratings.

Every original of the known-order set and every text spoilt from it is scored once, as the studio scores: its
requirements are judged, and what can be measured of any piece is measured. A judge that puts a spoiled text above the
sounder one is not to be trusted with finer differences. Whether readers would agree only rated texts can tell
(`rated_sets.py`), which are not shipped.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from writer_r1.agreement import FEWEST, accuracy, agreement, bits, mean_agreement, right_way, rounded
from writer_r1.calibrate import RATED, file_digest
from writer_r1.calibration import Calibration
from writer_r1.checks import word_count
from writer_r1.errors import StoreError
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.ladders import Original, adversarial, corruptions, dropouts, originals, unseen_originals
from writer_r1.llm import Cancel
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import (
    ALL,
    MEAN,
    READERS,
    Accuracy,
    Agreement,
    Ladder,
    Qualification,
    Rated,
    measured_with,
    missed,
    result_at,
    trust_in,
)
from writer_r1.rated_sets import Folder, RatedSet, rated_sets
from writer_r1.scored_texts import Case, Found, Host, Say, identity, score_texts
from writer_r1.trajectory import Criterion, Rubric, mean, prompt_id
from writer_r1.whole_file import write_whole

ORIGINALS = 6  # of the known-order set: 136 texts, twenty minutes for the standard model on two cores
PER_SET = 60  # rows of each rated set
NAME_WORDS = 6  # of a requirement, which make its name

Look = Callable[[Case], Found]
Made = TypeVar("Made")


class Wanted(NamedTuple):
    """What to measure on: so many originals (None: all), and so many rows of each rated set in `data`, if given."""

    originals: int | None = ORIGINALS
    data: Path | None = None
    per_set: int = PER_SET
    seed: int = 0


class Rungs(NamedTuple):
    """A ladder of one original, the honest text first."""

    original: str
    ladder: str
    cases: tuple[Case, ...]


class Plan(NamedTuple):
    """All that is to be read. `pleasing` are pairs of an honest text and one made to please, named for the trick."""

    originals: int
    ladders: tuple[Rungs, ...]
    pleasing: tuple[Rungs, ...]
    sets: dict[str, RatedSet]
    left_out: dict[str, str]

    def cases(self) -> Iterator[Case]:
        """Yield every text, some of them more than once."""
        yield from (case for rungs in (*self.ladders, *self.pleasing) for case in rungs.cases)
        yield from (case for rated in self.sets.values() for case in rated.cases())


def qualify(model: str, wanted: Wanted, host: Host, say: Say, cancel: Cancel) -> Qualification | None:
    """Return what was measured of a judge model, which is kept; None where it was stopped, to go on the next time.

    Raises:
        WriterError: the model or the data cannot be used, or the result cannot be kept.
    """
    name = host.name_of(model)
    readers, judge_id = host.readers(name), identity(name, host)
    fit = readers.calibration if readers else None
    plan = planned(wanted, fit)
    found = score_texts(list(plan.cases()), model, host, say, cancel)
    if any(case.key(judge_id) not in found for case in plan.cases()):
        return None
    looked = {case: found[case.key(judge_id)] for case in plan.cases()}
    earlier = measured_with(prompt_hash("judge"), fit.id if fit else "", name, host.home)
    made = _measured(name, wanted.seed, plan, looked, earlier, fit)
    path = result_at(name, host.home)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, made.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"The result cannot be kept in {str(path)!r} ({error.strerror}).") from None
    return made


def planned(wanted: Wanted, fit: Calibration | None = None) -> Plan:
    """Return what is to be read; texts that the fit learned from are not.

    Raises:
        WriterError: the data cannot be used.
    """
    sets, left_out = dict[str, RatedSet](), dict[str, str]()
    if wanted.data:
        sets, left_out = rated_sets(Folder(wanted.data, wanted.per_set, wanted.seed))
        if fit is not None and fit.data_digest == file_digest(wanted.data / RATED):
            sets.pop(READERS, None)  # its agreement is that of the cross-validation
    chosen = chosen_originals(wanted.originals, wanted.seed)
    return Plan(
        len(chosen),
        tuple(rungs for o in chosen for rungs in _ladders(o, wanted.seed)),
        tuple(rungs for o in chosen for rungs in _pleasing(o, wanted.seed)),
        sets,
        left_out,
    )


def chosen_originals(count: int | None, seed: int) -> list[Original]:
    """Return so many originals that no fit has seen, drawn by the seed, no form twice before all were there once."""
    unseen = unseen_originals()
    drawn = Random(seed).sample(unseen, len(unseen))
    if count is None:
        return unseen
    forms = [o.form for o in drawn]
    return [drawn[i] for i in sorted(range(len(drawn)), key=lambda i: forms[:i].count(forms[i]))][:count]


def rubric_of(original: Original) -> Rubric:
    """Return the requirements of an original as criteria, and what the studio measures of every piece beside them."""
    names = (" ".join(wanted.rstrip(".").split()[:NAME_WORDS]) for wanted in original.requirements)
    rows = zip(names, original.requirements, strict=True)
    judged = tuple(Criterion(name=name, description=description) for name, description in rows)
    measured = measured_criteria(read_facts(original.request))
    return Rubric(prompt_id=prompt_id(original.request), criteria=(*judged, *measured))


def _ladders(original: Original, seed: int) -> Iterator[Rungs]:
    rubric = rubric_of(original)
    texts = {"dropped_requirements": dropouts(original)} | corruptions(original, originals(), seed)
    for ladder, rungs in texts.items():
        yield Rungs(original.id, ladder, tuple(Case(original.request, text, rubric) for text in rungs))


def _pleasing(original: Original, seed: int) -> Iterator[Rungs]:
    rubric = rubric_of(original)
    for trick, text in adversarial(original, seed).items():
        cases = tuple(Case(original.request, t, rubric) for t in (original.text, text))
        yield Rungs(original.id, trick, cases)


def _measured(
    model: str,
    seed: int,
    plan: Plan,
    found: dict[Case, Found],
    earlier: Qualification | None,
    fit: Calibration | None,
) -> Qualification:
    """Return the result; what readers' ratings showed before of the same judge, prompt and fit still holds."""
    look = found.__getitem__
    sets = (earlier.sets if earlier else {}) | {name: rated(of, look) for name, of in plan.sets.items()}
    own = fit is not None and fit.model == model  # that of no model in particular says nothing of this one
    sets |= {READERS: agreement_of(fit)} if fit and own and READERS not in plan.sets else {}
    ladders = _by_name(plan.ladders, lambda rows: ladder(rows, look))
    scores = [row.scores[c.name] for case, row in found.items() for c in case.rubric.criteria if c.check is None]
    given = [score for score in scores if score is not None]
    order, entropy, unscored = ladders[ALL].il, bits(given), rounded(1 - len(given) / len(scores))
    consistency, pleasing = alike(plan.ladders, look), _by_name(plan.pleasing, lambda rows: resisted(rows, look))
    return Qualification(
        judge=model,
        prompt_hash=prompt_hash("judge"),
        calibration=fit.id if fit else "",
        trust=trust_in(order, sets.get(READERS), entropy, unscored),
        ladders=ladders,
        adversarial=pleasing,
        sets=sets,
        position_consistency=consistency,
        entropy=entropy,
        unscored=unscored,
        failing=missed(sets, order, consistency, pleasing[ALL].accuracy),
        left_out={name: why for name, why in plan.left_out.items() if name not in sets},
        originals=plan.originals,
        seed=seed,
        texts=len(found),
        seconds=round(sum(row.seconds for row in found.values()), 1),
        measured=date.today().isoformat(),
    )


def agreement_of(fit: Calibration) -> Rated:
    """Return how a fit agreed, in cross-validation, with the readers it was made from."""
    rows: Rated = {
        a.name: Agreement(
            rho=a.quality.rho,
            lo=a.quality.low,
            hi=a.quality.high,
            rho_given_length=a.quality.given_length,
            texts=fit.texts,
        )
        for a in fit.aspects
    }
    return rows | {MEAN: fit.overall.rho, f"{MEAN[:-3]}lo": fit.overall.low, f"{MEAN[:-3]}hi": fit.overall.high}


def _by_name(rows: Sequence[Rungs], make: Callable[[Sequence[Rungs]], Made]) -> dict[str, Made]:
    names = dict.fromkeys(r.ladder for r in rows)
    return {name: make([r for r in rows if r.ladder == name]) for name in names} | {ALL: make(rows)}


def ladder(rows: Sequence[Rungs], look: Look) -> Ladder:
    """Return how the judge orders these ladders; a step or ladder that lacks a score is left out."""
    steps, groups, whole = list[float](), list[str](), list[bool]()
    for rungs in rows:
        ways = [way(look(a), look(b)) for a, b in pairwise(rungs.cases)]
        known = [w for w in ways if w is not None]
        steps += known
        groups += [rungs.original] * len(known)
        if len(known) == len(ways):
            whole.append(all(w == 1 for w in known))
    il = accuracy(steps, groups)
    pl = rounded(mean(map(float, whole))) if whole else None
    return Ladder(il=il.accuracy, lo=il.lo, hi=il.hi, pl=pl, pairs=il.pairs)


def resisted(rows: Sequence[Rungs], look: Look) -> Accuracy:
    """Return how often a text made to please does not beat the honest one: a tie is as good."""
    ways = [(rungs.original, way(*map(look, rungs.cases))) for rungs in rows]
    known = [(original, float(w > 0)) for original, w in ways if w is not None]
    return accuracy([right for _, right in known], [original for original, _ in known])


def way(better: Found, worse: Found) -> float | None:
    """Return 1, 0.5 or 0 as two texts are in order, over what was scored in both; None where nothing was."""
    both = [(v, w) for name, v in better.scores.items() if v is not None and (w := worse.scores.get(name)) is not None]
    return right_way(mean(v for v, _ in both), mean(w for _, w in both)) if both else None


def alike(rows: Sequence[Rungs], look: Look) -> float | None:
    """Return the share of steps that the wordings of the question order alike, where at least two were answered."""
    same = []
    for rungs in rows:
        for a, b in pairwise(rungs.cases):
            ways = {right_way(x, y) for x, y in zip(look(a).wordings, look(b).wordings, strict=False)}
            if min(len(look(a).wordings), len(look(b).wordings)) > 1:
                same.append(float(len(ways) == 1))
    return rounded(mean(same)) if same else None


def rated(of: RatedSet, look: Look) -> Rated:
    """Return how scores agree with what people thought of a set."""
    made: Rated = {}
    names = list(dict.fromkeys(name for text in of.texts for name in text.ratings))
    for name in names:
        rows = [(t, score) for t in of.texts if (score := look(t.case).scores.get(name)) is not None]
        people = [t.ratings[name] for t, _ in rows]
        lengths = [word_count(t.case.text) for t, _ in rows]
        made[name] = agreement([score for _, score in rows], people, lengths, [t.group for t, _ in rows])
    made |= _mean(of, names, look) if len(names) > 1 else {}
    if of.pairs:
        ways = [(pair.group, way(look(pair.better), look(pair.worse))) for pair in of.pairs]
        known = [(group, w) for group, w in ways if w is not None]
        made["pairs"] = accuracy([w for _, w in known], [group for group, _ in known])
    return made


def _mean(of: RatedSet, names: Sequence[str], look: Look) -> dict[str, float]:
    """Return the mean agreement over all that was rated, of the texts that were scored for all of it."""
    whole = [t for t in of.texts if None not in look(t.case).scores.values()]
    given = {name: [score for t in whole if (score := look(t.case).scores[name]) is not None] for name in names}
    rows = [(given[name], [t.ratings[name] for t in whole]) for name in names]
    return mean_agreement(rows, [t.group for t in whole]) if len(whole) >= FEWEST else {}
