"""What a reader of a blind comparison sees: nothing that tells the texts apart before the choice, an honest sum."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import eventually
from test_blind_trials import PLAIN, SALTY, Bare, pair

from writer_r1 import adapters
from writer_r1.background import Progress
from writer_r1.blind_trials import FIRST, BlindTrials, Trial
from writer_r1.store import BlindPair
from writer_r1.training.data import Example
from writer_r1.ui.blind_board import Tally, blind_board, blind_progress, chosen, tally
from writer_r1.ui.blind_page import look, on_act

TRIAL = Trial("sea-1", "w" * 64, Path("a.gguf"), "fake", (), 60, "A model")
HOSTILE = '</div><script>alert(1)</script><img src=x onerror="a">'


class Studio(Bare):
    """A workspace whose comparison of “sea-1” lies open."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        path = home / "adapter.gguf"
        path.write_bytes(b"GGUF")
        example = Example("1", "A scene at a lighthouse", "", None, "")
        trial = Trial("sea-1", adapters.digest_of(path), path, "fake", (example,), 60)
        self.blind_trials = BlindTrials(self)
        self.blind_trials._trial, self.blind_trials._looked = trial, True
        self.trial = trial

    def kept(self) -> list[BlindPair]:
        return self.store.blind_pairs(self.trial.weights)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_before_the_choice_both_orders_of_a_pair_are_the_same_page_but_for_the_two_texts() -> None:
    one = blind_board(TRIAL, [pair(first="base")], "", writing=False)
    other = blind_board(TRIAL, [pair(first="adapter")], "", writing=False)
    assert one != other and one.replace(PLAIN, "X").replace(SALTY, PLAIN).replace("X", SALTY) == other
    assert re.findall(r"<h3[^>]*>(.*?)</h3>", one) == ["Text 1", "Text 2"]


@given(st.sampled_from(["base", "adapter"]), st.sampled_from(["1", "2", "0", "3", ""]))
def test_a_key_means_the_text_that_stands_there(first: str, key: str) -> None:
    made = pair(first=first)
    choice = chosen(made, key)
    if key in ("1", "2"):
        preferred = made.adapter_text if choice == "adapter" else made.base_text
        assert preferred == made.texts[int(key) - 1]
    else:
        assert choice == ("neither" if key == "0" else "")


def test_after_the_choice_it_is_said_whose_each_text_is() -> None:
    html = blind_board(TRIAL, [pair(first="adapter", choice="adapter")], pair().id, writing=False)
    assert re.findall(r"<h3[^>]*>(.*?)</h3>", html) == ["Text 1 · “sea-1”", "Text 2 · A model as it is"]
    assert "You chose text 1: “sea-1”." in html and html.count('class="better"') == 1
    assert "1 of 1 for the adapter: too few to tell" in html


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({}, "Nothing is chosen yet."),
        ({"neither": 2, "out": 3}, "No preference yet, 2 pairs with no difference."),
        ({"adapter": 7, "base": 5}, "7 of 12 for the adapter: too few to tell (its true share may be anything from 28"),
        ({"adapter": 5}, "5 of 5 for the adapter: too few to tell"),  # a coin does that once in sixteen
        ({"adapter": 10, "base": 2, "neither": 1}, "10 of 12 for the adapter: you like what it writes better"),
        ({"adapter": 1, "base": 11}, "1 of 12 for the adapter: you like the base better without it"),
        ({"adapter": 33, "base": 30}, "33 of 63 for the adapter: hardly any difference"),
    ],
)
def test_the_sum_says_no_more_than_it_tells(choices: dict[str, int], said: str) -> None:
    pairs = [pair(n, choice=choice) for choice, count in choices.items() for n in range(count)]
    assert tally(pairs).sentence.startswith(said)


def test_an_even_share_never_sounds_like_a_win() -> None:
    for wins in range(30):
        assert "better" not in tally([pair(choice="adapter")] * wins + [pair(choice="base")] * wins).sentence
    assert "better" in Tally(20, 0, 0, 0.83, 1.0).sentence


