"""Rollouts from servers: whose they are, that servers die and return, and what nothing is learned from."""

import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from rollout_stand_in import Reply, RolloutStandIn
from tiny_base import make_base
from training_data import run_config, write_rows

from writer_r1.cli import main
from writer_r1.errors import ModelError, TrainingError
from writer_r1.llm.calls import Patience
from writer_r1.training import mrpo, run_folder, server_sampler
from writer_r1.training.config import Config, configured
from writer_r1.training.optimizer import Crew
from writer_r1.training.policy import Policy, Rollout, open_policy
from writer_r1.training.practice import remember
from writer_r1.training.process import environment, run
from writer_r1.training.replay import Buffer, Under
from writer_r1.training.rewards import Reward
from writer_r1.training.rollout_server import Limits, Unsound, sound, version_of
from writer_r1.training.server_sampler import NoServer, ServerSampler, open_servers
from writer_r1.training.weights import prepared

pytestmark = pytest.mark.long

PROMPT, OTHER = [1, 70, 80, 90, 2, 1, 75], [1, 70, 91]
PROMPTS = [PROMPT] * 4 + [OTHER] * 4
SIZES = {"group": 4, "prompts": 2, "text_tokens": 24, "prompt_tokens": 32, "rank": 4}
Served = Callable[..., ServerSampler]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def config(base: Path, urls: list[str], **chosen: Any) -> Config:
    return configured(
        "mrpo", name="A sea", base=str(base), data="d", rollouts="servers", servers=urls, **SIZES, **chosen
    )


@pytest.fixture
def policy(base: Path) -> Policy:
    opened = open_policy(prepared(str(base)), config(base, ["http://127.0.0.1:1"]))
    move(opened, 1)
    return opened


@pytest.fixture
def stand_ins(base: Path) -> Iterator[list[RolloutStandIn]]:
    plain = configured("mrpo", name="s", base=str(base), data="d", **SIZES)
    two = [RolloutStandIn(base, plain).start() for _ in range(2)]
    yield two
    for one in two:
        one.stop()


@pytest.fixture
def served(
    policy: Policy, base: Path, stand_ins: list[RolloutStandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Served:
    """Servers that are waited for a little."""

    def opened(*which: RolloutStandIn, away_s: float = 20.0, silent_s: float = 20.0, **chosen: Any) -> ServerSampler:
        monkeypatch.setattr(server_sampler, "PATIENCE", Patience(0.05, 0.2, away_s, silent_s))
        settings = config(base, [one.url for one in which or stand_ins], **chosen)
        return open_servers(policy, prepared(str(base)), settings, Crew(), tmp_path)

    return opened


def move(policy: Policy, seed: int, far: float = 0.05) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in policy.parameters:
        p.data += far * torch.randn(p.shape, generator=generator)


def gap(policy: Policy, rollouts: list[Rollout]) -> float:
    """Return the largest difference of log-probs between sampler and trainer."""
    with torch.no_grad():
        scored = policy.score(PROMPTS, [r.tokens for r in rollouts])
    return float((scored.logp - policy.padded([r.logp for r in rollouts], scored.mask)).abs().max())


def test_servers_write_what_the_policy_would_and_say_how_likely_it_was(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn]
) -> None:
    sampler = served()
    assert sampler.wear(3)
    written, own = sampler.sample(PROMPTS, range(8), 64), policy.sample(PROMPTS, range(8), 64)
    assert [r.tokens for r in written] == [r.tokens for r in own]
    assert [r.whole for r in written] == [r.whole for r in own] and any(r.whole for r in own)
    assert gap(policy, written) < 1e-4
    assert {r.version for r in written} == {3}
    entropy = [sum(part) / 8 for part in ([r.entropy for r in rows] for rows in (written, own))]
    assert entropy[0] == pytest.approx(entropy[1], abs=0.4)  # of the texts that came, not of all that could
    assert [len(one.asked) for one in stand_ins] == [4, 4]
    assert sampler.told == {
        "rollouts/version": 3,
        "rollouts/servers": 2,
        "rollouts/stale": 0,
        "rollouts/refused": 0,
        "rollouts/asked_again": 0,
        "rollouts/age/mean": 0,
        "rollouts/rows": 8,
    }


def test_each_version_is_put_on_and_the_one_before_taken_off(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn], tmp_path: Path
) -> None:
    sampler, names = served(), list[str]()
    for version in (1, 2):
        assert sampler.wear(version)
        written = sampler.sample(PROMPTS, range(8), 24)
        assert gap(policy, written) < 1e-4 and {r.version for r in written} == {version}
        (name,) = {name for one in stand_ins for name in one.policies}  # both wear one, and the same
        assert name.startswith(f"writer-r1-a-sea-v{version}-") and version_of(name) == version
        assert [path.name for path in (tmp_path / "served").iterdir()] == [name]
        names.append(name)
        move(policy, version + 1)
    assert gap(policy, written) > 0.05  # of the adapter before
    sampler.close()
    assert not any(one.policies for one in stand_ins) and not (tmp_path / "served").exists()


