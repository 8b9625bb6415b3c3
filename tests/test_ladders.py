"""The known-order set: pieces worth measuring on, and ladders in which every step is the one above, spoiled."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import completeness, faults, paragraphs, repetition, sentences, word_count
from writer_r1.checks.text import words
from writer_r1.ladders import (
    STEPS,
    Drafted,
    Original,
    adversarial,
    corruptions,
    draft_pairs,
    drafted,
    dropouts,
    originals,
    pairs,
    plain_drafts,
    taught,
    unseen_originals,
)

ROOT = Path(__file__).parent.parent
SET = originals()
BY_ID = {o.id: o for o in SET}

each = pytest.mark.parametrize("original", SET, ids=[o.id for o in SET])


def anything(test: Callable[[Original, int], None]) -> Callable[[], None]:
    return settings(deadline=None)(given(st.sampled_from(SET), st.integers())(test))


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def mentions(name: str, text: str) -> int:
    return len(re.findall(rf"\b{name}\b", text))


def bare(text: str) -> str:
    return "".join(text.split())


def rung(original: Original, ladder: str, seed: int) -> list[str]:
    return corruptions(original, SET, seed)[ladder]


# The set


def test_the_set_is_large_and_its_forms_are_many():
    assert len(SET) >= 40
    assert len(BY_ID) == len(SET) == len({o.request for o in SET}) == len({o.text for o in SET})
    assert len({o.form for o in SET}) >= 30
    assert sum(o.form == "poem" for o in SET) >= 2  # a poem, too, must find another to be pasted into it


@each
def test_an_original_is_of_the_promised_size(original: Original):
    assert 110 <= word_count(original.text) <= 220
    assert len(sentences(original.text)) >= 8
    body = [(a, b) for a, b in paragraphs(original.text) if word_count(original.text[a:b]) > 8]  # no greeting, no name
    assert 2 <= len(body) <= 4
    assert 1 <= len(sentences(original.request)) <= 2


@each
def test_an_original_is_whole_by_every_check_that_needs_no_model(original: Original):
    assert faults(original.text, "en", truncated=False) == ()
    assert completeness(original.text, "letter").value == 1  # which also lets a signature be the end
    assert repetition(original.text).value == 1
    assert len(set(said(original.text))) == len(said(original.text))


@each
def test_every_requirement_has_sentences_of_its_own_in_the_text(original: Original):
    assert 3 <= len(original.requirements) == len(original.meets) <= 4
    assert len(set(original.requirements)) == len(original.requirements)
    carrying = [sentence for met in original.meets for sentence in met]
    assert all(original.meets)
    assert set(carrying) <= set(said(original.text))
    assert len(set(carrying)) == len(carrying)
    assert len(said(original.text)) - len(carrying) >= 4


def test_originals_share_no_opening_and_no_run_of_six_words():
    assert len({tuple(words(o.text)[:3]) for o in SET}) == len(SET)
    seen: dict[tuple[str, ...], str] = {}
    for original in SET:
        found = words(original.text)
        for run in zip(*(found[i:] for i in range(6)), strict=False):
            assert seen.setdefault(run, original.id) == original.id, run


def test_names_can_be_swapped_in_nearly_all_originals():
    main = [mentions(o.names[0], o.text) for o in SET if o.names]
    assert len(main) >= 40
    assert min(main) >= 3
    for original in SET:
        assert all(mentions(name, original.text) >= 2 for name in original.names), original.id
        assert [n for n in original.names if not n.isalpha()] == []
    everyone = [name for o in SET for name in o.names]
    assert len(set(everyone)) == len(everyone)


# Requirements left out


@each
def test_a_step_of_the_dropouts_loses_the_sentences_of_one_more_requirement_and_nothing_else(original: Original):
    texts = dropouts(original)
    assert texts[0] == original.text
    assert len(texts) == 4
    for met, (fuller, shorter) in zip(original.meets, pairwise(texts), strict=False):
        assert Counter(said(fuller)) - Counter(said(shorter)) == Counter(met)
        assert Counter(said(shorter)) - Counter(said(fuller)) == Counter()


@each
def test_what_is_left_out_leaves_no_hole_in_the_page(original: Original):
    for text in dropouts(original):
        assert text == text.strip()
        assert "\n\n\n" not in text
        assert "  " not in text
        assert [a for a, b in pairwise(said(text)) if text.index(b, text.index(a)) == text.index(a) + len(a)] == []


# Corruptions


@anything
def test_every_ladder_begins_with_the_honest_text_and_no_two_steps_are_alike(original: Original, seed: int):
    ladders = corruptions(original, SET, seed)
    named = {"swapped_names"} if original.names else set()
    assert ladders.keys() == STEPS.keys() - {"dropped_requirements", "swapped_names"} | named
    for ladder, texts in ladders.items():
        assert texts[0] == original.text
        assert len(set(texts)) == len(texts), ladder
        assert len(texts) == (2 if ladder == "swapped_names" and len(original.names) == 1 else len(STEPS[ladder]) + 1)


@anything
def test_shuffling_keeps_every_sentence_and_moves_more_of_them_at_each_step(original: Original, seed: int):
    inside = set(said(original.text))
    moved = [set[str]()]
    for text in rung(original, "shuffled_sentences", seed)[1:]:
        assert all(sentence in text for sentence in inside)
        assert Counter(text) == Counter(original.text)
        assert re.findall(r"\n+", text) == re.findall(r"\n+", original.text)
        places = {sentence: bare(original.text[: original.text.index(sentence)]) for sentence in inside}
        moved.append({s for s, before in places.items() if bare(text[: text.index(s)]) != before})
    assert [len(m) for m in moved] == sorted(len(m) for m in moved)
    assert len(moved[1]) >= 2


@pytest.mark.parametrize("seed", range(5))
def test_a_share_of_the_sentences_changes_places(seed: int):
    original = BY_ID["joiner-for-the-yard"]  # 15 sentences; 13 without the greeting and the signature
    slots = said(original.text)
    counts = []
    for text in rung(original, "shuffled_sentences", seed)[1:]:
        counts.append(sum(a != b for a, b in zip(slots, said(text), strict=True)))
    assert counts == [2, 4, 8]  # a tenth, but a pair at least; three tenths and six tenths, rounded up


@pytest.mark.parametrize("seed", range(5))
def test_a_greeting_and_a_signature_stay_where_they_are(seed: int):
    for text in rung(BY_ID["joiner-for-the-yard"], "shuffled_sentences", seed):
        assert text.startswith("Dear Mr Treloar,\n\n")
        assert text.endswith("\n\nYours sincerely,\nHannah Bligh")


@anything
def test_a_pair_that_changes_places_stands_well_apart(original: Original, seed: int):
    slots = said(original.text)
    text = rung(original, "shuffled_sentences", seed)[1]
    if len(said(text)) == len(slots) and len(slots) <= 20:  # so few sentences that a tenth of them is a pair
        places = [i for i, (a, b) in enumerate(zip(slots, said(text), strict=True)) if a != b]
        assert len(places) == 2
        assert places[1] - places[0] >= len(slots) // 3


@each
def test_a_cut_text_is_a_beginning_that_breaks_off_inside_a_sentence(original: Original):
    texts = rung(original, "cut_tail", 0)
    for share, (longer, text) in zip((0.75, 0.5, 0.25), pairwise(texts), strict=True):
        assert longer.startswith(text)
        assert abs(len(text) / len(original.text) - share) < 0.07
        start, end = next((a, b) for a, b in sentences(original.text) if a < len(text) <= b)
        assert original.text[len(text)].isspace()
        assert word_count(original.text[start : len(text)]) >= 2
        assert len(original.text[len(text) : end].split()) >= 2


@anything
def test_a_repeated_paragraph_stands_there_twice_and_then_four_times(original: Original, seed: int):
    texts = rung(original, "repeated_paragraph", seed)
    before = Counter(original.text.split("\n\n"))
    for text, copies in zip(texts[1:], (1, 3), strict=True):
        more = Counter(text.split("\n\n")) - before
        assert list(more.values()) == [copies]
        assert before - Counter(text.split("\n\n")) == Counter()
    values = [repetition(text).value for text in texts]
    assert values[0] > values[1] > values[2]


@anything
def test_sentences_of_another_text_stand_in_the_middle_of_a_text_that_else_stays(original: Original, seed: int):
    text, *rungs = rung(original, "foreign_sentences", seed)
    strange = [sentence for other in SET if other.id != original.id for sentence in said(other.text)]
    gone: set[str] = set()
    for spoiled, count in zip(rungs, (1, 3), strict=True):
        missing = {sentence for sentence in said(text) if sentence not in spoiled}
        assert len(missing) == count and gone < missing
        assert spoiled.startswith(said(text)[0]) and spoiled.endswith(said(text)[-1])
        assert sum(sentence in spoiled for sentence in strange) >= count
        gone = missing


@anything
def test_another_text_takes_the_place_of_the_second_half_and_then_of_all(original: Original, seed: int):
    text, mixed, other = rung(original, "other_text", seed)
    (stranger,) = [o for o in SET if o.text == other]
    assert stranger.form != original.form
    own, foreign = (said(t) for t in (text, other))
    half = own[: len(own) // 2] + foreign[len(foreign) // 2 :]
    assert bare(mixed) == bare("".join(half))


@anything
def test_a_swapped_name_stands_first_as_it_was_and_later_as_a_name_from_elsewhere(original: Original, seed: int):
    if not original.names:
        return
    texts = rung(original, "swapped_names", seed)
    for text, swapped in zip(texts[1:], (original.names[:1], original.names), strict=False):
        assert word_count(text) == word_count(original.text)
        for name in original.names:
            kept = mentions(name, original.text) // 2 if name in swapped else mentions(name, original.text)
            assert mentions(name, text) == kept
    strange = set(re.findall(r"\w+", texts[-1])) - set(re.findall(r"\w+", original.text))
    assert strange <= {name for o in SET for name in o.names if o.id != original.id}
    assert len(strange) == len(original.names)


def test_a_piece_without_names_has_no_ladder_of_swapped_names():
    assert "swapped_names" not in corruptions(BY_ID["heron-and-wheel"], SET, 0)


def test_nothing_strange_is_taken_from_the_original_itself():
    original = SET[0]
    assert corruptions(original, SET, 5) == corruptions(original, SET[1:], 5)


# Chance


@anything
def test_a_seed_says_it_all_and_another_seed_says_something_else(original: Original, seed: int):
    assert pairs(original, SET, seed) == pairs(original, SET, seed)
    assert adversarial(original, seed) == adversarial(original, seed)
    assert pairs(original, SET, seed) != pairs(original, SET, seed + 1)


def test_another_process_makes_the_same_texts():
    code = (
        "import json; from writer_r1.ladders import *; o = originals();"
        "print(json.dumps([[pairs(x, o, 7) for x in o], [adversarial(x, 7) for x in o]]))"
    )
    made = []
    for hashes in ("1", "2"):  # the order of a set of names differs with it
        env = os.environ | {"PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        made.append(json.loads(done.stdout))
    assert made[0] == made[1]
    assert made[0] == [
        [[list(pair) for pair in pairs(o, SET, 7)] for o in SET],
        [adversarial(o, 7) for o in SET],
    ]


# Pairs


@anything
def test_pairs_walk_every_ladder_down_from_the_honest_text(original: Original, seed: int):
    found = pairs(original, SET, seed)
    ladders = {"dropped_requirements": dropouts(original)} | corruptions(original, SET, seed)
    walked: dict[str, list[str]] = {}
    for pair in found:
        texts = walked.setdefault(pair.ladder, [pair.better])
        assert pair.better == texts[-1]
        assert pair.step == STEPS[pair.ladder][len(texts) - 1]
        texts.append(pair.worse)
    assert walked == ladders
    assert len({(p.ladder, p.step) for p in found}) == len(found)


# Texts that would please a judge


@anything
def test_a_text_that_only_tries_to_please_is_what_its_name_says(original: Original, seed: int):
    tricks = adversarial(original, seed)
    assert original.text not in tricks.values()
    assert Counter(tricks["shuffled_words"].split()) == Counter(original.text.split())
    assert tricks["very_short"] == said(original.text)[0]
    assert tricks["very_long"].startswith(original.text + "\n\n")
    assert word_count(tricks["very_long"]) > 3 * word_count(original.text)
    others = {p for o in SET if o.id != original.id for p in (o.text[a:b] for a, b in paragraphs(o.text))}
    added = tricks["very_long"].removeprefix(original.text).strip().split("\n\n")
    assert set(added) <= others
    assert len(added) == 4 * len(set(added))


@anything
def test_pasted_poetry_is_another_poem_of_the_set_in_the_middle_of_the_text(original: Original, seed: int):
    mixed = adversarial(original, seed)["pasted_poetry"]
    (poem,) = [o.text for o in SET if o.form == "poem" and o.id != original.id and o.text in mixed]
    before, after = mixed.split(poem)
    assert bare(before + after) == bare(original.text)
    assert before.strip()
    assert after.strip()


@anything
def test_a_salad_of_rare_words_has_the_shape_of_the_text_and_none_of_its_sense(original: Original, seed: int):
    salad = adversarial(original, seed)["rare_words"]
    assert [word_count(s) for s in said(salad)] == [word_count(s) for s in said(original.text)]
    assert len(set(words(salad))) > 40
    assert not set(words(salad)) & set(words(original.text))


# What one model wrote


def test_drafts_are_taught_with_and_never_measured_with() -> None:
    asked = (ROOT / "tests" / "fixtures" / "order_requests.jsonl").read_text("utf-8").splitlines()
    measured = {json.loads(line)["ask"] for line in asked} | {o.request for o in SET}
    assert len({d.id for d in drafted()}) == len(drafted()) >= 10
    assert not any(d.request.startswith(ask) for d in drafted() for ask in measured)


def test_a_plain_draft_is_for_the_request_of_an_original_that_no_judge_is_measured_with() -> None:
    assert len(plain_drafts()) >= 20 and set(plain_drafts()) <= set(BY_ID)
    for id_, text in plain_drafts().items():
        assert word_count(text) > 80 and not set(said(text)) & set(said(BY_ID[id_].text))
    assert [o for o in SET if o.id not in plain_drafts() and o not in taught()] == unseen_originals()


@pytest.mark.parametrize("draft", drafted(), ids=[d.id for d in drafted()])
def test_each_draft_stands_above_what_is_worse(draft: Drafted) -> None:
    found = draft_pairs(draft, 0)
    assert [(p.ladder, p.step) for p in found[:2]] == [("drafts", "hot"), ("drafts", "half")]
    assert {p.ladder for p in found} == {"drafts", "cut_tail", "repeated_paragraph", "foreign_sentences"}
    assert len(found) == 9 and all(p.better != p.worse for p in found)
    assert draft_pairs(draft, 0) == found  # chance is the seed's alone
    foreign = next(p for p in found if p.ladder == "foreign_sentences")
    strange = set(said(foreign.worse)) - set(said(foreign.better))
    assert len(strange) == 1 and any(strange <= set(said(d.good)) for d in drafted() if d != draft)
