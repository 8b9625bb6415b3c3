"""The model that learns: a frozen base with a LoRA adapter, which samples rollouts and scores tokens.

Sampling keeps the log-prob of each token as it was drawn, at temperature 1 and with nothing cut off, so that sampler
and scored policy are one. A prompt is read once for its whole group, in sampling and in the training pass. Each row
draws from a seed of its own, so neither the order of a group nor the number of processes nor a restart changes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from writer_r1.llm import Cancel, never
from writer_r1.training.adapted import quicken
from writer_r1.training.chance import choose, uniforms
from writer_r1.training.config import Config
from writer_r1.training.head import chosen_logps
from writer_r1.training.optimizer import Crew
from writer_r1.training.sharding import cut
from writer_r1.training.weights import Base, load

ADAPTER = "default"


class Rollout(NamedTuple):
    """One reply as sampled. `logp` are the sampler's; a reply that is not `whole` was cut at its longest length."""

    tokens: tuple[int, ...]
    logp: tuple[float, ...]
    entropy: float  # mean, in nats
    whole: bool
    version: int | None = None  # updates of the policy that wrote it, where that need not be the one that learns


class Scored(NamedTuple):
    """Log-probs of given replies under the policy, padded: all (B, T); `mask` is True where a token is."""

    logp: Tensor
    entropy: Tensor  # without gradient
    mask: Tensor
    states: Tensor  # (N, H), what the N real tokens were predicted from, without gradient