def test_a_name_is_never_used_for_other_weights(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn]
) -> None:
    """As a run would that goes on from an older checkpoint, while the servers still wear what it had then."""
    first = served()
    assert first.wear(5)
    before = set(stand_ins[0].policies)
    move(policy, 9)
    again = served()
    assert again.wear(5)
    assert set(stand_ins[0].policies).isdisjoint(before)  # and the old one, which lay in the run's folder, is off
    assert len(stand_ins[0].policies) == 1
    assert gap(policy, again.sample(PROMPTS, range(8), 24)) < 1e-4


def test_a_server_that_dies_leaves_its_rows_to_the_others_and_returns_with_the_newest_adapter(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = stand_ins
    sampler = served()
    assert sampler.wear(1)
    one.dies_after = 2
    written = sampler.sample(PROMPTS, range(8), 24)
    assert [r.tokens for r in written] == [r.tokens for r in policy.sample(PROMPTS, range(8), 24)]
    assert one.died.is_set() and len(other.asked) == 6
    assert sampler.told["rollouts/asked_again"] == 2 and sampler.told["rollouts/refused"] == 0
    move(policy, 2)
    assert sampler.wear(2)
    assert sampler.told["rollouts/servers"] == 1
    one.asked.clear()
    one.start()
    move(policy, 3)
    assert eventually_worn(sampler, 3, one)
    written = sampler.sample(PROMPTS, range(8), 24)
    assert gap(policy, written) < 1e-4 and {version_of(name) for name in one.asked} == {3}
    said = capsys.readouterr().out
    assert "writes no rollouts for now: it cannot be reached" in said and "writes rollouts again" in said


def eventually_worn(sampler: ServerSampler, version: int, one: RolloutStandIn) -> bool:
    """Put the adapter on until a server that has just come back is due to be asked again."""
    for _ in range(200):
        assert sampler.wear(version)
        if any(version_of(name) == version for name in one.policies):
            return True
    return False


def test_what_a_hanging_server_says_too_late_is_not_heard(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn]
) -> None:
    one, other = stand_ins
    sampler = served(silent_s=3.0)
    assert sampler.wear(1)
    one.pause_s = 3.3
    written = sampler.sample(PROMPTS, range(8), 24)
    assert gap(policy, written) < 1e-4 and len(written) == len(other.asked) == 8
    assert sampler.servers[0].why == "is silent" and sampler.told["rollouts/asked_again"] == 4
    one.pause_s = 0.0
    move(policy, 2)
    assert eventually_worn(sampler, 2, one)
    again = sampler.sample(PROMPTS, range(8), 24)
    assert gap(policy, again) < 1e-4 and {r.version for r in again} == {2}


def test_where_no_server_is_left_one_that_returns_is_waited_for(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn]
) -> None:
    one, _ = stand_ins
    sampler = served(one)
    assert sampler.wear(1)
    one.dies_after = 3
    threading.Thread(target=lambda: (one.died.wait(), one.start()), daemon=True).start()
    assert gap(policy, sampler.sample(PROMPTS, range(8), 24)) < 1e-4
    assert one.calls.count("/v1/load_lora_adapter") == 2  # it had forgotten the adapter


