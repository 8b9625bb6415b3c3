"""Texts that are no piece: made the same each time, and found out where a reward would take them for one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import word_count
from writer_r1.places import data
from writer_r1.training.config import configured
from writer_r1.training.data import Example, read
from writer_r1.training.rewards import Rewarder
from writer_r1.training.warnings import ODD, warnings
from writer_r1.training.watch import BRIEF, LONGER, WATCHED, Draft, odd_texts, watched

DRAFT = Draft(
    Example("a", "Write about a lighthouse keeper.", "", None, ""),
    "The keeper climbed the stair. The lamp was lit, and the sea was calm. " * 6,
    True,
)
OTHERS = ["A tractor crossed the marmalade field.", "Her umbrella, unrepentant, opened."]


def test_each_kind_is_what_it_is_called() -> None:
    found = odd_texts(DRAFT, OTHERS, random.Random(0))
    assert found.keys() == ODD.keys()
    count = len(DRAFT.text.split())
    assert sorted(found["shuffled"].split()) == sorted(DRAFT.text.split()) and found["shuffled"] != DRAFT.text
    assert {"marmalade", "unrepentant", "lighthouse"} <= set(found["rare_words"].casefold().strip(".").split())
    assert "the" not in found["rare_words"].casefold().split()
    assert len(found["rare_words"].split()) == count
    assert found["very_short"] == "The keeper climbed the." and word_count(found["very_short"]) == BRIEF
    assert len(found["very_long"].split()) >= LONGER * count and found["very_long"].startswith(DRAFT.text)
    assert set(found["looped"].split(".")[:-1]) <= {"The keeper climbed the stair", " The keeper climbed the stair"}
    assert "fearful symmetry" in found["poetry"]


@given(st.text(max_size=200), st.lists(st.text(max_size=60), max_size=3), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_whatever_the_drafts_are_texts_are_made_and_always_the_same(text: str, others: list[str], seed: int) -> None:
    draft = Draft(DRAFT.example, text, True)
    found = odd_texts(draft, others, random.Random(seed))
    assert found == odd_texts(draft, others, random.Random(seed))
    assert all(t.strip() for t in found.values())


def drafts() -> list[Draft]:
    return [Draft(e, e.text, True) for e in read(data("assets/sample_pieces.jsonl")).examples[:12] for _ in range(2)]


def test_by_the_checks_good_pieces_earn_more_than_any_of_them() -> None:
    rewarder = Rewarder(configured("mrpo", name="x", base="x", data="x"))
    row = watched(drafts(), lambda e, text, whole: rewarder.earned(e, text, whole=whole).value, 0)
    assert row["watch/honest"] == pytest.approx(1.0)
    assert all(row[f"watch/{kind}"] < 0.95 for kind in ODD)
    assert row["watch/looped"] == 0.0  # which is no piece by the gate already
    assert warnings("mrpo", [{"step": 0, "split": "held_out", **row}]) == []


def test_a_reward_that_can_be_had_without_writing_is_told() -> None:
    asked: list[str] = []

    def long_words(example: Example, text: str, whole: bool) -> float:
        asked.append(example.id)
        return min(1.0, sum(len(w) for w in text.split()) / len(text.split()) / 12)

    row = watched(drafts(), long_words, 0)
    assert len(set(asked)) == WATCHED and len(asked) == WATCHED * (1 + len(ODD))
    (told,) = warnings("mrpo", [{"step": 0, "split": "held_out", "reward": 0.5, **row}])
    assert "can be had without writing well: a heap of rare words (0." in told
    sound = {"step": 20, "split": "held_out", "reward": 0.5, **dict.fromkeys(row, 0.4), "watch/honest": 0.6}
    assert warnings("mrpo", [{"step": 0, "split": "held_out", **row}, sound]) == []  # only how it is now


def test_a_draft_that_was_cut_is_held_against_its_own_words_cut_as_well() -> None:
    asked: dict[str, bool] = {}
    cut = DRAFT._replace(whole=False)
    watched([cut], lambda _, text, whole: asked.setdefault(text, whole) * 1.0, 0)
    odd = odd_texts(cut, [], random.Random("0/0"))
    assert {kind: asked[text] for kind, text in odd.items()} == {kind: kind != "shuffled" for kind in ODD}
    assert asked[cut.text] is False


def test_what_could_not_be_scored_is_left_out() -> None:
    row = watched(drafts(), lambda *_: float("nan"), 0)
    assert set(row.values()) == {None}
    assert warnings("mrpo", [{"step": 0, "split": "held_out", **row}]) == []
