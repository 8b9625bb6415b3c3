"""A request -> criteria to judge its pieces by, made in seven ways: the arms of `writer-r1 bench criteria`.

An arm has four criteria at most, so that none wins by asking more. What is measured without a model is left out: it
would be the same in every arm. Protocol and result: `docs/criteria.md`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from writer_r1.criteria import Analyst, derive_rubric, lines, read_criterion
from writer_r1.events import outcome
from writer_r1.llm import Sampling
from writer_r1.prompts import render
from writer_r1.review import general_criteria
from writer_r1.trajectory import Criterion

MOST = 4
READERS, PUBLISHED, OURS, ONE_CALL, FIXED, OTHER, NONE = (
    "what the readers were asked",
    "published, of the nearest request",
    "ours",
    "one call of the same model",
    "one fixed list",
    "ours, for another request",
    "none: the piece as a whole",
)
ARMS = (READERS, PUBLISHED, OURS, ONE_CALL, FIXED, OTHER, NONE)
WHOLE = Criterion(name="The piece as a whole", description="This is a good piece of writing.")

Criteria = tuple[Criterion, ...]


class Published(NamedTuple):
    """Criteria that somebody published for a request."""

    request: str
    criteria: Criteria


def ours(request: str, analyst: Analyst) -> Criteria:
    """Return what the studio makes for a request, the weightiest first."""
    judged = [c for c in outcome(derive_rubric(request, analyst)).criteria if c.check is None]
    return tuple(sorted(judged, key=lambda c: -c.weight)[:MOST])


def one_call(request: str, analyst: Analyst) -> Criteria:
    """Return what the same model makes when it is simply asked, as far as it can be read; fewer where it names two."""
    asked = render("one_call", request=request, count=str(MOST)).request
    sampling = Sampling(max_tokens=45 * MOST, temperature=0.5, repeat_penalty=1.05, seed=analyst.seed, stop=("\n\n",))
    found: dict[str, Criterion] = {}
    for line in lines(analyst.llm, asked, sampling, analyst.cancel):
        if (criterion := read_criterion(line, (), None)) and len(found) < MOST:
            found.setdefault(criterion.name.casefold(), criterion)
    return tuple(found.values())


def nearest(request: str, published: Sequence[Published], likeness: Sequence[float]) -> Criteria:
    """Return the published criteria of the request that is most like this one; `likeness` is to each of them."""
    return published[max(range(len(published)), key=lambda k: likeness[k])].criteria[:MOST]


def arms(request: str, made: Mapping[str, Criteria], asked: Criteria, other: Criteria) -> dict[str, Criteria]:
    """Return all seven; `made` are those made for this request, `asked` what readers were, `other` is for another."""
    return {
        READERS: asked[:MOST],
        **made,
        FIXED: tuple(general_criteria("story")[:MOST]),
        OTHER: other,
        NONE: (WHOLE,),
    }
