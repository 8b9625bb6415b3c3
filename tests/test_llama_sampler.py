"""llama.cpp writes the rollouts: what it says of their log-probs, the adapter it wears, and a run with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny_base import make_base
from tiny_gguf import make_gguf
from training_data import run_config, write_rows

from writer_r1.errors import TrainingError
from writer_r1.training import learner, mrpo, run_folder
from writer_r1.training.config import Config, configured
from writer_r1.training.llama_sampler import LlamaSampler, open_sampler
from writer_r1.training.policy import Policy, Rollout, open_policy
from writer_r1.training.process import run
from writer_r1.training.weights import Base, prepared

PROMPT, OTHER = [1, 70, 80, 90, 2, 1, 75], [1, 70, 91]
NEAR = 0.02  # of a log-prob: the same weights in 32 bits, but llama.cpp keeps its cache in 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def gguf(folder: Path) -> Path:
    return make_gguf(folder, folder / "tiny.gguf")


def config(folder: Path) -> Config:
    sizes = {"group": 4, "prompts": 2, "text_tokens": 64, "prompt_tokens": 32, "rank": 4}
    return configured("mrpo", name="sea", base=str(folder), data="d", rollouts="llamacpp", **sizes)


@pytest.fixture(scope="module")
def policy(folder: Path) -> Policy:
    opened = open_policy(prepared(str(folder)), config(folder))
    moved(opened, 1)
    return opened


@pytest.fixture(scope="module")
def sampler(policy: Policy, gguf: Path, folder: Path) -> Iterator[LlamaSampler]:
    opened = LlamaSampler(policy, gguf, config(folder))
    yield opened
    opened.close()


def moved(policy: Policy, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in policy.parameters:
        p.data += 0.05 * torch.randn(p.shape, generator=generator)


def gap(policy: Policy, prompts: list[list[int]], rollouts: list[Rollout]) -> float:
    """Return the largest difference of log-probs between sampler and trainer."""
    with torch.no_grad():
        scored = policy.score(prompts, [r.tokens for r in rollouts])
    return float((scored.logp - policy.padded([r.logp for r in rollouts], scored.mask)).abs().max())


def test_llama_cpp_writes_what_the_policy_would_and_says_how_likely_it_was(
    policy: Policy, sampler: LlamaSampler
) -> None:
    prompts = [PROMPT] * 4 + [OTHER] * 4
    drafted, sampled = (s.sample(prompts, range(8), 64) for s in (sampler, policy))
    assert gap(policy, prompts, drafted) < NEAR
    # chance is the same; later a rounding may choose another token
    assert sum(d.tokens[:16] == s.tokens[:16] for d, s in zip(drafted, sampled, strict=True)) >= 6
    assert [r.whole for r in drafted] == [r.tokens[-1] == 2 for r in drafted]
    assert drafted[0].entropy == pytest.approx(sampled[0].entropy, abs=0.05)
    (alone,) = sampler.sample([OTHER], [5], 64)
    assert alone.tokens[:16] == drafted[5].tokens[:16]


def test_it_wears_the_adapter_as_it_is_now(policy: Policy, sampler: LlamaSampler) -> None:
    before = sampler.sample([PROMPT] * 4, range(4), 24)
    kept = [p.data.clone() for p in policy.parameters]
    moved(policy, 2)
    try:
        assert gap(policy, [PROMPT] * 4, before) > 0.05  # of the adapter before
        assert gap(policy, [PROMPT] * 4, sampler.sample([PROMPT] * 4, range(4), 24)) < NEAR
    finally:
        for p, value in zip(policy.parameters, kept, strict=True):
            p.data = value
    assert sampler.sample([PROMPT] * 4, range(4), 24) == before


def test_it_can_be_stopped_between_two_tokens(sampler: LlamaSampler) -> None:
    calls = iter([False, False, True])
    assert sampler.sample([PROMPT] * 2, [1, 2], 50, lambda: next(calls)) == []
    assert len(sampler.sample([PROMPT], [1], 4)) == 1


def test_a_base_that_is_no_gguf_or_a_group_that_is_too_large_is_refused(policy: Policy, folder: Path) -> None:
    with pytest.raises(TrainingError, match="writes for a GGUF base only"):
        open_sampler(policy, prepared(str(folder)), config(folder))
    with pytest.raises(TrainingError, match="255 texts side by side at most, and an update has 512"):
        LlamaSampler(policy, folder, config(folder).model_copy(update={"group": 256}))


def test_a_run_learns_from_what_llama_cpp_writes_and_tells_the_difference(
    folder: Path, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner, "prepared", lambda name: Base("tiny", gguf, folder, "0"))
    data, threads = write_rows(tmp_path / "rows.jsonl"), torch.get_num_threads()
    chosen = {"steps": 4, "learning_rate": 2e-2, "held_out_prompts": 2, "text_tokens": 40, "memory_share": 0.0}
    told = {}
    try:
        for how in ("torch", "llamacpp"):
            run_folder.create(tmp_path / how, run_config("mrpo", folder, data, rollouts=how, **chosen))
            run(tmp_path / how, mrpo.train)
            found = run_folder.exit_of(tmp_path / how)
            assert found is not None and found.outcome == "finished", found
            told[how] = [row for row in run_folder.metrics(tmp_path / how) if row.get("split", "train") == "train"]
    finally:
        torch.set_num_threads(threads)
    gaps = [row["sampling/logp_difference/mean"] for row in told["llamacpp"] if row["groups"]]
    assert gaps and 0 < max(gaps) < NEAR
    assert told["llamacpp"][0]["reward"] == pytest.approx(told["torch"][0]["reward"], abs=0.05)
