"""What a rubric file holds -> Rubric, or every fault of it in one sentence."""

from typing import Any

from pydantic import ValidationError

from writer_r1.errors import RubricError
from writer_r1.trajectory import MAX_CRITERIA, Criterion, Rubric, name_key, prompt_id


def read_rubric(data: object, prompt: str) -> Rubric:
    """Return the rubric in `data`: a rubric object, or a list of `{name, description, weight?}`.

    Raises:
        RubricError: naming every fault at once.
    """
    rows = data.get("criteria") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not rows:
        raise RubricError("This rubric has no criteria; give a list of {name, description, weight}.")
    if len(rows) > MAX_CRITERIA:
        raise RubricError(f"This rubric has {len(rows)} criteria; at most {MAX_CRITERIA} can be judged, so merge some.")
    faults, criteria, names = [], [], set[str]()
    for i, row in enumerate(rows, 1):
        try:
            criterion = Criterion.model_validate(row)
        except ValidationError as e:
            faults += [f"criterion {i}: {_plain(fault)}" for fault in e.errors()]
            continue
        key = name_key(criterion.name)
        if key in names:
            faults.append(f"criterion {i}: the name {criterion.name!r} is used twice")
        names.add(key)
        criteria.append(criterion)
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise RubricError(f"This rubric cannot be used: {'; '.join(faults[:5])}{more}.")
    return Rubric(prompt_id=prompt_id(prompt), criteria=tuple(criteria))


def _plain(fault: Any) -> str:
    where = ".".join(str(p) for p in fault["loc"]) or "row"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
