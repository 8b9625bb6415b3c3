"""What a text earns: checks always count, a judge for a half at most, and what is no piece earns nothing."""

import math

import pytest

from writer_r1.errors import TrainingError
from writer_r1.judge import Judge
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.training import rewards
from writer_r1.training.config import Config, configured
from writer_r1.training.data import Example
from writer_r1.training.rewards import Rewarder, is_no_piece
from writer_r1.trajectory import Criterion, Rubric, prompt_id

PROMPT = 'A scene of about 20 words in a laundrette at midnight. Use the words "coin" and "sleeve".'
GOOD = "The laundrette hums at midnight. A coin drops, and she rolls up a sleeve to fish it out, laughing softly."


def config(**chosen: object) -> Config:
    return configured("mrpo", name="a", base="starter", data="d", **chosen)


def example(*judged: str) -> Example:
    criteria = tuple(Criterion(name=name, description=f"The piece is {name}.") for name in judged)
    rubric = Rubric(prompt_id=prompt_id(PROMPT), criteria=criteria) if criteria else None
    return Example("x", PROMPT, "", rubric, "here")


def earned(rewarder: Rewarder, text: str, *judged: str, whole: bool = True) -> rewards.Reward:
    return rewarder.reward(PROMPT, rewarder.rubric(example(*judged)), text, whole=whole)


def test_what_a_request_states_is_what_texts_are_held_to() -> None:
    found = earned(Rewarder(config()), GOOD)
    assert found.scores == {"Complete ending": 1.0, "No repetition": 1.0, "Length": 1.0, "Must include": 1.0}
    assert found.value == pytest.approx(1.0)
    without = earned(Rewarder(config()), GOOD.replace("coin", "button"))
    assert without.value == pytest.approx(0.8)  # half of a criterion that weighs 2 of 5


def test_a_text_that_was_cut_has_no_ending_whatever_its_last_words() -> None:
    found = earned(Rewarder(config()), GOOD, whole=False)
    assert found.scores["Complete ending"] == 0.0
    assert found.value == pytest.approx(0.9)


@pytest.mark.parametrize(
    "text", ["", "  \n", "coin sleeve " * 60, "As an AI I cannot write that.", "Here is the revised draft: a coin."]
)
def test_what_is_no_piece_earns_nothing(text: str) -> None:
    assert is_no_piece(text)
    found = earned(Rewarder(config()), text)
    assert (found.value, found.gated) == (0.0, True)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FakeLLM:
    llm = FakeLLM(lambda _: "")
    monkeypatch.setattr(rewards, "_judge_of", lambda _: Judge(llm, None, never))
    return llm


def test_a_judge_has_a_half_at_most(judge: FakeLLM) -> None:
    rewarder = Rewarder(config(reward="judge", judge="standard"))
    judge.judge = lambda draft, question: 9.0
    delighted = earned(rewarder, GOOD, "warm")
    judge.judge = lambda draft, question: 1.0
    appalled = earned(Rewarder(config(reward="judge", judge="standard")), GOOD, "warm")
    assert delighted.value == pytest.approx(1.0, abs=0.01)
    assert appalled.value == pytest.approx(0.5, abs=0.01)
    assert delighted.scores["warm"] > 0.9 > 0.1 > appalled.scores["warm"]
    with pytest.raises(TrainingError, match="judge_share"):
        config(reward="judge", judge="standard", judge_share=0.6)


def test_what_a_piece_earns_is_the_sum_of_its_criteria(judge: FakeLLM) -> None:
    judge.judge = lambda draft, question: 7.0
    for rewarder, *judged in ((Rewarder(config()),), (Rewarder(config(reward="judge", judge="standard")), "warm")):
        for text, whole in ((GOOD, True), (GOOD, False), (GOOD.replace("coin", "button"), True)):
            found = earned(rewarder, text, *judged, whole=whole)
            assert found.weights.keys() == found.scores.keys()
            assert sum(found.weights.values()) == pytest.approx(1.0)
            assert sum(w * found.scores[name] for name, w in found.weights.items()) == pytest.approx(found.value)
    assert sum(w for name, w in found.weights.items() if name == "warm") == pytest.approx(0.5)


def test_a_text_is_judged_once(judge: FakeLLM) -> None:
    rewarder = Rewarder(config(reward="judge", judge="standard"))
    first, calls = earned(rewarder, GOOD, "warm"), len(judge.seen)
    assert earned(rewarder, GOOD, "warm") == first
    assert len(judge.seen) == calls
    assert (rewarder.asked, rewarder.remembered) == (1, 1)
    earned(rewarder, GOOD, "dry")  # another rubric
    assert len(judge.seen) > calls


def test_a_judge_that_says_nothing_leaves_a_text_unscored(judge: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "choice_logprobs", lambda *_: None)
    found = earned(Rewarder(config(reward="judge", judge="standard")), GOOD, "warm")
    assert math.isnan(found.value)
    assert "warm" not in found.scores


def test_without_a_judge_only_what_can_be_checked_counts() -> None:
    rewarder = Rewarder(config())
    kept = rewarder.rubric(example("warm")).criteria
    assert all(c.check for c in kept) and len(kept) == 4
    assert Rewarder(config()).id != "random"


def test_chance_rewards_a_text_the_same_each_time_and_says_nothing_of_it() -> None:
    found = [earned(Rewarder(config(reward="random", seed=seed)), GOOD).value for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
