"""What a training run is asked to do: plain numbers, checked once, kept in the run folder.

The presets and every default are ours: chosen for a model of 135 million parameters on two cores and to be measured
anew elsewhere. Neither paper gives its settings (`docs/papers.md`).
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from writer_r1.errors import TrainingError
from writer_r1.trajectory import Noun

Kind = Literal["sft", "mrpo"]
Preset = Literal["quick", "standard", "thorough"]
Thoughts = Literal["off", "outcome", "credits", "dense", "ppo"]


class Replay(Noun):
    """When stored rollouts of a prompt join its fresh ones. `weight` 0 is plain GRPO, bit for bit."""

    weight: float = Field(default=0.5, ge=0.0)  # of the replayed rows in the loss
    rows: int = Field(default=2, ge=0)  # at most, in one group
    share: float = Field(default=0.25, ge=0.0, le=0.5)  # of a group's rows, at most
    warm_up: int = Field(default=5, ge=0)  # updates before the first
    least: int = Field(default=2, ge=1)  # stored rows of a prompt before the first
    capacity: int = Field(default=16, ge=1)  # rows kept of one prompt under one rubric
    max_age: int = Field(default=64, ge=1)  # updates
    max_uses: int = Field(default=8, ge=1)
    uniform: float = Field(default=0.1, ge=0.0, le=1.0)  # share of picks that is drawn without regard to reward
    ratio_low: float = Field(default=0.6, gt=0.0)  # a row is kept while the geometric mean of its ratios stays within
    ratio_high: float = Field(default=1.65, gt=0.0)


class Objective(Noun):
    """The loss of MRPO (`objective.py`).

    `aggregation` (TRL's names), `contrast` and `length_residual` change what a fresh text is held to
    (`group_advantage.py`). They are off: none is measured yet to help a model this small, and where a request asks for
    a length, reward and length rightly go together for a while.
    """

    aggregation: Literal["sum_then_normalize", "normalize_then_sum"] = "sum_then_normalize"
    contrast: bool = False  # weigh a criterion more where a group's texts differ on it
    length_residual: bool = False  # take what length explains off rewards that have gone with it for 20 updates
    baseline: Literal["fresh", "mixed", "split"] = "fresh"
    scale: bool = True  # divide by the group's spread; without it the advantage is Dr.GRPO's
    noise: float = Field(
        default=0.05, ge=0.0
    )  # spread of the reward that is only the judge's, no smaller one is divided by
    clip_low: float = Field(default=0.2, gt=0.0, lt=1.0)
    clip_high: float = Field(default=0.28, gt=0.0)
    importance_cap: float = Field(default=2.0, ge=1.0)  # of the weight between sampler and trainer
    memory_floor: float = Field(default=1e-4, ge=0.0, lt=1.0)  # tokens less likely without the lessons teach nothing
    kl: float = Field(default=0.001, ge=0.0)

    @model_validator(mode="after")
    def _one_baseline(self) -> "Objective":
        shaped = self.aggregation != "sum_then_normalize" or self.contrast or self.length_residual
        if shaped and self.baseline != "fresh":
            raise ValueError("aggregation, contrast and length_residual need the baseline 'fresh'")
        return self

    @property
    def is_plain(self) -> bool:
        """Return whether a text is held to its group's mean and spread, and to nothing else."""
        shaped = ("aggregation", "contrast", "length_residual", "baseline", "scale")
        return all(getattr(self, name) == type(self).model_fields[name].default for name in shaped)


class Config(Noun):
    """One run. Lengths are in tokens; `prompt_tokens` and `text_tokens` are the longest row that is trained on."""

    kind: Kind
    name: str = Field(min_length=1, max_length=60)  # of the adapter
    base: str = Field(min_length=1)  # a catalog name, a GGUF file or a folder of safetensors
    data: str = Field(min_length=1)  # a file or folder that `data.read` understands
    preset: Preset = "quick"
    adapter: str | None = None  # a folder with an adapter to go on from
    steps: int = Field(default=60, ge=1)
    seed: int = Field(default=0, ge=0)
    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=3e-4, gt=0.0, lt=1.0)
    warm_up: float = Field(default=0.1, ge=0.0, lt=1.0)  # share of the steps
    prompt_tokens: int = Field(default=384, ge=8)
    text_tokens: int = Field(default=256, ge=8)
    batch: int = Field(default=4, ge=1)  # SFT: examples of an update
    group: int = Field(default=8, ge=2)  # MRPO: rollouts of a prompt
    prompts: int = Field(default=1, ge=1)  # MRPO: prompts of an update
    # MRPO: of a group's rollouts, written with lessons in the prompt and learned as if without. EMPO2's form; we would
    # begin with 0.25, and it is off because it is not measured yet to help a model this small.
    memory_share: float = Field(default=0.0, ge=0.0, le=0.5)
    micro_tokens: int = Field(default=2048, ge=64)  # most in one forward pass; halve it when memory is short
    gradient_norm: float = Field(default=1.0, gt=0.0)
    held_out: float = Field(default=0.2, ge=0.0, lt=1.0)  # share of the prompts that is never trained on
    evaluate_every: int = Field(default=20, ge=1)
    held_out_prompts: int = Field(default=20, ge=1)  # at most, in one evaluation
    checkpoint_every: int = Field(default=10, ge=1)
    threads: int = Field(default=1, ge=1, le=256)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    activation_checkpointing: bool = False
    # MRPO: who writes them. llama.cpp is quicker on a CPU but another engine, so its texts are a little off-policy; the
    # weight between sampler and trainer makes up for it. Off: what is recorded was written by torch.
    # "servers" are vLLM's, under the adapter of each update (`server_sampler.py`).
    rollouts: Literal["torch", "llamacpp", "servers"] = "torch"
    servers: tuple[str, ...] = ()  # their addresses
    # Versions that a server's rollout may be older than the policy that learns from it. The loop waits for all rows, so
    # an older one is a fault of the server and not a price for speed: none is taken unless that is asked for.
    max_staleness: int = Field(default=0, ge=0, le=8)
    # MRPO: what is written and what its tokens earn. "off": pieces. Else whole thoughts (`one_go.py`), which have to
    # fit into `text_tokens`: "outcome" pays all tokens for the piece alone, "credits" each part for what it did to the
    # text, "dense" all for the piece and a reflection's own for what it was worth besides (`process_reward.py`); "ppo"
    # has a value head and GAE over that pay in the group's place (`critic.py`), and replays nothing.
    thoughts: Thoughts = "off"
    reward: Literal["checks", "judge", "random"] = "checks"  # random: the control arm that must not rise
    judge: str | None = None  # the judge's model, where the reward asks one
    judge_share: float = Field(default=0.5, ge=0.0, le=0.5)  # of the reward; the checks have the rest
    replay: Replay = Replay()
    objective: Objective = Objective()

    @model_validator(mode="after")
    def _whole(self) -> "Config":
        if self.reward == "judge" and not self.judge:
            raise ValueError("reward 'judge' needs the name of a judge model")
        if (self.rollouts == "servers") != bool(self.servers):
            raise ValueError("rollouts 'servers' need the addresses of servers, and other rollouts have none")
        if self.servers and self.kind != "mrpo":
            raise ValueError("SFT learns the texts of its data: no server writes for it")
        if self.thoughts != "off" and self.kind != "mrpo":
            raise ValueError(f"thoughts {self.thoughts!r} are practised with MRPO; SFT learns those in its data")
        if self.thoughts != "off" and (self.memory_share or not self.objective.is_plain):
            raise ValueError(
                f"thoughts {self.thoughts!r} need memory_share 0 and the usual baseline, scale, aggregation, contrast "
                "and length_residual"
            )
        return self


