"""The reviewer's rules, each with a criterion that must stay and one that must go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import PROMPT, overlap

from writer_r1.facts import measured_criteria, read_facts
from writer_r1.review import (
    _GENERAL,
    ALIKE,
    COPIED,
    DISMISSED,
    OTHER_REQUESTS,
    Review,
    content_words,
    copied_share,
    general_criteria,
)
from writer_r1.trajectory import Category, Criterion, Source, name_key


def made(name: str, description: str, *codes: str) -> Criterion:
    return Criterion(name=name, description=description, source=Source(stage="selective", codes=codes))


GOOD = made("Worn stairs", "Each object in the lighthouse carries marks of decades of use by one pair of hands.")


@pytest.mark.parametrize(
    ("criterion", "share"),
    [
        (made("Keepers", "The lighthouse of the sea."), 1.0),  # a plural is the same word
        (made("Glass", "The glass is not like grass."), 0.0),  # and ss is none
        (made("Lamp", "A lamp, oil and one sea."), 0.25),  # sea of lamp lamp oil sea
        (made("It", "It is what it was and not."), 1.0),  # nothing of its own said
        (made("老灯塔", "他对大海说话。"), 0.0),
    ],
)
def test_copied_share_is_the_share_of_content_words_in_the_request(criterion: Criterion, share: float) -> None:
    assert copied_share(criterion, PROMPT) == pytest.approx(share)


@given(st.text(max_size=60))
def test_a_criterion_made_of_the_request_is_all_copied(text: str) -> None:
    if text.strip():
        assert copied_share(made("A", text), f"a {text}") == 1.0


def test_content_words_are_folded_and_without_function_words() -> None:
    assert content_words("The Keepers of this GLASS were his, and 3 boys") == ["keeper", "glass", "boy"]


REFUSED = {
    "a name already used": made("worn  STAIRS", "Salt and oil and wet rope stand in every line near the sea."),
    "about length, which is measured": made("Brief", "The keeper says it in about 90 words near the sea."),
    "repeats itself": made("Waves", "the sea and the sea and the sea and the sea and the sea"),
    "says the same as another": made("Used things", GOOD.description),
    "only echoes the request": made("Farewell", "The farewell of the lighthouse keeper to the sea."),
    "could be said of any text": made("Voice", "The sentences have one rhythm, and no other."),
}


@pytest.mark.parametrize(("reason", "criterion"), REFUSED.items(), ids=REFUSED)
def test_each_refusal_has_its_reason(reason: str, criterion: Criterion) -> None:
    review = Review(PROMPT, overlap)
    assert review.take(GOOD) and not review.take(criterion)
    assert review.kept == [GOOD] and review.dropped == [f"{criterion.name}: {reason}"]


def test_a_criterion_nearer_to_another_request_than_to_its_own_is_generic() -> None:
    dragon = made("Shyness", "A small dragon hides from the children by the sea.")
    assert not Review(PROMPT, overlap).take(dragon) and Review(OTHER_REQUESTS[9], lambda t, o: [0.5, *[0.4] * 12]).take(
        made("Shyness", "Somebody very large tries to be overlooked.")
    )


GONE = (made("Rust", "Iron and salt have eaten whatever he once painted."), GOOD)


@pytest.mark.parametrize(
    ("criterion", "told"),
    [
        (made("worn  STAIRS", "Nothing here is like it, but the name of the lamp."), overlap),
        (made("Iron", " Iron and SALT have eaten  whatever he once painted."), None),
        (made("Used things", f"In short, {GOOD.description}"), overlap),
        (made("Anything", "Brass and rope are named where they hurt."), lambda text, others: [0.0, ALIKE]),
    ],
    ids=["name", "words", "meaning", "on the threshold"],
)
def test_what_is_like_something_dismissed_is_refused_and_the_reason_is_the_users(criterion, told) -> None:  # type: ignore[no-untyped-def]
    review = Review(PROMPT, told, dismissed=GONE)
    assert not review.take(criterion) and not review.take(criterion) and review.kept == []
    assert review.dropped == [f"{criterion.name}: {DISMISSED}"]


def test_what_is_unlike_all_that_was_dismissed_is_judged_by_the_other_rules() -> None:
    lamp = made("Lamp oil", "The keeper warms brass with a rag each night near the sea.")
    assert Review(PROMPT, overlap, dismissed=GONE).take(lamp)
    echo = made("Farewell", "The farewell of the lighthouse keeper to the sea.")
    review = Review(PROMPT, overlap, dismissed=GONE)
    assert not review.take(echo) and review.dropped == ["Farewell: only echoes the request"]


def test_a_dismissed_measure_is_left_out_and_one_that_differs_in_a_number_is_not() -> None:
    measured = measured_criteria(read_facts(PROMPT))
    length = next(c for c in measured if c.check and c.check.type == "length")
    review = Review(PROMPT, overlap, dismissed=[length])
    assert review.measure(measured) == [c for c in measured if c != length]
    assert review.dropped == [f"{length.name}: {DISMISSED}"]
    longer = length.model_copy(
        update={"name": "Longer", "description": length.description.replace("60", "61").replace("90", "91")}
    )
    assert longer.description != length.description
    assert Review(PROMPT, lambda t, o: [1.0] * len(o), dismissed=[length]).measure([longer]) == [longer]


def test_without_a_likeness_what_can_be_told_is_still_told() -> None:
    review = Review(PROMPT, None)
    assert [review.take(c) for c in (GOOD, *REFUSED.values())] == [True, False, False, False, True, False, True]


def test_a_name_of_a_measured_criterion_is_taken() -> None:
    measured = measured_criteria(read_facts(PROMPT))
    review = Review(PROMPT, None, measured)
    assert not any(review.take(made(c.name.upper(), GOOD.description)) for c in measured) and review.take(GOOD)


@pytest.mark.parametrize(("likeness", "kept"), [(ALIKE - 0.01, True), (ALIKE, False)])
def test_two_criteria_are_one_from_the_threshold_on(likeness: float, kept: bool) -> None:
    def similarity(text: str, others: object) -> list[float]:
        return [likeness, *[0.0] * 12]

    review = Review(PROMPT, similarity)
    assert review.take(GOOD) and review.take(made("Other", "Brass and rope are named where they hurt.")) is kept


def test_a_third_of_the_words_may_come_from_the_request() -> None:
    third = made("Oil", "Sea brass.")  # one of three content words
    half = made("Oil", "Sea brass keeper.")
    assert copied_share(third, PROMPT) == pytest.approx(COPIED) and Review(PROMPT, None).take(third)
    assert not Review(PROMPT, None).take(half)


def test_a_category_is_covered_by_a_criterion_that_grew_from_it() -> None:
    review = Review(PROMPT, None)
    review.take(GOOD.model_copy(update={"source": Source(stage="selective", codes=("rope",))}))
    assert review.covers(Category(name="x", codes=("rope",))) and not review.covers(Category(name="x", codes=("salt",)))


FORMS = ["poem", "haiku", "essay", "article", "review", "email", "letter", "speech", "outline", "novel", None]


@pytest.mark.parametrize("form", FORMS)
def test_general_criteria_are_five_of_different_names_and_pass_every_rule(form: str | None) -> None:
    review, rows = Review(PROMPT, overlap, measured_criteria(read_facts(PROMPT))), general_criteria(form)
    assert [review.take(c) for c in rows] == [True] * 5 and len({name_key(c.name) for c in rows}) == 5
    assert {c.source.stage for c in rows} == {"general"}


def test_general_criteria_follow_the_form() -> None:
    first = {form: general_criteria(form)[0].name for form in ("haiku", "article", "letter", None)}
    assert first == {k: _GENERAL[v][0][0] for k, v in
                     {"haiku": "poem", "article": "essay", "letter": "practical", None: "story"}.items()}  # fmt: skip
