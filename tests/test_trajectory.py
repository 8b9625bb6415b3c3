"""The nouns: rubric files of every kind give a rubric or one sentence, and ids follow what is judged."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import criterion, rubric_of
from test_events import JSON

from writer_r1.checks import measure
from writer_r1.errors import RubricError
from writer_r1.rubric_file import read_rubric
from writer_r1.trajectory import (
    MAX_CRITERIA,
    Check,
    Criterion,
    Rubric,
    prompt_id,
    weighted_reward,
)


def row(name: str = "Warmth", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"What {name} asks."} | more


def test_a_list_and_an_object_give_the_same_rubric() -> None:
    rows = [row("Warmth", weight=2), row("Salt")]
    rubric = read_rubric(rows, "A farewell.")
    assert rubric == read_rubric({"criteria": rows}, "A farewell.  ")
    assert [(c.name, c.weight, c.source.stage) for c in rubric.criteria] == [("Warmth", 2, "user"), ("Salt", 1, "user")]
    assert rubric.prompt_id == prompt_id("A farewell.")


def test_a_written_rubric_is_read_back_whole() -> None:
    check = Check(type="length", low=60, high=90)
    rubric = rubric_of(criterion("Warmth", weight=2, locked=True), criterion("Length", check=check))
    assert read_rubric(json.loads(rubric.model_dump_json()), "p").criteria == rubric.criteria


FAULTY: dict[str, tuple[object, str]] = {
    "nothing": (None, "no criteria"),
    "a text": ("warmth", "no criteria"),
    "an empty list": ([], "no criteria"),
    "an object without criteria": ({"name": "x"}, "no criteria"),
    "criteria that are an object": ({"criteria": {"name": "x"}}, "no criteria"),
    "a thousand": ([row(f"N{i}") for i in range(1000)], "1000 criteria; at most 24"),
    "one name twice": ([row("Warmth"), row(" warmth  ")], "criterion 2: the name 'warmth' is used twice"),
    "zero": ([row(weight=0)], "criterion 1: weight: weight must be a number from 0.001 to 1000, not 0.0"),
    "negative": ([row(weight=-1.5)], "not -1.5"),
    "not a number": ([row(weight=math.nan)], "not nan"),
    "endless": ([row(weight=math.inf)], "not inf"),
    "beyond a sum": ([row(weight=1e308), row("Salt", weight=1e308)], "criterion 2: weight"),
    "vanishing": ([row(weight=5e-324)], "not 5e-324"),
    "a word": ([row(weight="heavy")], "weight"),
    "no name": ([row(" \n ")], "criterion 1: name"),
    "no description": ([{"name": "x"}], "criterion 1: description: Field required"),
    "a row that is a text": (["Warmth"], "criterion 1: row"),
    "an unknown field": ([row(wieght=2)], "criterion 1: wieght"),
    "an unknown check": ([row(check={"type": "beauty"})], "check.type"),
    "half an emoji": ([row("\ud83d")], "criterion 1: name"),
}


@pytest.mark.parametrize(("data", "told"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_rubric_gives_one_sentence_that_names_the_fault(data: object, told: str) -> None:
    with pytest.raises(RubricError) as e:
        read_rubric(data, "p")
    assert told in str(e.value) and str(e.value).endswith(".") and "\n" not in str(e.value)


def test_every_fault_is_told_at_once_up_to_five() -> None:
    with pytest.raises(RubricError) as e:
        read_rubric([row(weight=0), row("Salt"), row("salt"), {"name": "x"}], "p")
    assert all(f"criterion {n}:" in str(e.value) for n in (1, 3, 4)) and "criterion 2" not in str(e.value)
    with pytest.raises(RubricError, match=r"criterion 5: .* \(and 3 more\)\.$"):
        read_rubric([row(f"N{i}", weight=0) for i in range(8)], "p")


@given(JSON)
def test_any_json_is_a_rubric_or_a_rubric_error(data: object) -> None:
    for shape in (data, [data], {"criteria": data}, [row(), data]):
        try:
            rubric = read_rubric(shape, "p")
        except RubricError as e:
            assert len(str(e)) < 2000
        else:
            assert 1 <= len(rubric.criteria) <= MAX_CRITERIA


ROWS = st.fixed_dictionaries(
    {"name": st.text(max_size=90), "description": st.text(max_size=90)},
    optional={
        "weight": st.one_of(st.floats(), st.integers(), st.text(max_size=3)),
        "check": st.fixed_dictionaries(
            {"type": st.sampled_from(["length", "must_include", "must_not", "language", "person", "tense", "x"])},
            optional={
                "low": st.integers(),
                "high": st.integers(),
                "items": st.lists(st.text(max_size=4), max_size=3),
                "value": st.text(max_size=3),
            },
        ),
        "locked": st.booleans(),
        "id": st.text(max_size=3),
    },
)


@given(st.lists(ROWS, max_size=4))
def test_rows_of_the_right_shape_are_read_or_refused_and_what_is_read_can_be_measured(rows: list[object]) -> None:
    try:
        rubric = read_rubric(rows, "p")
    except RubricError:
        return
    for c in rubric.criteria:
        assert c.check is None or 0.0 <= (measure(c.check, "The sea. I was there.", "p").value or 0.0) <= 1.0
    assert weighted_reward(rubric, {c.id: 0.5 for c in rubric.criteria}) == pytest.approx(0.5)


def test_a_rubrics_id_is_about_what_is_judged_only() -> None:
    a, b = criterion("Warmth"), criterion("Salt")
    heavy = a.model_copy(update={"weight": 3.0, "locked": True, "levels": {"1": "cold"}})
    assert rubric_of(a, b).id == rubric_of(b, heavy).id and a.id == heavy.id
    for field, value in (("name", "Salz"), ("description", "Other."), ("check", Check(type="relevance"))):
        assert rubric_of(a, b.model_copy(update={field: value})).id != rubric_of(a, b).id
    assert rubric_of(a).id != rubric_of(a, b).id


def test_a_stored_id_that_was_edited_by_hand_does_not_count() -> None:
    data = json.loads(rubric_of(criterion("Warmth")).model_dump_json()) | {"id": "r-forged"}
    data["criteria"][0]["id"] = "c-forged"
    assert Rubric.model_validate(data) == rubric_of(criterion("Warmth"))


def test_two_criteria_of_one_name_are_no_rubric() -> None:
    with pytest.raises(ValueError, match="two criteria are named"):
        rubric_of(criterion("Warmth"), Criterion(name="WARMTH", description="Another."))


def five(*weights: float) -> Rubric:
    return rubric_of(*(criterion(f"N{i}", weight=w) for i, w in enumerate(weights)))


def rewarded(rubric: Rubric, *values: float | None) -> float | None:
    return weighted_reward(rubric, dict(zip([c.id for c in rubric.criteria], values, strict=True)))


def test_the_reward_is_the_weighted_mean_of_what_was_scored() -> None:
    # s = [8, 6, 9, 7, 5] of 1..10, w = [.3, .2, .2, .2, .1]: mean 7.3, on [0, 1] (7.3 - 1) / 9 = 0.7
    rubric = five(0.3, 0.2, 0.2, 0.2, 0.1)
    on_unit = [(s - 1) / 9 for s in (8, 6, 9, 7, 5)]
    assert rewarded(rubric, *on_unit) == pytest.approx(0.7, abs=1e-12)
    assert rewarded(five(3, 2, 2, 2, 1), *on_unit) == pytest.approx(0.7, abs=1e-12)
    # without the third: (.3 * 8 + .2 * 6 + .2 * 7 + .1 * 5) / .8 = 6.875
    assert rewarded(rubric, *on_unit[:2], None, *on_unit[3:]) == pytest.approx(5.875 / 9, abs=1e-12)


def test_unscored_is_not_zero() -> None:
    assert rewarded(five(1, 1), None, None) is None
    assert rewarded(five(1, 1), None, 0.8) == pytest.approx(0.8) and rewarded(five(1, 1), 0.0, 0.8) == pytest.approx(
        0.4
    )


@given(st.lists(st.tuples(st.floats(0.001, 1000), st.none() | st.floats(0, 1)), min_size=1, max_size=8))
def test_a_reward_lies_between_the_lowest_and_the_highest_score(rows: list[tuple[float, float | None]]) -> None:
    found = rewarded(five(*(w for w, _ in rows)), *(v for _, v in rows))
    scored = [v for _, v in rows if v is not None]
    assert (found is None) == (not scored)
    assert found is None or min(scored) - 1e-9 <= found <= max(scored) + 1e-9 and found <= 1.0