def test_one_that_does_not_return_ends_the_run_in_a_sentence_and_a_stop_is_heard_before(
    served: Served, stand_ins: list[RolloutStandIn]
) -> None:
    one, _ = stand_ins
    sampler = served(one, away_s=0.6)
    assert sampler.wear(1)
    one.stop()
    with pytest.raises(NoServer, match=r"answered for 1 seconds \(127.0.0.1:\d+ cannot be reached\).*resume the run"):
        sampler.sample(PROMPTS, range(8), 24)
    assert sampler.waits == "waiting for a rollout server"
    with pytest.raises(NoServer, match="cannot be reached"):
        sampler.wear(2)
    patient = served(one)
    patient.servers[0].wears = "x"
    calls = iter([False, False, True])
    patient._adapter = sampler._adapter
    assert patient.sample(PROMPTS, range(8), 24, lambda: next(calls)) == []


@pytest.mark.parametrize("bound", [0, 1])
def test_rollouts_of_an_earlier_adapter_are_taken_only_within_the_bound(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn], bound: int
) -> None:
    """One server keeps what it wore, and says so, as one does that was given its new adapter too late."""
    late, other = stand_ins
    sampler = served(max_staleness=bound)
    assert sampler.wear(4)
    kept = dict(late.policies)
    (earlier,) = kept
    move(policy, 5, far=0.01)
    assert sampler.wear(5)
    worn = late.complete

    def complete(body: Reply) -> Any:
        if body.get("echo"):
            return worn(body)
        late.policies |= kept
        return worn(body | {"model": earlier})

    late.complete = complete  # type: ignore[method-assign]
    written = sampler.sample(PROMPTS, range(8), 24)
    if bound:
        assert sorted(r.version or 0 for r in written) == [4] * 4 + [5] * 4
        assert sampler.told["rollouts/stale"] == 0 and sampler.told["rollouts/age/mean"] == 0.5
        return
    assert {r.version for r in written} == {5} and gap(policy, written) < 1e-4
    assert sampler.told["rollouts/stale"] >= 4 <= sampler.told["rollouts/asked_again"]
    with pytest.raises(NoServer, match=r"written with the adapter of update 4, and this is 5\."):
        alone = served(late)
        assert alone.wear(5)
        alone.sample(PROMPTS, range(8), 24)


def test_a_server_that_only_says_that_it_wears_the_new_adapter_is_found_out(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn], tmp_path: Path
) -> None:
    one, other = stand_ins
    sampler = served()
    assert sampler.wear(1)
    policy.save(tmp_path / "old")
    one.swap = lambda folder: str(tmp_path / "old")
    move(policy, 2, far=0.3)
    assert sampler.wear(2)
    assert sampler.told["rollouts/servers"] == 1 and "has other weights" in sampler.servers[0].why
    one.asked.clear()
    assert gap(policy, sampler.sample(PROMPTS, range(8), 24)) < 1e-4
    assert not one.asked


def choice_with(**changed: Any) -> Callable[[Reply], Any]:
    return lambda reply: reply | {"choices": [reply["choices"][0] | changed]}


SPOILT = {
    "no log-probabilities": choice_with(logprobs=None),
    "tokens of 24 at most": choice_with(token_ids=[5]),
    "no token ids": choice_with(token_ids=None),
    "does not know": choice_with(token_ids=[10**6], logprobs={"token_logprobs": [-1.0]}),
    "no such numbers": choice_with(token_ids=[2], logprobs={"token_logprobs": [math.nan]}),
    "ends elsewhere": choice_with(token_ids=[70], logprobs={"token_logprobs": [-1.0]}),
    "another prompt": choice_with(prompt_token_ids=[1, 2, 3]),
    "does not say which adapter": lambda reply: reply | {"model": "base"},
    "not one reply": lambda reply: "<html>busy</html>",
}


@pytest.mark.parametrize("why", SPOILT)
def test_replies_that_cannot_be_learned_from_are_refused_counted_and_asked_again_elsewhere(
    policy: Policy, served: Served, stand_ins: list[RolloutStandIn], why: str
) -> None:
    one, other = stand_ins
    sampler = served()
    assert sampler.wear(1)
    one.spoil = SPOILT[why]
    written = sampler.sample(PROMPTS, range(8), 24)
    assert gap(policy, written) < 1e-4 and len(other.asked) == 8
    assert sampler.told["rollouts/refused"] == sampler.told["rollouts/asked_again"] == 4
    alone = served(one)
    assert alone.wear(1)
    with pytest.raises(NoServer, match=f"4 replies in a row cannot be learned from; of the last, by 127.*{why}"):
        alone.sample([PROMPT], [1], 24)


