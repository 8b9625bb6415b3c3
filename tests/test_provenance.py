"""Who wrote what: exact to the letter, along random ways of writing, and worked by hand."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_differences import PIECES, TEXTS, novel

from writer_r1 import provenance
from writer_r1.facts import WORD
from writer_r1.provenance import AFTER, MINE, MODEL, Made, Written, drafted_in, layers, shares, stretches, told
from writer_r1.trajectory import Attempt, Trajectory

ROUND = "The keeper counted the waves twice. He went home, and the lamp was out."
OWN = "My mother never liked the sea at all."


def by_model(text: str) -> Written:
    return Written(text, MODEL * len(text))


def words(written: Written) -> list[tuple[str, str]]:
    """Return the stretches that hold words, without the white space around them."""
    return [(s.hand, s.text.strip()) for s in stretches(written) if WORD.search(s.text)]


def line(*texts: str | Written) -> Written:
    """Return the last of texts made each of the one before; what is given as written was put in."""
    made = [
        Made(t.text if isinstance(t, Written) else t, n - 1 if n else None, t if isinstance(t, Written) else None)
        for n, t in enumerate(texts)
    ]
    return layers(made)[-1]


@st.composite
def ways(draw: st.DrawFn) -> list[Made]:
    """Return a tree of texts: typed, put in from a round or from one of them, brought back."""
    made = [Made(draw(TEXTS))]
    for _ in range(draw(st.integers(0, 6))):
        parent = draw(st.integers(0, len(made) - 1))
        before = made[parent].text.split(" ")
        typed = " ".join(draw(st.sampled_from([w, w, w, "", f"{w} y", "x.\n\n"])) for w in before)
        text = draw(st.sampled_from([typed, before and " ".join(before), draw(TEXTS)]))
        source = draw(st.none() | st.sampled_from(PIECES).map(by_model) | st.integers(0, len(made) - 1))
        made.append(Made(text, parent, source))
    return made


@given(ways())
@settings(deadline=None, max_examples=200)
def test_every_letter_is_somebodys_and_the_shares_make_a_hundred(made: list[Made]) -> None:
    for one, written in zip(made, layers(made), strict=True):
        assert written.text == one.text and len(written.hands) == len(one.text)
        assert set(written.hands) <= {MINE, MODEL, AFTER}
        assert "".join(s.text for s in stretches(written)) == one.text
        assert sum(shares(written).values()) == (100 if WORD.search(one.text) else 0)


@given(ways())
@settings(deadline=None)
def test_what_was_only_typed_is_all_mine(made: list[Made]) -> None:
    typed = [m._replace(source=m.source if isinstance(m.source, int) else None) for m in made]
    assert all(set(written.hands) <= {MINE} for written in layers(typed))


@given(ways())
@settings(deadline=None)
def test_what_is_brought_back_has_the_hands_it_had(made: list[Made]) -> None:
    found = layers([*made, *(Made(m.text, n) for n, m in enumerate(made))])
    assert found[len(made) :] == found[: len(made)]


@given(ways())
@settings(deadline=None)
def test_it_comes_out_the_same_whether_or_not_its_beginning_was_followed_before(made: list[Made]) -> None:
    provenance._kept.clear()
    cold = layers(made)
    assert layers(made) == cold and layers([*made, Made("More.", len(made) - 1)])[:-1] == cold


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=60).map(" ".join))
def test_a_round_taken_over_whole_is_all_a_models_whatever_stood_there(mine: str) -> None:
    assert set(line(mine, by_model(ROUND)).hands) == {MODEL}


def test_a_round_taken_over_in_place_of_a_long_text_keeps_no_stray_words_of_mine() -> None:
    mine, theirs = (" ".join(" ".join(s) + " and the end." for s in novel(300, seed=n)) for n in (3, 4))
    assert shares(line(mine, by_model(theirs)))[MODEL] == 100


def test_a_round_of_my_text_leaves_mine_what_it_kept_of_it() -> None:
    mine = "The keeper counted the waves. My mother never liked the sea at all."
    assert words(line(mine, by_model(mine.replace("counted", "numbered")))) == [
        (MINE, "The keeper"), (MODEL, "numbered"), (MINE, "the waves. My mother never liked the sea at all."),
    ]  # fmt: skip


def test_a_word_changed_in_a_round_is_mine_after_it_and_a_sentence_beside_it_is_mine() -> None:
    changed = line("", by_model(ROUND), ROUND.replace("counted", "numbered"))
    assert words(changed) == [
        (MODEL, "The keeper"), (AFTER, "numbered"), (MODEL, "the waves twice. He went home, and the lamp was out."),
    ]  # fmt: skip
    assert words(line("", by_model(ROUND), ROUND.replace("keeper", "keeper slowly")))[1] == (AFTER, "slowly")
    assert words(line("", by_model(ROUND), f"{ROUND} {OWN}"))[1] == (MINE, OWN)
    assert words(line("", by_model(ROUND), ROUND.replace(" He went", f" {OWN} He went")))[1] == (MINE, OWN)
    assert words(line("", by_model(ROUND), f"{OWN}\n\n{ROUND}"))[0] == (MINE, OWN)


def test_changes_of_a_round_with_words_of_my_own_among_them_are_told_apart() -> None:
    mine = "The keeper saw the waves twice. It rained on the old roof."
    theirs = "The keeper counted the waves twice. It poured on the tin roof."
    put = mine.replace("saw", "counted").replace("old", "slate")
    written = layers([Made(mine), Made(put, 0, by_model(theirs))])[-1]
    assert [w for w in words(written) if w[0] != MINE] == [(MODEL, "counted")]


def test_words_that_were_taken_out_and_come_back_are_whose_they_were() -> None:
    cut = ROUND.split(". ")[0] + "."
    assert set(line("", by_model(ROUND), cut, ROUND).hands) == {MODEL}
    assert set(line("", by_model(ROUND), ROUND.replace("counted", "x"), ROUND).hands) == {MODEL}
    moved = line(OWN, by_model(f"{OWN} {ROUND}"), f"{ROUND}\n\n{OWN}", OWN, f"{OWN}\n\n{ROUND}")
    assert words(moved) == [(MINE, OWN), (MODEL, ROUND)]


def test_sentences_of_a_round_that_are_pasted_stay_a_models_but_not_those_it_has_of_me() -> None:
    run = Trajectory(
        id="r",
        prompt="p",
        attempts=(
            Attempt(number=1, by="user", text=OWN, complete=True),
            Attempt(number=2, parent=1, text=f"{OWN} {ROUND}", complete=True),
        ),
    )
    drafted = drafted_in([run])
    assert drafted == {"The keeper counted the waves twice.", "He went home, and the lamp was out."}
    written = layers([Made("Here."), Made(f"Here. {OWN} {ROUND}", 0)], drafted)[-1]
    assert words(written) == [(MINE, f"Here. {OWN}"), (MODEL, ROUND)]


def test_shares_are_of_words_and_round_to_a_hundred() -> None:
    third = layers([Made("", None), Made("uno", 0, by_model("uno")), Made("uno dos.\n\nTres", 1)])[-1]
    assert shares(third) == {MINE: 67, MODEL: 33, AFTER: 0}
    assert shares(Written("", "")) == {MINE: 0, MODEL: 0, AFTER: 0}
    assert told(third) == (
        "Who wrote what, in words: 67 % the writer, 33 % a model, 0 % the writer in place of a model's words."
    )


def test_eight_thousand_words_and_two_hundred_versions_are_followed_soon_and_after_a_save_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [" ".join(s) + "." for s in novel(8000, seed=2)]
    text = "\n\n".join(" ".join(rows[i : i + 5]) for i in range(0, len(rows), 5))
    made = [Made(text[: len(text) // 2]), Made(text, 0, by_model(text))]
    for n in range(198):
        parts = made[-1].text.split(" ")
        at = 37 * n % (len(parts) - 40)
        parts[at : at + n % 20] = [f"word{n}"] * (n % 7)
        made.append(Made(" ".join(parts), len(made) - 1))
    provenance._kept.clear()
    began = time.perf_counter()
    layers(made)
    cold, began = time.perf_counter() - began, time.perf_counter()
    layers([*made[:-1], Made(made[-1].text + " More.", len(made) - 2)])
    warm = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nRESULT {{'followed_s': {cold:.2f}, 'after_a_save_s': {warm:.3f}}}")
    assert cold < 6 and warm < 0.6  # about 1 s and 0.05 s on a free core
