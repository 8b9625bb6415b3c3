"""Whole thoughts in MRPO: what each part earns and who is held to it, and runs whose policy writes given thoughts."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import told_pieces
import torch
from conftest import ROOT
from scripted import PROMPT
from tiny_base import make_base
from training_data import run_config, write_rows

from writer_r1.drafting import draft_request
from writer_r1.errors import TrainingError
from writer_r1.one_go import OPENS, think_request
from writer_r1.traces import Change, Segment, Trace, parse, written
from writer_r1.training import checkpoint, mrpo, run_folder, sft
from writer_r1.training.config import Config, Objective, Replay, configured, parsed, smaller
from writer_r1.training.data import Example, practised_request, read_prompts
from writer_r1.training.objective import Fresh, Replayed, Tokens, fresh_loss, replay_loss
from writer_r1.training.optimizer import Optimizer, Stepped
from writer_r1.training.policy import Policy, Rollout, open_policy
from writer_r1.training.process import run
from writer_r1.training.process_reward import Step, Thought
from writer_r1.training.replay import Buffer, Stored, Under
from writer_r1.training.rewards import Reward
from writer_r1.training.run_folder import Exit
from writer_r1.training.thoughts import Judged, credit_of, judged, kept, kept_before, of_thoughts
from writer_r1.training.weights import prepared

pytestmark = pytest.mark.long

DRAFT = "The sea is calm.\n\nA lamp burns."
MENDED = "The sea is calm.\n\nA lamp burns in the harbour window."
SAID = "“A lamp burns” is bare: I want the harbour window it burns in."


def segment(words: str = "A lamp burns in the harbour window.", said: str = SAID) -> Segment:
    return Segment(reflection=said, changes=(Change(paragraph=2, text=words),))


def thought(*segments: Segment, draft: str = DRAFT, final: str = MENDED) -> str:
    return written(Trace(prompt=PROMPT, plan="A sea.", draft=draft, segments=segments, final=final))


def by_length(text: str, whole: bool) -> Reward:
    return Reward(len(text) / 100 if whole else 0.0, {})


def read(text: str, *, whole: bool = True, look: Any = by_length) -> Judged:
    return judged(PROMPT, text, range(len(text)), look, None, whole=whole)


# one thought


def test_a_thought_is_judged_step_by_step_and_its_tokens_know_their_part() -> None:
    text = thought(segment())
    found = read(text)
    draft, mended = len(DRAFT) / 100, len(MENDED) / 100
    assert found.thought.draft == draft and found.thought.final == mended == found.reward.value
    (step,) = found.thought.steps
    assert step == Step(mended - draft, pytest.approx(0.1 / 9), specific=True, applied=True, fresh=True)
    assert (found.piece, found.refused) == (MENDED, "")
    of = found.thought.parts
    assert len(of) == len(text) and set(of) == {0, 1, 2}
    assert [of.index(1), of.index(2)] == [text.index("<reflection>"), text.index("</think>")]
    assert "<" not in found.shown and SAID in found.shown and "Paragraph 2:" in found.shown


def test_a_step_is_idle_where_it_says_nothing_new_or_stands_nowhere() -> None:
    again = read(thought(segment(), segment("A lamp burns in the harbour window."), final=MENDED))
    assert [s.fresh for s in again.thought.steps] == [True, False]
    assert [s.applied for s in again.thought.steps] == [True, False]  # the second changes nothing
    anywhere = read(thought(segment(said="It could be better.")))
    assert not anywhere.thought.steps[0].specific
    elsewhere = read(thought(segment(), final=DRAFT))  # the piece does not have it
    assert not elsewhere.thought.steps[0].applied and elsewhere.thought.final < elsewhere.thought.draft + 0.01


def test_the_judges_range_is_what_a_gain_has_to_pass() -> None:
    found = read(thought(segment()), look=lambda text, whole: Reward(0.5, {}, range=0.1 if text == DRAFT else 0.3))
    assert found.thought.steps[0].least == pytest.approx(0.2)


@pytest.mark.parametrize(
    "text",
    ["", "The sea.", OPENS, thought(segment())[:-60], thought(segment()).replace("</draft>", ""), OPENS + OPENS],
)  # fmt: skip
def test_what_is_no_thought_is_worth_nothing(text: str) -> None:
    found = read(text)
    assert found.refused and found.piece == "" and "<" not in found.shown
    assert found.shown.startswith("No thought that could be read: ")
    assert found.thought == Thought(0.0, 0.0, (), (0,) * len(text))
    assert found.reward.value == 0.0 and found.reward.gated


def test_pieces_are_practised_on_a_file_of_thoughts_and_thoughts_on_one_of_pieces() -> None:
    piece, thinking = Example("x", PROMPT, DRAFT, None, ""), Example("x", PROMPT, thought(segment()), None, "")
    for thoughts, asked in (("off", draft_request(PROMPT)), ("credits", think_request(PROMPT)._replace(answer=OPENS))):
        assert practised_request(piece, thoughts) == practised_request(thinking, thoughts) == asked


def test_the_samples_of_what_learns_thoughts_show_no_tag() -> None:
    text, learned = thought(segment()), Example("x", PROMPT, thought(segment()), None, "")
    assert sft._shown(learned, text) == read(text).shown
    assert sft._shown(learned, text[:-60]).startswith("No thought that could be read: ")
    assert sft._shown(learned._replace(text=DRAFT), "A <b>bold</b> piece.") == "A <b>bold</b> piece."


def test_of_a_reply_that_was_cut_only_the_piece_is_not_whole() -> None:
    found = read(thought(segment()), whole=False)
    assert found.thought.final == 0.0 and found.thought.draft > 0 and found.thought.steps[0].gain > 0


def test_numbers_are_of_what_can_be_read() -> None:
    found = of_thoughts([read(thought(segment())), read(thought(final=DRAFT)), read("no thought")], 0.05)
    assert found["thoughts/well_formed"] == pytest.approx(2 / 3)
    assert found["thoughts/reflecting"] == pytest.approx(1 / 3)
    assert found["thoughts/reflections"] == 0.5
    spoken = thought(segment())
    assert found["thoughts/reflection_tokens"] == (spoken.index("</think>") - spoken.index("<reflection>")) / 2
    assert (found["thoughts/useful"], found["thoughts/redundant"], found["thoughts/harmful"]) == (1.0, 0.0, 0.0)
    assert found["thoughts/process_reward"] == 0.5
    nothing = of_thoughts([read("no")], 0.05)
    assert nothing["thoughts/well_formed"] == 0.0 and nothing["thoughts/useful"] is None
    unscored = of_thoughts([read(thought(segment()), look=lambda *_: Reward(math.nan, {}))], 0.05)
    assert unscored["thoughts/redundant"] == 1.0 and unscored["thoughts/reward"] is None


def test_a_judged_thought_is_kept_to_the_last_bit() -> None:
    found = read(thought(segment())).thought
    assert kept_before(kept(found)) == found


# what tokens are held to

GROUP = [
    Thought(0.2, 0.6, (Step(0.4, 0.05),), (0, 1, 2)),
    Thought(0.4, 0.4, (Step(0.0, 0.05, applied=False),), (0, 1, 2)),
    Thought(0.6, 0.6, (), (0, 0, 1)),
    Thought(0.8, 0.8, (), (0, 0, 1)),
]


def rows(found: Sequence[torch.Tensor]) -> list[list[float]]:
    return [[round(v, 4) for v in row.tolist()] for row in found]


@pytest.mark.parametrize("how", ["credits", "dense"])
def test_permuting_a_group_changes_nothing(how: Any) -> None:
    order = [2, 0, 3, 1]
    straight = credit_of(how, GROUP, GROUP[:1], 0.05)
    mixed = credit_of(how, [GROUP[i] for i in order], GROUP[:1], 0.05)
    assert straight and mixed
    assert rows(mixed.fresh) == [rows(straight.fresh)[i] for i in order]
    assert rows(mixed.replayed) == rows(straight.replayed)


def test_dense_credit_by_hand() -> None:
    found = credit_of("dense", GROUP, [], 0.05)
    # pieces .6 .4 .6 .8: mean .6, spread .163299; a step of worth 1 is paid .2 / .163299, one of -1 costs as much
    assert found and rows(found.fresh) == [
        [0.0, 1.2247, 0.0],
        [-1.2247, -2.4495, -1.2247],
        [0.0, 0.0, 0.0],
        [1.2247, 1.2247, 1.2247],
    ]
    mended = [GROUP[0]._replace(final=0.24, steps=(Step(0.4, 0.05),)), *GROUP[1:]]
    unpaid = credit_of("dense", mended, [], 0.05)
    assert unpaid and len(set(rows(unpaid.fresh)[0])) == 1  # no better than its draft: its step earns nothing


@pytest.mark.parametrize("how", ["credits", "dense"])
def test_stored_thoughts_are_held_to_the_fresh_ones_and_never_made_less_likely(how: Any) -> None:
    good, bad = Thought(0.9, 0.95, (Step(0.05, 0.01),), (0, 1, 2)), Thought(0.1, 0.1, (), (0, 1))
    alone, both = credit_of(how, GROUP, [good], 0.05), credit_of(how, GROUP, [good, bad], 0.05)
    assert alone and both
    assert rows(alone.fresh) == rows(both.fresh)  # the stored ones move no baseline
    assert rows(both.replayed)[0] == rows(alone.replayed)[0]
    assert 0.0 < float(both.replayed[0][0]) <= 2.0
    assert rows(both.replayed)[1] == [0.0, 0.0]


def test_a_group_without_differences_is_flat_and_outcome_is_one_number_a_row() -> None:
    same = credit_of("credits", [GROUP[3]] * 3, [], 0.05)
    assert same and same.is_flat
    found = credit_of("credits", GROUP, [], 0.05)
    assert found and not found.is_flat
    assert credit_of("outcome", GROUP, [], 0.05) is None and credit_of("off", [], [], 0.05) is None


def test_tokens_outside_the_mask_or_without_credit_get_no_gradient() -> None:
    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    credit = torch.tensor([[1.0, 0.0, -1.0, 9.0], [0.5, 0.5, 9.0, 9.0]])
    logp = torch.full((2, 4), -1.0).requires_grad_()
    fresh_loss(Fresh(logp, logp.detach(), credit, mask), Objective(kl=0.0), Tokens(5)).backward()
    assert logp.grad is not None
    torch.testing.assert_close(logp.grad, torch.tensor([[-0.2, 0.0, 0.2, 0.0], [-0.1, -0.1, 0.0, 0.0]]))
    logp.grad = None
    replay_loss(Replayed(logp, logp.detach(), credit, mask), Objective(), Replay(weight=1.0), Tokens(0, 5)).backward()
    torch.testing.assert_close(logp.grad, torch.tensor([[-0.2, 0.0, 0.2, 0.0], [-0.1, -0.1, 0.0, 0.0]]))


@pytest.mark.parametrize("one", ["the same for a whole row", "by token"])
def test_credit_of_one_number_a_row_is_the_plain_loss_bit_for_bit(one: str) -> None:
    torch.manual_seed(0)
    logp, sampled = torch.randn(3, 5), torch.randn(3, 5)
    mask, advantage = torch.rand(3, 5) > 0.3, torch.tensor([1.0, -0.5, 0.2])
    plain = fresh_loss(Fresh(logp, sampled, advantage, mask), Objective(), Tokens(9))
    spread = fresh_loss(Fresh(logp, sampled, advantage[:, None].expand(3, 5), mask), Objective(), Tokens(9))
    assert torch.equal(plain, spread)


# settings, tokens, the buffer


def test_settings_that_do_not_go_with_thoughts_are_refused() -> None:
    base = {"name": "a", "base": "b", "data": "d"}
    assert configured("mrpo", **base).thoughts == "off"
    assert parsed({**base, "kind": "mrpo", "thoughts": "credits"}).thoughts == "credits"
    for kind, wrong in (
        ("sft", {}),
        ("mrpo", {"memory_share": 0.25}),
        ("mrpo", {"objective": {"contrast": True}}),
        ("mrpo", {"objective": {"baseline": "mixed"}}),
    ):
        with pytest.raises(TrainingError, match="thoughts 'outcome'"):
            configured(kind, thoughts="outcome", **base, **wrong)  # type: ignore[arg-type]


def test_a_smaller_run_has_room_for_a_whole_thought_still() -> None:
    base = {"name": "a", "base": "b", "data": "d", "text_tokens": 400, "group": 8}
    assert smaller(configured("mrpo", **base)).text_tokens == 200
    found = smaller(configured("mrpo", thoughts="credits", **base))
    assert (found.text_tokens, found.group) == (400, 4)


def test_tokens_are_spelled_and_each_begins_where_it_begins(base: Path) -> None:
    policy = open_policy(prepared(str(base)), configured("mrpo", name="a", base=str(base), data="d", rank=4))
    text = "  <plan>\nSee – the “café”.\n"
    tokens = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    said, starts = policy.spelled([*tokens, policy.ends[0]])
    assert said == text and len(starts) == len(tokens) + 1 and starts == sorted(starts)
    assert starts[-1] == len(text)
    assert {text[s] for s in starts[:3]} == {" ", "<"}


def test_a_buffer_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    under, row = Under("p", "r", "j", "t"), Stored("a b c d", (1, 2), (-1.0, -2.0), 0.5, 1.0, 3, thought="[1]")
    buffer = Buffer(Replay())
    assert buffer.admit(under, [row], [True]) == 1
    buffer.write(tmp_path / "replay.db")
    (again,) = Buffer(Replay(), tmp_path / "replay.db").rows(under)
    assert again._replace(id=0) == row
    with sqlite3.connect(tmp_path / "replay.db") as db:
        db.execute("ALTER TABLE rollout DROP COLUMN thought")
    old = Buffer(Replay(), tmp_path / "replay.db")
    assert [r.thought for r in old.rows(under)] == [""]
    assert old.admit(under, [row._replace(text="e f g h", reward=0.9)], [True]) == 1


def test_pieces_told_as_thoughts_are_thoughts_for_requests_that_are_not_practised_on() -> None:
    found = told_pieces.rows()
    assert len(found) >= 100 and len({row["text"] for row in found}) == len(found)
    read_ = [parse(row["text"], row["prompt"]) for row in found]
    assert all(isinstance(one, Trace) and one.segments and one.texts()[-1] == one.final for one in read_)
    practised = {e.prompt for e in read_prompts(ROOT / "assets" / "sample_prompts.jsonl").examples}
    assert not practised & {row["prompt"] for row in found}


# runs

WORDS = "the sea is calm and old the lamp is lit again tonight by her hand in a row of windows".split()  # noqa: SIM905


def given(seed: int) -> str:
    """Return what the policy writes by this seed: drafts of many lengths, mended or not, at times no thought."""
    count = 3 + seed % 9
    draft, more = " ".join(WORDS[:count]) + ".", " ".join(WORDS[: 4 + seed % 7]) + "."
    if seed % 5 == 0:
        return thought(draft=draft, final=draft).removeprefix(OPENS)
    if seed % 11 == 1:
        return "<plan>\nonly a plan"
    one = Segment(reflection="The sea and the lamp ask for more.", changes=(Change(paragraph=1, text=more),))
    return thought(one, draft=draft, final=more).removeprefix(OPENS)


def written_as_given(
    self: Policy, prompts: Sequence[Sequence[int]], seeds: Sequence[int], most: int, cancel: Any = None
) -> list[Rollout]:
    """Stand in for sampling: a random model writes no thoughts. The log-probs are the policy's own."""
    found = []
    for prompt, seed in zip(prompts, seeds, strict=True):
        reply = [*self.tokenizer(given(seed), add_special_tokens=False)["input_ids"], self.ends[0]][:most]
        with torch.no_grad():
            logp = self.score([prompt], [reply]).logp[0].tolist()
        found.append(Rollout(tuple(reply), tuple(logp), 1.0, reply[-1] == self.ends[0]))
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", 4)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(Policy, "sample", written_as_given)
    yield
    torch.set_num_threads(threads)