LIMITS = Limits(4, (2,), 300)
numbers = st.one_of(st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=2))


@given(
    tokens=st.one_of(st.none(), st.lists(st.one_of(st.integers(-5, 310), numbers), max_size=6)),
    logp=st.one_of(st.none(), st.lists(numbers, max_size=6)),
    model=st.sampled_from([None, "base", "writer-r1-sea-v7-0123abcd"]),
)
def test_whatever_comes_is_a_rollout_that_can_be_learned_from_or_refused(tokens: Any, logp: Any, model: Any) -> None:
    choice = SimpleNamespace(token_ids=tokens, logprobs=SimpleNamespace(token_logprobs=logp))
    try:
        found = sound(SimpleNamespace(choices=[choice], model=model), [1], LIMITS)
    except Unsound as why:
        assert str(why).startswith("it ")
        return
    assert 0 < len(found.tokens) == len(found.logp) <= 4 and found.version == 7
    assert all(0 <= t < 300 for t in found.tokens) and all(-9999 < v <= 1e-3 for v in found.logp)
    assert found.whole == (found.tokens[-1] == 2) and 2 not in found.tokens[:-1]


def test_what_a_server_cannot_do_is_told_at_the_start(
    served: Served, stand_ins: list[RolloutStandIn], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stand_ins

    def refused(*which: RolloutStandIn) -> str:
        with pytest.raises(NoServer) as found:
            served(*which).wear(0)
        return str(found.value)

    one.loads = False
    assert "loads no adapter (404): start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True" in refused(one, other)
    assert f"vllm serve {base} --enable-lora --max-lora-rank 4" in refused(one, other)
    one.loads, one.base = True, make_base(tmp_path / "else", layers=1)
    assert "has other weights: its log-probabilities" in refused(one, other)
    one.stop()  # with what it wore
    one.base, one.key = base, "sesame"
    one.start()
    key = one.url.removeprefix("http://").removesuffix("/v1").replace(".", "_").replace(":", "_")
    assert (
        f"wants a key, or refuses the one it got (401): put one into the environment variable WRITER_R1_KEY_{key}"
        in (refused(one, other))
    )
    monkeypatch.setenv(f"WRITER_R1_KEY_{key}", "sesame")
    assert served(one, other).wear(0)
    assert not any("sesame" in str(headers) for headers in other.headers)  # it belongs to one host
    one.stop()
    assert refused(one, other).startswith("A rollout server cannot be used: 127.0.0.1")
    with pytest.raises(ModelError, match="is no address of a server"):
        open_servers(served()._policy, prepared(str(base)), config(base, ["nowhere"]), Crew(), tmp_path)


def test_a_stored_rollout_is_as_old_as_the_adapter_that_wrote_it() -> None:
    settings, under = config(Path("b"), ["http://x"]).replay, Under("p", "r", "j", "t")
    buffer = Buffer(settings)
    rollouts = [Rollout((70, 2), (-1.0, -1.0), 1.0, True, version) for version in (4, None)]
    rewards = [Reward(0.9, {}), Reward(0.9, {})]
    group: Any = SimpleNamespace(
        rollouts=rollouts, texts=["the sea is calm", "a lamp is lit again"], rewards=rewards, judged=(), under=under
    )
    assert remember(group, buffer, 5) == 2
    assert [row.step for row in buffer.rows(under)] == [4, 5]


def test_servers_are_chosen_by_flags_and_a_warning_names_the_host(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "rows.jsonl")
    flags = ["train", "mrpo", "--data", str(data), "--base", str(base), "--prepare", "--rollouts", "servers"]
    assert main([*flags, "--run", str(tmp_path / "a")]) == 1
    assert "rollouts 'servers' need the addresses of servers" in capsys.readouterr().err
    assert main([*flags, "--run", str(tmp_path / "a"), "--server", "http://user:pass@gpu.example/v1"]) == 1
    assert "holds no key" in capsys.readouterr().err and not (tmp_path / "a").exists()
    two = ["--server", "http://127.0.0.1:8000", "--server", "http://gpu.example:8000"]
    assert main([*flags, "--run", str(tmp_path / "b"), *two]) == 0
    said = capsys.readouterr().err
    assert said.count("Text leaves this machine") == 1 and "is sent to gpu.example:8000, unencrypted." in said
    assert run_folder.config_of(tmp_path / "b").servers == ("http://127.0.0.1:8000", "http://gpu.example:8000")
    with pytest.raises(TrainingError, match="no server writes for it"):
        configured("sft", name="s", base="b", data="d", rollouts="servers", servers=["http://x"])


RUN = {"steps": 4, "learning_rate": 2e-2, "held_out_prompts": 2, "text_tokens": 24, "objective": {"noise": 0.0}}


def launched(folder: Path, *launcher: str) -> str:
    command = [sys.executable, *launcher, "-m", "writer_r1.training.mrpo", str(folder)]
    env = {**environment(run_folder.config_of(folder)), "ACCELERATE_USE_CPU": "true", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=200)
    return done.stdout + done.stderr


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for row in run_folder.metrics(folder) if row.get("split", "train") == "train"]


