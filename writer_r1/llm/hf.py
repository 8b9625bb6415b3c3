"""A folder of safetensors behind the `LLM` border, through transformers: on a GPU where there is one.

The same requests become the same tokens as with llama.cpp (`chat`), and are drawn by the same steps in the same order,
so that a model says on both what its weights say. What was evaluated is kept: a prompt that begins as the last one did
costs only what follows, and the questions of a judge are rows of one batch over one shared prefix. Nothing is fetched.
"""

import copy
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.llm import Cancel, Finish, Reading, Reply, Request, Sampling, never
from writer_r1.llm.chat import Row, encode
from writer_r1.llm.deltas import Deltas
from writer_r1.llm.drawing import Drawing, Pieces
from writer_r1.llm.lora import Adapted
from writer_r1.llm.schema_mask import MISSING, SchemaMask, can_mask
from writer_r1.trajectory import digest
from writer_r1.weights_folder import ADAPTER_FILE

STEP = 512  # tokens of a prompt between two looks at whether to stop
ROWS = 16  # questions in one batch
SMALL = 300_000_000  # parameters up to which a CPU takes float32, as in training


class HF:
    """A model of transformers. Not thread-safe: the studio runs one model job at a time."""

    def __init__(
        self, folder: Path, *, name: str, threads: int | None = None, context: int = 8192, device: str = ""
    ) -> None:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name, self.folder, self.device = name, folder, device or best_device()
        if threads:
            torch.set_num_threads(threads)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        except (ValueError, KeyError, OSError, SafetensorError) as error:
            raise ModelError(
                f"transformers cannot read {folder.name!r} ({type(error).__name__}); choose another model."
            ) from error
        if not self.tokenizer.chat_template:
            raise ModelError(f"{name!r} has no chat template, so it cannot follow requests; choose a chat model.")
        count = sum(p.numel() for p in model.parameters())
        dtype = torch.float32 if self.device == "cpu" and count < SMALL else torch.bfloat16
        self.model = model.to(device=self.device, dtype=dtype).eval().requires_grad_(False)
        print(f"{name}: {count / 1e6:.0f} million parameters in {dtype} on {self.device}", file=sys.stderr, flush=True)
        if not can_mask():
            print(MISSING, file=sys.stderr, flush=True)
        self.context_tokens = min(context, int(getattr(model.config, "max_position_embeddings", context)))
        self._held: list[int] = []
        self._cache: Any = None
        self._peft: Any = None
        self._worn: dict[Path, str] = {}  # what PEFT calls what lies in a folder
        self._ends = _ends(self.tokenizer, model)

    def close(self) -> None:
        """Free the model."""
        self.model, self._cache, self._peft = None, None, None

    def adapted(self, path: Path, strength: float) -> Adapted:
        """Return this model with a PEFT adapter on; `path` is a folder of one, or a file in it. See `LLM.adapted`."""
        folder = path if path.is_dir() else path.parent
        if not (folder / ADAPTER_FILE).is_file():
            raise ModelError(
                f"{folder.name!r} holds no {ADAPTER_FILE}, which this model needs; export the run again with --to peft."
            )
        return Adapted(self, folder, strength)

    def wear(self, folder: Path | None, strength: float) -> None:
        """Put an adapter on, or where it is None take it off; what was evaluated before is dropped.

        Its layers stand in the model from the first time on, and give what the base gives while they are off.
        """
        from peft import PeftModel
        from peft.tuners.lora import LoraLayer

        self.forget()
        if folder is None:
            self._peft.disable_adapter_layers()
            return
        name = f"a{digest(str(folder), str((folder / ADAPTER_FILE).stat().st_mtime_ns))}"  # a module's name
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
        elif name not in self._peft.peft_config:
            self._peft.load_adapter(str(folder), adapter_name=name)
        if (older := self._worn.get(folder, name)) != name:  # the folder holds others now
            self._peft.delete_adapter(older)
        self._worn[folder] = name
        self._peft.enable_adapter_layers()
        self._peft.set_adapter(name)
        for layer in self._peft.modules():
            if isinstance(layer, LoraLayer):
                layer.set_scale(name, strength)

    # text <-> tokens

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """Return the token ids of `text`; with `special`, control tokens written in it count as such."""
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=not special)["input_ids"])

    def count(self, text: str) -> int:
        """Return how many tokens `text` is."""
        return len(self.tokens(text))

    def encode(self, request: Request) -> tuple[list[int], list[int]]:
        """Return the prompt up to the end of the last message's content, and what the template puts after it."""

        def template(rows: list[Row]) -> str:
            asked = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
            return str(self.tokenizer.apply_chat_template(rows, **asked))

        return encode(request, template, self.tokens)

    def _fits(self, prompt_tokens: int, reply_tokens: int) -> None:
        if prompt_tokens + reply_tokens > self.context_tokens:
            room = max(0, self.context_tokens - reply_tokens)
            raise RequestTooLong(
                f"This is about {prompt_tokens:,} tokens long and {self.name} reads at most {room:,} beside its "
                "answer; shorten it or take one part of it. Nothing was cut or sent."
            )

    # evaluating

    def _forward(self, rows: Sequence[Sequence[int]], cache: Any, **more: Any) -> Any:
        import torch

        try:
            with torch.inference_mode():
                ids = torch.tensor(rows, device=self.device)
                return self.model(input_ids=ids, past_key_values=cache, use_cache=True, **more)
        except BaseException:
            self.forget()  # some layers may hold the new tokens, and some not
            raise

    def _fill(self, tokens: Sequence[int], cancel: Cancel) -> Any:
        """Return the logits after `tokens`, which are held from now on; None where it was given up."""
        from transformers import DynamicCache

        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._held, tokens, strict=False)))
        keep = min(same, len(tokens) - 1)
        if self._cache is not None and 0 < keep < len(self._held):
            try:
                self._cache.crop(keep - len(self._held))
            except RuntimeError:  # of a model that looks through a window, or keeps a running state
                keep = 0
        if self._cache is None or not keep:
            self._cache, keep = DynamicCache(config=self.model.config), 0
        self._held, logits = list(tokens[:keep]), None
        for start in range(keep, len(tokens), STEP):
            if start > keep and cancel():
                return None
            part = tokens[start : start + STEP]
            logits = self._forward([part], self._cache, logits_to_keep=1).logits[0, -1]
            self._held += part
        return logits

    def forget(self) -> None:
        """Drop what was evaluated."""
        self._held, self._cache = [], None

    # replies

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the reply as text deltas; see `LLM.stream`."""
        head, tail = self.encode(request)
        prompt = head + tail
        self._fits(len(prompt), sampling.max_tokens)
        mask = SchemaMask(self.tokenizer, request.schema) if request.schema is not None and can_mask() else None
        draw, text, pieces = Drawing(sampling, self.tokens), Deltas(sampling.stop), Pieces(self.tokenizer)
        n, logits = 0, self._fill(prompt, cancel)
        while logits is not None and not cancel():
            token = draw(logits, mask.allowed(len(logits)) if mask else None)
            if token in self._ends:
                yield from text.rest()
                return Finish("stop", len(prompt), n)
            n += 1
            if mask:
                mask.take(token)
            if delta := text.add(pieces.add(token).encode()):
                yield delta
            if text.stopped:
                return Finish("stop", len(prompt), n)
            if n >= sampling.max_tokens:
                yield from text.rest()
                return Finish("length", len(prompt), n)
            logits = self._forward([[token]], self._cache).logits[0, -1]
            self._held.append(token)
        return Finish("cancelled", len(prompt), n)

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return `count` replies over one prompt, which is evaluated once; see `LLM.drafts`."""
        texts: list[str] = []
        for k in range(count):
            parts = list(self.stream(request, sampling._replace(seed=sampling.seed + k), cancel))
            if cancel():
                break
            texts.append("".join(parts))
        return texts

    def warm(self, request: Request) -> None:
        """Evaluate the start of `request` and keep it until another prompt comes."""
        self._fill(self.encode(request)[0], never)

    # log-probabilities

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return the log-probability of each choice per suffix, as rows of a batch; see `LLM.choice_logprobs`."""
        firsts = [self.tokens(c)[:1] for c in choices]
        if len({t for f in firsts for t in f}) != len(choices):
            return None
        head, tail = self.encode(request)
        tails = [self.tokens(s) + tail for s in suffixes]
        self._fits(len(head) + max(map(len, tails), default=0), 1)
        if self._fill(head, cancel) is None:
            return []
        found: list[dict[str, float]] = []
        for start in range(0, len(tails), ROWS):
            if cancel():
                return []
            rows = self._after(tails[start : start + ROWS]).log_softmax(-1)
            found += [{c: float(row[f[0]]) for c, f in zip(choices, firsts, strict=True)} for row in rows]
        return found

    def _after(self, tails: Sequence[Sequence[int]]) -> Any:
        """Return the logits after what is held and each of `tails`, (rows, vocabulary), in float32."""
        import torch

        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(tails))
        width = max(map(len, tails))
        padded = [[*row, *[0] * (width - len(row))] for row in tails]  # what stands behind a row's end it never sees
        logits = self._forward(padded, cache).logits
        last = torch.tensor([len(row) - 1 for row in tails], device=self.device)
        return logits[torch.arange(len(tails), device=self.device), last].float()

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return how `text` reads to the model; see `LLM.read`."""
        import torch

        prompt, _ = self.encode(request)
        pieces = [self.tokenizer.decode([t]) for t in prompt]
        whole = self.tokenizer.decode(prompt)
        start = self._token_at(prompt, whole.rindex(text)) if text in whole else 0
        end = self._token_at(prompt, whole.rindex(text) + len(text) - 1) + 1 if start else 0
        if end - start < 2 or cancel():
            return None
        self._fits(end, 0)
        self.forget()
        layers = int(self.model.config.num_hidden_layers)
        out = self._forward([prompt[:end]], None, output_hidden_states=True)
        logp = out.logits[0, start - 1 : end - 1].float().log_softmax(-1)
        seen = logp.gather(1, torch.tensor(prompt[start:end], device=self.device)[:, None])
        state = out.hidden_states[2 * layers // 3][0, start:end].float().mean(0)
        numbers = (-seen[:, 0], -(logp.exp() * logp).sum(-1), (logp > seen).sum(-1))
        surprisal, entropy, rank = (np.asarray(row.cpu(), dtype=np.float32) for row in numbers)
        return Reading(tuple(pieces[start:end]), surprisal, entropy, rank, np.asarray(state.cpu(), dtype=np.float32))

    def _token_at(self, prompt: Sequence[int], at: int) -> int:
        """Return which token holds the character at a place of the decoded prompt."""
        low, high = 0, len(prompt) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if len(self.tokenizer.decode(prompt[: middle + 1])) > at else (middle + 1, high)
        return low


def best_device() -> str:
    """Return where a model runs fastest on this machine."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _ends(tokenizer: Any, model: Any) -> set[int]:
    """Return the tokens that end a reply, by what tokenizer and model say."""
    settings = model.generation_config.eos_token_id if model.generation_config else None
    said = [tokenizer.eos_token_id, model.config.eos_token_id]
    said += settings if isinstance(settings, list) else [settings]
    return {t for t in said if isinstance(t, int)}
