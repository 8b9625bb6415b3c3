"""Edits of a rubric: what is not touched stays to the letter, and what cannot be done is told in one sentence."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import rubric_of
from test_events import JSON

from writer_r1.errors import RubricError
from writer_r1.rubric_edits import Deleted, apply, carried, deleted, merge
from writer_r1.rubric_file import read_rubric
from writer_r1.trajectory import MAX_CRITERIA, Check, Criterion, Rubric, Source, name_key, prompt_id

PROMPT = "A farewell."


def criterion(name: str, **more: Any) -> Criterion:
    return Criterion(**({"name": name, "description": f"What {name} asks of this piece."} | more))


SOURCE = Source(stage="selective", codes=("salt",), span="farewell")
WARMTH = criterion("Warmth", weight=2.0, source=SOURCE, levels={"1": "cold"})
SALT, LENGTH = criterion("Salt"), criterion("Length", kind="measured", check=Check(type="length", low=60, high=90))
THREE = rubric_of(WARMTH, SALT, LENGTH)


def edited(rubric: Rubric | None, act: str, **fields: object) -> Rubric:
    found = apply(rubric, {"act": act} | fields, PROMPT)
    assert found is not None
    return found


def names(rubric: Rubric) -> list[str]:
    return [c.name for c in rubric.criteria]


def full() -> Rubric:
    return rubric_of(*(criterion(f"N{i}") for i in range(MAX_CRITERIA)))


def test_a_lock_is_turned_and_turned_back() -> None:
    locked = edited(THREE, "lock", id=SALT.id)
    assert [c.locked for c in locked.criteria] == [False, True, False]
    assert edited(locked, "lock", id=SALT.id) == THREE


@pytest.mark.parametrize("value", ["0.5", "3", 2, 0.001, "1000"])
def test_a_weight_is_set_and_scores_stay_valid(value: object) -> None:
    weighed = edited(THREE, "weight", id=LENGTH.id, value=value)
    assert weighed.criteria[2].weight == float(str(value)) and weighed.id == THREE.id


def test_new_words_make_a_criterion_the_users_and_keep_where_it_came_from() -> None:
    new = edited(THREE, "edit", id=WARMTH.id, name=" Warm \n hands ", description="He\twarms  them.").criteria[0]
    assert (new.name, new.description, new.weight) == ("Warm hands", "He warms them.", 2.0)
    assert new.source == SOURCE.model_copy(update={"stage": "user"})
    assert new.levels is None and new.id != WARMTH.id


def test_the_same_words_are_no_edit() -> None:
    assert edited(THREE, "edit", id=WARMTH.id, name=" Warmth", description=WARMTH.description) == THREE


def test_a_name_may_change_its_letter_case() -> None:
    assert names(edited(THREE, "edit", id=SALT.id, name="SALT", description="More.")) == ["Warmth", "SALT", "Length"]


def test_a_criterion_of_ones_own_comes_last_and_may_be_the_first_of_all() -> None:
    added = edited(THREE, "add", name="Rope", description="Rope is named.", weight="2")
    assert added.criteria[:3] == THREE.criteria
    assert added.criteria[3] == Criterion(name="Rope", description="Rope is named.", weight=2)
    assert added.criteria[3].source.stage == "user"
    alone = edited(None, "add", name="Rope", description="Rope is named.")
    assert alone.prompt_id == prompt_id(PROMPT) and names(alone) == ["Rope"]


def test_the_last_one_deleted_leaves_none_and_each_can_be_put_back_where_it_was() -> None:
    one = edited(edited(THREE, "delete", id=WARMTH.id), "delete", id=LENGTH.id)
    assert names(one) == ["Salt"] and apply(one, {"act": "delete", "id": SALT.id}, PROMPT) is None
    for at, c in enumerate(THREE.criteria):
        gone = deleted(THREE, {"act": "delete", "id": c.id})
        assert gone == Deleted(c, at)
        without = edited(THREE, "delete", id=c.id)
        back = edited(without, "undelete", criterion=c.model_dump_json(), at=str(at))
        assert back == THREE


def test_what_is_not_for_the_piece_is_deleted_and_that_it_was_said_is_told() -> None:
    edit: dict[str, object] = {"act": "dismiss", "id": SALT.id}
    assert apply(THREE, edit, PROMPT) == apply(THREE, edit | {"act": "delete"}, PROMPT)
    assert deleted(THREE, edit) == Deleted(SALT, 1, dismissed=True) and not Deleted(SALT, 1).dismissed


def test_nothing_is_remembered_of_an_edit_that_deletes_nothing() -> None:
    for rubric, edit in ((None, {"act": "delete", "id": SALT.id}), (THREE, {"act": "lock", "id": SALT.id})):
        assert deleted(rubric, edit) is None
    assert deleted(THREE, {"act": "delete", "id": "c-other"}) is None and deleted(THREE, {"act": "delete"}) is None


@pytest.mark.parametrize(
    ("to", "order"),
    [
        (0, ["Length", "Warmth", "Salt"]),
        ("1", ["Warmth", "Length", "Salt"]),
        (2, ["Warmth", "Salt", "Length"]),
        (99, ["Warmth", "Salt", "Length"]),
        (-(10**30), ["Length", "Warmth", "Salt"]),
    ],
)
def test_a_criterion_is_moved_to_the_wanted_place_within_the_ends(to: object, order: list[str]) -> None:
    moved = edited(THREE, "move", id=LENGTH.id, to=to)
    assert names(moved) == order and moved.id == THREE.id


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a name used twice": ({"act": "add", "name": "sAlt ", "description": "x"}, "Another criterion is named 'sAlt'"),
    "renamed to another's": (
        {"act": "edit", "id": WARMTH.id, "name": "SALT", "description": "x"},
        "Another criterion is named 'SALT'",
    ),
    "no name": ({"act": "add", "name": " \n\0 ", "description": "x"}, "Give the criterion a name."),
    "no description": ({"act": "add", "name": "Rope", "description": "  "}, "Say in one sentence"),
    "a missing description": ({"act": "add", "name": "Rope"}, "Say in one sentence"),
    "a long name": ({"act": "add", "name": "x" * 81, "description": "x"}, "The name has 81 letters; keep it to 80."),
    "a long description": ({"act": "add", "name": "x", "description": "x" * 601}, "has 601 letters; keep it to 600."),
    "half an emoji": ({"act": "add", "name": "x\ud83d", "description": "x"}, "holds half a character"),
    "no weight": ({"act": "weight", "id": SALT.id, "value": "0"}, "A weight is a number from 0.001 to 1000, not '0'"),
    "not a number": ({"act": "weight", "id": SALT.id, "value": math.nan}, "A weight is a number"),
    "endless": ({"act": "add", "name": "x", "description": "x", "weight": "inf"}, "A weight is a number"),
    "a word as long as a page": ({"act": "weight", "id": SALT.id, "value": "x" * 5000}, "A weight is a number"),
    "an unknown criterion": ({"act": "lock", "id": "c-000"}, "not there any more"),
    "no criterion": ({"act": "delete"}, "does not know"),
    "an id that is no text": ({"act": "move", "id": [SALT.id], "to": 0}, "does not know"),
    "a place that is none": ({"act": "move", "id": SALT.id, "to": "up"}, "does not know"),
    "a change nobody offers": ({"act": "explode"}, "does not know"),
    "nothing": ({}, "does not know"),
    "a measured one's words": (
        {"act": "edit", "id": LENGTH.id, "name": "Length", "description": "Any."},
        "'Length' is measured",
    ),
    "put back beside its like": (
        {"act": "undelete", "criterion": SALT.model_dump_json(), "at": 0},
        "Another criterion is named 'Salt'",
    ),
    "put back what never was": ({"act": "undelete", "criterion": "{}", "at": 0}, "Give the criterion a name."),
    "put back a text": ({"act": "undelete", "criterion": "Salt", "at": 0}, "does not know"),
}


@pytest.mark.parametrize(("edit", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_one_short_sentence(edit: dict[str, object], told: str) -> None:
    with pytest.raises(RubricError) as e:
        apply(THREE, edit, PROMPT)
    said = str(e.value)
    assert told in said and said.endswith(".") and "\n" not in said and len(said) < 200


def test_a_full_rubric_takes_no_more_but_can_be_reworded() -> None:
    with pytest.raises(RubricError, match="24 criteria already"):
        apply(full(), {"act": "add", "name": "One more", "description": "x"}, PROMPT)
    last = full().criteria[-1]
    assert names(edited(full(), "edit", id=last.id, name="Last", description="x"))[-1] == "Last"


@given(st.dictionaries(st.sampled_from(["act", "id", "name", "description", "value", "to", "at", "criterion"]), JSON))
def test_whatever_a_browser_sends_is_an_edit_or_a_rubric_error(edit: dict[str, object]) -> None:
    for act in (edit.get("act"), "lock", "weight", "edit", "add", "delete", "dismiss", "undelete", "move"):
        for rubric in (None, THREE):
            try:
                apply(rubric, edit | {"act": act}, PROMPT)
            except RubricError as e:
                assert len(str(e)) < 300


NAMES = ["Warmth", "warmth ", "Salt", "Rope", "Kettle", "Lamp"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["lock", "weight", "edit", "add", "delete", "dismiss", "move"]),
        st.integers(0, 7),
        st.sampled_from(NAMES),
        st.sampled_from(["0.5", "2", "0", "-1"]),
    ),
    max_size=20,
)


@given(EDITS)
def test_any_edits_keep_names_distinct_ids_of_the_untouched_and_all_that_no_delete_named(
    edits: list[tuple[str, int, str, str]],
) -> None:
    rubric: Rubric | None = THREE
    for act, number, name, value in edits:
        before = {c.id: c for c in rubric.criteria} if rubric else {}
        id_ = [*before, "c-other"][number % (len(before) + 1)]
        edit: dict[str, Any] = {"act": act, "id": id_, "name": name, "description": f"What {name} is.", "to": number}
        try:
            rubric = apply(rubric, edit | {"value": value, "weight": value}, PROMPT)
        except RubricError:
            continue
        after = {c.id: c for c in rubric.criteria} if rubric else {}
        gone = before.keys() - after.keys()
        assert gone <= {id_} and (not gone or act in ("delete", "dismiss", "edit"))
        assert {i: c for i, c in before.items() if i != id_} == {
            i: c for i, c in after.items() if i != id_ and i in before
        }
        keys = [name_key(c.name) for c in after.values()]
        assert len(set(keys)) == len(keys) == len(rubric.criteria if rubric else ())
        assert rubric is None or read_rubric(json.loads(rubric.model_dump_json()), PROMPT).criteria == rubric.criteria


# Two rubrics


def test_merging_adds_what_is_new_in_name_words_and_measure() -> None:
    other = rubric_of(
        criterion("SALT", description="Another thing."),
        Criterion(name="Warm", description=f"  {WARMTH.description.upper()}"),
        criterion("Short", kind="measured", check=Check(type="length", high=20)),
        criterion("Without", kind="measured", check=Check(type="must_not", items=("brave",))),
        criterion("Rope"),
    )
    merged = merge(THREE, other)
    assert merged.criteria[:3] == THREE.criteria and names(merged)[3:] == ["Without", "Rope"]
    assert merge(merged, other) == merged and merge(THREE, THREE) == THREE and merge(None, other) == other


def test_merging_stops_at_the_most_that_can_be_judged() -> None:
    other = rubric_of(*(criterion(f"M{i}") for i in range(5)))
    nearly = full().model_copy(update={"criteria": full().criteria[:-2]})
    merged = merge(nearly, other)
    assert len(merged.criteria) == MAX_CRITERIA and names(merged)[-2:] == ["M0", "M1"]


def test_a_quote_does_not_follow_a_criterion_to_another_request() -> None:
    there = carried(THREE, prompt_id("A greeting."))
    assert [c.source.span for c in there.criteria] == [None] * 3 and there.criteria[0].source.codes == ("salt",)
    assert there.id == THREE.id and carried(THREE, THREE.prompt_id) == THREE
    added = merge(rubric_of(SALT).model_copy(update={"prompt_id": "p-other"}), THREE).criteria
    assert [c.name for c in added] == ["Salt", "Warmth", "Length"] and added[1].source.span is None


def test_a_voice_is_added_replaced_in_its_place_with_its_weight_and_taken_out() -> None:
    sample = "I walked home, and it rained. " * 20
    once = apply(THREE, {"act": "voice", "sample": f"  {sample} "}, "p")
    assert once is not None and once.criteria[:-1] == THREE.criteria
    spoken = once.criteria[-1]
    assert spoken.check is not None and spoken.check.value == sample.strip() and spoken.kind == "measured"
    heavy = apply(once, {"act": "weight", "id": spoken.id, "value": 3.0}, "p")
    moved = apply(heavy, {"act": "move", "id": spoken.id, "to": 0}, "p")
    other = apply(moved, {"act": "voice", "sample": sample + "Then I slept."}, "p")
    assert other is not None and other.criteria[0].weight == 3.0 and other.criteria[0].id != spoken.id
    assert [c.name for c in other.criteria].count(spoken.name) == 1
    assert apply(other, {"act": "voice", "sample": " "}, "p") == THREE
    with pytest.raises(RubricError, match="from 80 words on, and these are 3"):
        apply(THREE, {"act": "voice", "sample": "Only three words"}, "p")