@pytest.fixture(scope="module")
def by_torch(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run whose rollouts torch writes, and its data."""
    root, threads = tmp_path_factory.mktemp("torch"), torch.get_num_threads()
    data = write_rows(root / "rows.jsonl")
    run_folder.create(root / "run", run_config("mrpo", base, data, **RUN))
    try:
        run(root / "run", mrpo.train)
    finally:
        torch.set_num_threads(threads)
    return root / "run", data


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param((), id="one process", marks=pytest.mark.slow),
        pytest.param(("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"), id="two processes"),
    ],
)
def test_a_run_on_servers_learns_what_one_by_torch_does_though_one_of_them_dies(
    base: Path,
    by_torch: tuple[Path, Path],
    stand_ins: list[RolloutStandIn],
    tmp_path: Path,
    launcher: tuple[str, ...],
) -> None:
    by_itself, data = by_torch
    chosen = {**RUN, "rollouts": "servers", "servers": [one.url for one in stand_ins]}
    run_folder.create(tmp_path / "run", run_config("mrpo", base, data, **chosen))
    stand_ins[0].dies_after = 5
    threading.Thread(target=lambda: (stand_ins[0].died.wait(), stand_ins[0].start()), daemon=True).start()
    said = launched(tmp_path / "run", *launcher)
    found = run_folder.exit_of(tmp_path / "run")
    assert found is not None and found.outcome == "finished", said
    rows, expected = rows_of(tmp_path / "run"), rows_of(by_itself)
    assert [row["rollouts/version"] for row in rows] == [0, 1, 2, 3]
    assert sum(row["rollouts/asked_again"] for row in rows) > 0 == sum(row["rollouts/stale"] for row in rows)
    assert rows[-1]["rollouts/servers"] == 2 and version_of(stand_ins[0].asked[-1]) == 3  # it has returned
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in expected], abs=1e-4)
    learned = [row for row in rows if row["groups"]]
    assert learned and all(row["sampling/logp_difference/max"] < 1e-4 for row in learned)
    assert not stand_ins[1].policies and not (tmp_path / "run" / "served").exists()
    assert "Write 4 words" not in said  # no text in the log


def test_a_run_whose_servers_are_gone_keeps_what_it_learned_and_goes_on_later(
    base: Path, stand_ins: list[RolloutStandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sampler, "PATIENCE", Patience(0.05, 0.1, 0.3, 20.0))
    one, threads, folder = stand_ins[0], torch.get_num_threads(), tmp_path / "run"
    chosen = {**RUN, "rollouts": "servers", "servers": [one.url], "checkpoint_every": 50}
    run_folder.create(folder, run_config("mrpo", base, write_rows(tmp_path / "rows.jsonl"), **chosen))
    one.dies_after = 20
    try:
        assert run(folder, mrpo.train) == 1
        found, step = run_folder.exit_of(folder), rows_of(folder)[-1]["step"]
        assert found is not None and (found.outcome, found.kind) == ("failed", "server") and 0 < step < 4
        assert json.loads((folder / "checkpoints" / f"step-{step:06d}" / "state.json").read_text())["step"] == step
        one.start()
        run_folder.begin_again(folder)
        assert run(folder, mrpo.train) == 0
    finally:
        torch.set_num_threads(threads)
    assert [row["step"] for row in rows_of(folder)] == [1, 2, 3, 4]