def settings(base: Path, data: Path, **chosen: Any) -> Config:
    usual: dict[str, Any] = {
        "prompt_tokens": 2500,
        "text_tokens": 600,
        "micro_tokens": 8000,
        "steps": 4,
        "held_out": 0.5,
        "held_out_prompts": 1,
        "evaluate_every": 4,
        "replay": {"warm_up": 1, "least": 1, "uniform": 0.0, "ratio_low": 0.1, "ratio_high": 10.0},
        "objective": {"noise": 0.01},
    }
    return run_config("mrpo", base, data, **{**usual, **chosen})


def went(folder: Path) -> Exit:
    run(folder, mrpo.train)
    found = run_folder.exit_of(folder)
    assert found is not None
    return found


def go(folder: Path, config: Config) -> tuple[Path, list[dict[str, Any]]]:
    run_folder.create(folder, config)
    found = went(folder)
    assert found.outcome == "finished", found.sentence
    return folder, [row for row in run_folder.metrics(folder) if "split" not in row]


def weights(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def test_each_way_to_pay_learns_something_else_from_the_same_thoughts(
    tmp_path: Path, base: Path, data: Path, scripted: None
) -> None:
    ways = ("outcome", "credits", "dense", "ppo")
    found = {how: go(tmp_path / how, settings(base, data, steps=2, thoughts=how)) for how in ways}
    assert len({weights(folder) for folder, _ in found.values()}) == 4
    first = [rows_[0] for _, rows_ in found.values()]
    told = ("reward", "thoughts/well_formed", "thoughts/reflections", "thoughts/reflection_tokens", "thoughts/useful")
    assert all(row[name] == first[0][name] for row in first for name in told)  # the same thoughts, told alike
    assert 0 < first[0]["thoughts/well_formed"] <= 1 and first[0]["thoughts/reflection_tokens"] > 10
    assert found["ppo"][1][1]["value/mean"] > 0.0 and "value/loss" not in found["dense"][1][1]  # it has learned a step
    held = [row for row in run_folder.metrics(found["credits"][0]) if row.get("split") == "held_out"]
    assert held and all("thoughts/well_formed" in row for row in held)
    assert run_folder.samples(found["credits"][0])
    assert not any("<" in sample["text"] for sample in run_folder.samples(found["credits"][0]))


@pytest.mark.parametrize("how", ["credits", "ppo"])
def test_a_run_goes_on_bit_for_bit_with_its_stored_thoughts_or_its_value_head(
    tmp_path: Path, base: Path, data: Path, scripted: None, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    straight, told = go(tmp_path / "straight", settings(base, data, thoughts=how, learning_rate=2e-2))
    assert (sum(row["replay/rows"] for row in told) > 0) is (how == "credits")
    broken, step = tmp_path / "broken", Optimizer.step
    run_folder.create(broken, settings(base, data, thoughts=how, learning_rate=2e-2))

    def stopping(self: Optimizer, number: int) -> Stepped:
        if number == 2 and not (broken / "asked").exists():
            (broken / "asked").touch()
            run_folder.ask_stop(broken)
        return step(self, number)

    monkeypatch.setattr(Optimizer, "step", stopping)
    assert went(broken).outcome == "stopped"
    assert checkpoint.every(broken)
    run_folder.begin_again(broken)
    assert went(broken).outcome == "finished"
    assert weights(straight) == weights(broken)
    heads = [checkpoint.every(folder)[-1] / "critic.pt" for folder in (straight, broken)]
    assert all(head.exists() is (how == "ppo") for head in heads)
    if how == "ppo":
        one, other = (torch.load(head, weights_only=True) for head in heads)
        assert torch.equal(one["weight"], other["weight"]) and bool(one["weight"].any())
