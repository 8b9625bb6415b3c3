"""Which lessons come back: those of this request first, then of similar ones, never of unrelated ones."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from scripted import overlap

from writer_r1.memory import MOST, SIMILAR, recall
from writer_r1.trajectory import Lesson

HERE = "A farewell from a lighthouse keeper to the sea."
NEAR = "A lighthouse keeper's letter to the sea."
FAR = "A product description of a fountain pen."


def lesson(text: str, prompt: str = HERE, criterion: str = "Warmth", delta: float = 0.1) -> Lesson:
    return Lesson(
        id=f"l-{text}", kind="success", criterion=criterion, text=text, prompt=prompt, rubric_id="r", trajectory_id="t",
        delta=delta,
    )  # fmt: skip


def texts(rows: Sequence[Lesson]) -> list[str]:
    return [r.text for r in rows]


def test_the_same_request_comes_first_then_similar_ones_and_unrelated_never() -> None:
    rows = [lesson("far", FAR, delta=1.0), lesson("near", NEAR), lesson("here", f"  {HERE}\n")]
    assert texts(recall(HERE, "Warmth", rows, overlap)) == ["here", "near"]
    assert texts(recall(FAR, "Warmth", rows, overlap)) == ["far"]
    assert recall("A poem about snow.", "Warmth", rows, overlap) == []


def test_a_similar_request_never_comes_before_the_same_one_however_well_its_lesson_fits() -> None:
    rows = [lesson("near", NEAR, "Warmth", delta=1.0), lesson("here", HERE, "Salt", delta=0.0)]
    assert texts(recall(HERE, "Warmth", rows, overlap)) == ["here", "near"]


def test_a_request_is_similar_from_the_threshold_on() -> None:
    for likeness, count in ((SIMILAR, 1), (SIMILAR - 0.001, 0)):
        assert len(recall(HERE, None, [lesson("x", FAR)], lambda t, o, v=likeness: [v] * len(o))) == count


def test_the_same_request_counts_even_where_no_likeness_is_seen() -> None:
    assert texts(recall(HERE, None, [lesson("x")], lambda t, o: [0.0] * len(o))) == ["x"]


def test_among_equals_the_criterion_decides_and_then_the_change_it_made() -> None:
    rows = [lesson("other", criterion="Salt and oil"), lesson("small", delta=0.1), lesson("large", delta=-0.6)]
    assert texts(recall(HERE, "Warmth", rows, overlap)) == ["large", "small", "other"]
    assert texts(recall(HERE, "Salt", rows, overlap))[0] == "other"
    assert texts(recall(HERE, None, rows, overlap))[0] == "large"


def test_what_was_said_already_is_not_said_again() -> None:
    rows = [lesson("Name the tin of polish."), lesson("name THE tin of polish"), lesson("Let the sea answer.")]
    for similarity in (overlap, None):
        assert len(recall(HERE, None, rows[:1] * 3 + rows[2:], similarity)) == 2
    assert texts(recall(HERE, None, rows, overlap)) == ["Name the tin of polish.", "Let the sea answer."]


def test_few_lessons_are_given() -> None:
    rows = [lesson(f"{a} {b}") for a in ("salt", "rope", "lamp") for b in ("first", "last")]
    assert len(recall(HERE, None, rows, overlap)) == MOST and len(recall(HERE, None, rows, overlap, most=1)) == 1
    assert recall(HERE, None, [], overlap) == []


def test_without_a_likeness_the_words_in_common_decide() -> None:
    rows = [lesson("far", FAR), lesson("near", "A farewell from a lighthouse keeper to his dog."), lesson("here")]
    assert texts(recall(HERE, "Warmth", rows, None)) == ["here", "near"]


@given(
    st.lists(
        st.builds(
            lesson,
            st.lists(st.sampled_from(["salt", "rope", "lamp", "雪"]), min_size=1, max_size=3).map(" ".join),
            st.sampled_from([HERE, NEAR, FAR]),
            st.text(max_size=5),
            st.floats(-1, 1),
        ),
        max_size=8,
    ),
    st.sampled_from([HERE, NEAR, FAR, "", "雪"]),
    st.none() | st.text(max_size=5),
    st.sampled_from([overlap, None]),
)
def test_what_is_recalled_was_learned_and_each_only_once(rows, prompt, criterion, similarity) -> None:  # type: ignore[no-untyped-def]
    found = recall(prompt, criterion, rows, similarity)
    assert len(found) <= MOST and all(f in rows for f in found) and len(set(texts(found))) == len(found)
    here = [r for r in rows if r.prompt == prompt]
    assert not here or found[0].prompt == prompt
