"""Suffixes of one prompt, laid out so that what several begin with is evaluated once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from writer_r1.llm.sequences import branches

SUFFIXES = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=7), min_size=1, max_size=8)


@given(SUFFIXES, st.integers(0, 99))
def test_every_sequence_holds_its_suffix_and_nothing_else(suffixes: list[list[int]], start: int) -> None:
    items = branches(suffixes, start)
    for k, suffix in enumerate(suffixes, 1):
        mine = [item for item in items if k in item.sequences]
        assert [item.token for item in mine] == suffix
        assert [item.position for item in mine] == list(range(start, start + len(suffix)))


@given(SUFFIXES)
def test_the_last_token_of_each_suffix_is_its_own_and_wanted_in_the_order_of_the_suffixes(
    suffixes: list[list[int]],
) -> None:
    wanted = [item for item in branches(suffixes, 0) if item.wanted]
    assert [item.sequences for item in wanted] == [(k,) for k in range(1, len(suffixes) + 1)]


@given(SUFFIXES)
def test_a_sequence_is_only_ever_parted_from_others_never_joined_to_them(suffixes: list[list[int]]) -> None:
    """llama.cpp refuses a batch in which sequences that went apart come together again."""
    items = branches(suffixes, 0)
    for k in range(1, len(suffixes) + 1):
        beside = [set(item.sequences) for item in items if k in item.sequences]
        assert all(after <= before for before, after in pairwise(beside))


def test_questions_about_a_criterion_in_two_wordings_share_its_words() -> None:
    salt, light = [5, 6, 7], [5, 8, 9]
    items = branches([[*salt, 1, 2], [*salt, 3, 2], [*light, 1, 2], [*light, 3, 2]], 10)
    assert len(items) == 1 + 2 + 2 + 2 + 2 + 2 + 2
    assert [item.sequences for item in items if item.token == 5] == [(1, 2, 3, 4)]