def test_words_are_shown_as_words() -> None:
    made = pair(prompt=HOSTILE, base_text=HOSTILE, adapter_text=HOSTILE + "!", adapter=HOSTILE, base=HOSTILE)
    trial = TRIAL._replace(adapter=HOSTILE, label=HOSTILE)
    writing = Progress(1, 12, 3.0, "failed", HOSTILE)
    html = blind_progress(trial, writing, 1) + blind_progress(trial, writing._replace(state="running"), 1)
    for choice in ("", "adapter", HOSTILE):
        html += blind_board(trial, [made._replace(choice=choice), made], made.id, writing=True)
    assert not re.search(r"<script|<img", html)


def test_a_choice_is_kept_at_once_shown_and_gone_on_from(studio: Studio) -> None:
    page = look(studio, "")
    assert "No pair is written yet." in page.writing and "Go on writing" in page.writing
    studio.base.delay_s = 0.02
    studio.blind_trials.more()
    assert "first pair appears here" in look(studio, "").board
    studio.base.delay_s = 0.0
    eventually(lambda: len(studio.kept()) >= 2)
    page = look(studio, "", page.sent)
    assert "Pair 1." in page.board and page.board.count("<article") == 2
    first, second = studio.kept()[:2]
    eventually(lambda: len(studio.kept()) > 3)
    unchanged = look(studio, "", page.sent)
    assert isinstance(unchanged.board, dict)  # skipped while others are written, so that a reader is left in peace
    wish = {"act": "choose", "choice": "1", "pair": first.id}
    page = on_act(studio, "", page.sent, wish)
    assert page.shown == first.id and "You chose text 1" in page.board
    on_act(studio, "", page.sent, wish | {"choice": "2"})  # pressed twice
    assert [p.choice for p in studio.kept()[:2]] == [chosen(first, "1"), ""]
    for hostile in ({"choice": "9", "pair": second.id}, {"choice": "1", "pair": "x"}, {"choice": "1"}):
        assert on_act(studio, first.id, page.sent, {"act": "choose"} | hostile).shown == first.id
    page = on_act(studio, first.id, page.sent, {"act": "next"})
    assert page.shown == "" and "Pair 2." in page.board
    page = on_act(studio, "", page.sent, {"act": "out", "pair": first.id})
    assert studio.kept()[0].choice == "out" and "does not count" in page.board
    eventually(lambda: studio.blind_trials.running() == "")
    assert len(studio.kept()) == FIRST and look(studio, "").writing == ""
    for one in studio.kept():
        on_act(studio, "", page.sent, {"act": "choose", "choice": "0", "pair": one.id})
    page = on_act(studio, "", ("", ""), {"act": "next"})
    assert f"{FIRST} pairs read" in page.board and f"Write {FIRST} more pairs" in page.board
    assert on_act(studio, "", ("", ""), {"act": "shut"}).board == ""
    assert studio.blind_trials.close()


def test_a_stop_or_a_fault_is_told_with_the_way_on(studio: Studio) -> None:
    def refuse(name: str) -> None:
        raise adapters.ModelError("“sea-2” is training, and not enough memory is free.")

    studio.llm = refuse  # type: ignore[assignment]
    on_act(studio, "", ("", ""), {"act": "more"})
    eventually(lambda: "not enough memory" in str(look(studio, "").writing))
    assert "Go on writing" in look(studio, "").writing
    del studio.llm
    studio.base.delay_s = 0.05
    studio.blind_trials.more()
    eventually(lambda: len(studio.kept()) >= 1)
    page = on_act(studio, "", ("", ""), {"act": "halt"})
    assert "Stopp" in page.writing
    eventually(lambda: "Go on writing" in look(studio, "").writing)
    assert f"{len(studio.kept())} pair" in look(studio, "").writing