class Policy:
    """A base and its adapter. Not thread-safe.

    Where the processes of a `crew` share out the base, each pass takes all of them: what one has no rows for it goes
    along with.
    """

    def __init__(self, model: Any, tokenizer: Any, config: Config, crew: Crew | None = None) -> None:
        from peft import LoraConfig, PeftModel, get_peft_model
        from peft.tuners.lora import LoraLayer

        self.tokenizer, self.ends = tokenizer, ends(tokenizer, model)
        if config.adapter:
            self.model = PeftModel.from_pretrained(model, config.adapter, is_trainable=True)
        else:
            torch.manual_seed(config.seed)  # the adapter begins at no difference; its A matrices are random
            lora = LoraConfig(
                r=config.rank,
                lora_alpha=config.alpha,
                lora_dropout=0.0,  # a policy that differs from draw to draw has no one log-prob
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            )
            self.model = get_peft_model(model, lora)
        if config.activation_checkpointing:
            model.activation_checkpointing_enable()
            model.enable_input_require_grads()
        self._crew = crew if crew and crew.sharded else None
        # Reading a prompt once does not go with checkpointing, nor with passes of which all have to make as many.
        self.sharing = not config.activation_checkpointing and self._crew is None
        self.model.train()
        every = [name for name, module in self.model.named_modules() if isinstance(module, LoraLayer)]
        self._adapted: list[tuple[Any, str, Any]] = [
            (self.model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], self.model.get_submodule(name))
            for name in every
        ]
        for _, _, layer in self._adapted:
            quicken(layer, ADAPTER)
        if self._crew:
            cut(model, self.model, self._crew.count, self._crew.device)
        self._body, self._head = model.get_decoder(), model.get_output_embeddings().weight
        self.device = self._head.device

    @property
    def parameters(self) -> list[Tensor]:
        """Return the adapter's weights, which alone are trained."""
        return [p for p in self.model.parameters() if p.requires_grad]

    @property
    def width(self) -> int:
        """Return how wide a state is."""
        return int(self._head.shape[1])

    @property
    def words(self) -> int:
        """Return how many words the base knows."""
        return int(self._head.shape[0])

    def zero(self) -> Tensor:
        """Return a number to add losses to."""
        return torch.zeros((), device=self.device)

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens read as, without marks of the chat."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()

    def spelled(self, tokens: Sequence[int]) -> tuple[str, list[int]]:
        """Return what tokens read as to the letter, without marks of the chat, and where in it each of them begins."""
        every = [str(self.tokenizer.decode(list(tokens[:k]), skip_special_tokens=True)) for k in range(len(tokens) + 1)]
        return every[-1], [len(text) for text in every[:-1]]

    # sampling

    def sample(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], most: int, cancel: Cancel = never
    ) -> list[Rollout]:
        """Return one rollout of at most `most` tokens for each prompt and seed; an empty list means cancelled."""
        # What FSDP gathers in inference mode could not be learned through later.
        with torch.no_grad() if self._crew else torch.inference_mode(), self._merged():
            if prompts:
                return self._draw(prompts, uniforms(seeds, most), cancel, over=set())
            if self._crew:  # there are fewer rows than processes: this one goes along
                self._draw([self.ends[:1]], uniforms([0], most), cancel, over={0})  # nothing is kept of its one row
            return []

    def _draw(self, prompts: Sequence[Sequence[int]], chances: Tensor, cancel: Cancel, over: set[int]) -> list[Rollout]:
        count, most = chances.shape
        cache, hidden, seen = self._read(prompts)
        drawn: list[tuple[list[int], list[float], list[float]]] = [([], [], []) for _ in range(count)]
        alive = list(range(count))
        for t in range(most):
            if cancel():
                return []
            logits = (self._head @ hidden.T).T  # twice as fast on a CPU as the other way round
            tokens, logp, entropy = choose(logits.float().contiguous(), chances[alive, t].to(self.device))
            for row, token, lp, spread in zip(alive, tokens.tolist(), logp.tolist(), entropy.tolist(), strict=True):
                if row in over:
                    continue
                drawn[row][0].append(token)
                drawn[row][1].append(lp)
                drawn[row][2].append(spread)
                if token in self.ends:
                    over.add(row)
            going = [i for i, row in enumerate(alive) if row not in over]
            if t + 1 == most or not (
                self._crew.sum(torch.tensor(len(going), device=self.device)) if self._crew else going
            ):
                break
            going = going or [0]  # another process still writes: the first row goes along, and nothing of it is kept
            if len(going) < len(alive):  # finished rows cost nothing more
                chosen = torch.tensor(going, device=self.device)
                cache.batch_select_indices(chosen)
                tokens, alive = tokens[chosen], [alive[i] for i in going]
                seen = None if seen is None else seen[chosen]
            at: dict[str, Tensor] = {}
            if seen is not None:
                seen = torch.cat([seen, seen.new_ones(len(alive), 1)], 1)
                at = {"attention_mask": seen, "position_ids": seen.sum(1, keepdim=True) - 1}
            body = self._body(input_ids=tokens[:, None], past_key_values=cache, use_cache=True, **at)
            hidden = body.last_hidden_state[:, -1]
        return [
            Rollout(tuple(ids), tuple(logp), sum(entropy) / len(entropy), row in over)
            for row, (ids, logp, entropy) in enumerate(drawn)
            if ids
        ]

    def _read(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Tensor, Tensor | None]:
        """Return the cache of some prompts, the states that predict what follows (B, H), and which cells count (B, P).

        Each prompt is read once, however often it is asked. Shorter ones are padded in front; where all cells count,
        None says so.
        """
        every = [tuple(p) for p in prompts]
        read = list(dict.fromkeys(every))
        rows_of = torch.tensor([read.index(p) for p in every], device=self.device)
        longest = max(map(len, read))
        rows = torch.tensor([[0] * (longest - len(p)) + list(p) for p in read], device=self.device)
        seen = torch.tensor([[int(i >= longest - len(p)) for i in range(longest)] for p in read], device=self.device)
        at = {"attention_mask": seen, "position_ids": (seen.cumsum(1) - 1).clamp(min=0)} if len(read) > 1 else {}
        body = self._body(input_ids=rows, use_cache=True, **at)
        body.past_key_values.batch_select_indices(rows_of)
        return body.past_key_values, body.last_hidden_state[:, -1][rows_of], seen[rows_of] if at else None

    @contextmanager
    def _merged(self) -> Iterator[None]:
        """Sample with the adapter added into copies of the weights: adding and taking away again would wear them.

        The plain layers stand in the place of the adapted ones for so long, which spares their wrappers. Of a base that
        is shared out there are no whole weights: it is left as it is.
        """
        adapted = [] if self._crew else self._adapted
        kept = [(layer, layer.get_base_layer(), layer.get_base_layer().weight.data) for _, _, layer in adapted]
        self.model.eval()
        try:
            for (parent, name, _), (layer, plain, weight) in zip(adapted, kept, strict=True):
                plain.weight.data = weight + layer.get_delta_weight(ADAPTER).to(weight.dtype)
                setattr(parent, name, plain)
            yield
        finally:
            for (parent, name, layer), (_, plain, weight) in zip(adapted, kept, strict=True):
                plain.weight.data = weight
                setattr(parent, name, layer)
            self.model.train()

    # scoring

    def score(self, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]) -> Scored:
        """Return the log-probs of each reply after its prompt, with gradient unless that is switched off."""
        longest = max(map(len, replies))
        mask = torch.tensor([[t < len(r) for t in range(longest)] for r in replies], device=self.device)
        tokens = torch.tensor([t for r in replies for t in r], device=self.device)
        shared = self.sharing and all(p == prompts[0] for p in prompts)
        hidden = self._after_one(prompts[0], replies, mask) if shared else self._after_each(prompts, replies)
        logp, entropy = chosen_logps(hidden, self._head, tokens)  # real tokens only: (N, H) -> (N,)
        empty = torch.zeros(mask.shape, device=self.device)
        filled = empty.masked_scatter(mask, logp), empty.masked_scatter(mask, entropy)
        return Scored(*filled, mask, hidden.detach())

    def score_base(self, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-probs of the base, the adapter off, without gradient: (B, T)."""
        with torch.no_grad(), self.model.disable_adapter():
            return self.score(prompts, replies).logp

    def go_along(self, batches: int, *, base: bool = False, learning: bool = True) -> None:
        """Make as many passes as others do that score more batches, `base` too, where the base is shared out."""
        nothing = [self.ends[:1]]
        for _ in range((self._crew.most(batches) if self._crew else batches) - batches):
            if base:
                self.score_base(nothing, nothing)
            with torch.set_grad_enabled(learning):
                logp = self.score(nothing, nothing).logp
            if learning:
                (logp.sum() * 0.0).backward()

    def padded(self, rows: Sequence[Sequence[float]], mask: Tensor) -> Tensor:
        """Return numbers of the tokens of some replies in the shape of their mask: (B, T)."""
        values = torch.tensor([v for row in rows for v in row], dtype=torch.float32, device=self.device)
        return torch.zeros(mask.shape, device=self.device).masked_scatter(mask, values)

    def _after_one(self, prompt: Sequence[int], replies: Sequence[Sequence[int]], mask: Tensor) -> Tensor:
        """Return the states that predict each reply's tokens, the prompt read once for all: (N, H)."""
        first = self._body(input_ids=torch.tensor([list(prompt)], device=self.device), use_cache=True)
        last = first.last_hidden_state[:, -1:].expand(len(replies), -1, -1)
        if mask.shape[1] == 1:
            return last[mask]
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(replies))
        # Padding stands after what it could disturb: nothing looks ahead.
        padded = _padded([r[:-1] for r in replies], mask.shape[1] - 1, self.device)
        rest = self._body(input_ids=padded, past_key_values=cache, use_cache=True).last_hidden_state
        return torch.cat([last, rest], 1)[mask]

    def _after_each(self, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]) -> Tensor:
        rows = [[*p, *r] for p, r in zip(prompts, replies, strict=True)]
        longest = max(map(len, rows))
        states = self._body(input_ids=_padded(rows, longest, self.device), use_cache=False).last_hidden_state
        spans = [(len(p) - 1, len(p) + len(r) - 1) for p, r in zip(prompts, replies, strict=True)]
        return torch.cat([states[i, start:end] for i, (start, end) in enumerate(spans)])

    def save(self, folder: Path) -> None:
        """Write the adapter as PEFT does: its settings and safetensors."""
        self.model.save_pretrained(str(folder))
        (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing in it


def open_policy(base: Base, config: Config, crew: Crew | None = None) -> Policy:
    """Return the policy on a prepared base, which the processes of a crew may share out."""
    return Policy(*load(base, config, whole=not (crew and crew.sharded)), config, crew)


def ends(tokenizer: Any, model: Any) -> tuple[int, ...]:
    """Return the tokens that end a reply, the chat's own first: what tokenizer and model say."""
    settings = model.generation_config.eos_token_id if model.generation_config else None
    said = (
        tokenizer.eos_token_id,
        *(settings if isinstance(settings, list) else [settings]),
        model.config.eos_token_id,
    )
    return tuple(dict.fromkeys(t for t in said if isinstance(t, int)))


def _padded(rows: Sequence[Sequence[int]], length: int, device: Any) -> Tensor:
    return torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=device)
