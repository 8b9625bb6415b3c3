"""What changed between two texts: nothing is lost or made up, and a reader can follow it."""

import random
import time

import example_run as example
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import paragraphs, word_count
from writer_r1.differences import Change, changes, rewritten, side_by_side

PIECES = [
    "The lamp is lit.",
    "Nobody came",
    " and she waited",
    "灯塔看守人写信。",
    "今天有雾。",
    "مرحبا بالبحر.",
    "👩‍🚀",
    "🇳🇴",
    "e\u0301",
    "\u3099か",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "\t",
    "\u200f",
    "don't",
    "\U00020000",
    "_",
    "No.",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=60
)


def joined(found: list[Change], *kinds: str) -> str:
    return "".join(c.text for c in found if c.kind in kinds)


@given(TEXTS, TEXTS)
@settings(deadline=None, max_examples=400)
def test_both_texts_can_be_read_from_the_changes_letter_for_letter(old: str, new: str) -> None:
    """Acceptance 12, what it will rest on, of the page's design."""
    found = changes(old, new)
    assert joined(found, "same", "delete") == old
    assert joined(found, "same", "insert") == new


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_neighbours_differ_in_kind_are_not_empty_and_what_went_stands_before_what_came(old: str, new: str) -> None:
    found = changes(old, new)
    assert all(c.text for c in found)
    pairs = [(a.kind, b.kind) for a, b in zip(found, found[1:], strict=False)]
    assert all(a != b for a, b in pairs) and ("insert", "delete") not in pairs


@given(TEXTS)
@settings(deadline=None)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert joined(changes(text, text), "insert", "delete") == "" and rewritten(text, text) == 0


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_the_share_of_changed_words_is_a_share(old: str, new: str) -> None:
    assert 0 <= rewritten(old, new) <= 1


def test_a_changed_word_is_found_inside_its_sentence_and_the_other_sentences_are_left_alone() -> None:
    found = changes("The cat sat. The dog ran. It rained.", "The cat sat. The dog slept. It rained.")
    assert found == [
        Change("same", "The cat sat. The dog "),
        Change("delete", "ran"),
        Change("insert", "slept"),
        Change("same", ". It rained."),
    ]


def test_a_sentence_put_in_is_one_change() -> None:
    found = changes(example.FIRST, example.SECOND)
    assert [c.kind for c in found] == ["same", "insert", "same", "insert", "same"]
    assert found[1].text.strip().startswith("Wipe the lens") and found[1].text.strip().endswith("than I do.")


def test_words_that_two_new_sentences_share_by_accident_are_no_anchors() -> None:
    found = changes("He went to the sea in the rain.", "Nobody in town had the key of a boat.")
    assert len(found) <= 3


@pytest.mark.parametrize(
    ("old", "new", "gone", "come"),
    [
        ("灯塔看守人写信。", "灯塔的看守人写了信。", [], ["的", "了"]),
        ("I saw 👩‍🚀 there.", "I saw 👩 there.", ["👩‍🚀"], ["👩"]),
        ("in 🇳🇴 now", "in 🇳🇱 now", ["🇳🇴"], ["🇳🇱"]),
        ("a\n\nb", "a b", ["\n\n"], [" "]),
        ("She didn't.", "She does.", ["didn't"], ["does"]),
    ],
    ids=[
        "a character is a word in Chinese",
        "emoji stay whole",
        "flags stay whole",
        "a paragraph joined",
        "contraction",
    ],
)
def test_a_change_is_as_large_as_a_reader_would_say(old: str, new: str, gone: list[str], come: list[str]) -> None:
    found = changes(old, new)
    assert [c.text for c in found if c.kind == "delete"] == gone
    assert [c.text for c in found if c.kind == "insert"] == come


def test_added_sentences_are_no_rewriting_and_other_words_are() -> None:
    assert rewritten(example.FIRST, example.FIRST + "\n\n" + "More of it. " * 300) < 0.01
    assert rewritten(example.FIRST, "Something else entirely, with no shared purpose. " * 20) > 0.5
    assert rewritten("", "now there is one") == 1 and rewritten(" \n", "\t") == 0


def novel(words: int, seed: int) -> list[list[str]]:
    """Return sentences of made-up words."""
    draw = random.Random(seed)
    stock = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "r", "sto", "lim")]
    found, count = [], 0
    while count < words:
        found.append([draw.choice(stock) for _ in range(draw.randint(5, 25))])
        count += len(found[-1])
    return found


@pytest.mark.alone
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_eight_thousand_words_are_compared_in_three_seconds(share: float) -> None:
    """Acceptance 13 of the page's design."""
    draw, sentences = random.Random(3), novel(8000, seed=1)
    edited = [[w if draw.random() > share else w + "x" for w in s] for s in sentences]
    old, new = (". ".join(" ".join(s) for s in side) + "." for side in (sentences, edited))
    assert word_count(old) >= 8000
    began = time.process_time()
    found = changes(old, new)
    assert time.process_time() - began < 3.0
    assert joined(found, "same", "delete") == old and joined(found, "same", "insert") == new


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_side_by_side_every_paragraph_stands_once_and_in_order(old: str, new: str) -> None:
    rows = side_by_side(old, new)
    assert [left for left, _ in rows if left] == [old[a:b] for a, b in paragraphs(old)]
    assert [right for _, right in rows if right] == [new[a:b] for a, b in paragraphs(new)]
    assert all(left or right for left, right in rows)


def test_a_paragraph_stands_beside_the_one_made_of_it() -> None:
    old = "The hens are brown and loud.\n\nThe lamp needs oil at four.\n\nGood night to you."
    new = "At four the lamp needs its oil.\n\nA new thought.\n\nGood night to you, Ines."
    rows = dict(side_by_side(old, new))
    assert rows["The lamp needs oil at four."] == "At four the lamp needs its oil."
    assert rows["Good night to you."] == "Good night to you, Ines."
    assert rows["The hens are brown and loud."] == ""