PRESETS: dict[Kind, dict[Preset, dict[str, Any]]] = {
    "sft": {
        "quick": {"steps": 40, "batch": 4, "text_tokens": 320, "learning_rate": 5e-4},
        "standard": {"steps": 200, "batch": 8, "text_tokens": 384, "learning_rate": 2e-4},
        "thorough": {"steps": 600, "batch": 8, "text_tokens": 512, "learning_rate": 1e-4, "evaluate_every": 50},
    },
    "mrpo": {
        "quick": {"steps": 30, "group": 4, "prompts": 2, "text_tokens": 96, "learning_rate": 2e-4},
        "standard": {"steps": 120, "group": 4, "prompts": 2, "text_tokens": 96, "learning_rate": 2e-4},
        "thorough": {
            "steps": 400,
            "group": 8,
            "prompts": 2,
            "text_tokens": 256,
            "learning_rate": 1e-4,
            "evaluate_every": 40,
        },
    },
}
"""What a preset sets; measured on the starter, Quick takes about ten minutes on two cores."""


TOKENS_A_WORD_OF_THOUGHT = 1.6  # with its tags, for a small vocabulary
WHOLE_THOUGHT = {"prompt_tokens": 640, "text_tokens": 384}
"""What a thought and its request take of the starter at least: one that is cut teaches nothing (docs/training)."""


def usual(kind: Kind, preset: Preset, thoughts: object = "off") -> dict[str, Any]:
    """Return what a preset sets; where whole thoughts are practised, with room for them."""
    found = PRESETS[kind][preset]
    if thoughts == "off":
        return found
    return found | {k: max(n, found.get(k, Config.model_fields[k].default)) for k, n in WHOLE_THOUGHT.items()}


def configured(kind: Kind, /, *, preset: Preset = "quick", **chosen: Any) -> Config:
    """Return the configuration of a preset with what was chosen in place of its numbers.

    Raises:
        TrainingError: a value that cannot be; the message lists all of them.
    """
    return parsed({**usual(kind, preset, chosen.get("thoughts", "off")), **chosen, "kind": kind, "preset": preset})


def parsed(fields: Any) -> Config:
    """Return the configuration in plain data.

    Raises:
        TrainingError: a value that cannot be; the message lists all of them.
    """
    try:
        return Config.model_validate(fields)
    except ValidationError as error:
        rows = (f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise TrainingError(f"These training settings cannot be used: {'; '.join(rows)}.", "settings") from None


def smaller(config: Config) -> Config:
    """Return the same run with halved sizes, for a machine whose memory was too small for it."""
    whole = config.kind == "sft" or config.thoughts != "off"  # what no longer fits would not be learned at all
    return config.model_copy(
        update={
            "batch": max(1, config.batch // 2),
            "group": max(2, config.group // 2),
            "micro_tokens": max(64, config.micro_tokens // 2),
            "text_tokens": config.text_tokens if whole else max(8, config.text_tokens // 2),
            "activation_checkpointing": True,
        }
    )


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings in a JSON file.

    Raises:
        TrainingError: it cannot be read or is no JSON object.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"The settings file {str(path)!r} cannot be read ({error}).", "settings") from error
    if not isinstance(found, dict):
        raise TrainingError(f"The settings file {str(path)!r} must hold one JSON object.", "settings")
    return found
