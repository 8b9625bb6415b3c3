"""A base's name -> a transformers model and its tokenizer that can be trained, on the device and in the dtype that fit.

A GGUF is unpacked once, which takes a quarter of a minute, and kept as safetensors in the home (`bases/`, by the
file's digest), so that a second run begins at once and neither reads a half-written copy. A folder of safetensors is
read where it lies. Nothing is downloaded.
"""

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1 import catalog, places
from writer_r1.digests import digest_file
from writer_r1.errors import TrainingError
from writer_r1.gguf_header import inspect
from writer_r1.training.config import Config
from writer_r1.training.run_folder import explained

SMALL = 300_000_000  # parameters up to which a CPU trains in float32: exact log-probs are worth more than the memory


class Base(NamedTuple):
    """Where a base's weights lie. `source` is what the user chose, `folder` the safetensors, `sha256` its digest."""

    name: str
    source: Path
    folder: Path
    sha256: str


def prepared(name: str) -> Base:
    """Return a base whose weights are safetensors, unpacked now where they were not yet.

    Raises:
        ModelError, TrainingError: it is not there, or cannot be trained; the message says which can.
    """
    folder = Path(name).expanduser()
    if not (folder / "config.json").is_file():  # by its name on the list
        listed = catalog.find(name, places.models())
        folder = folder if listed.server else listed.path
    if (folder / "config.json").is_file():
        weights = sorted(folder.glob("*.safetensors"))
        if not weights:
            raise TrainingError(
                f"{str(folder)!r} holds no *.safetensors, the only weights that are read from a folder.", "model"
            )
        return Base(folder.name, folder, folder, digest_file(weights[0]))
    path = catalog.path_of(name, places.models())
    inspect(path)
    digest = digest_file(path)
    kept = places.home() / "bases" / digest[:16]
    if not (kept / "config.json").exists():
        _unpack(path, kept)
    return Base(catalog.find(name, places.models()).name, path, kept, digest)


def _unpack(path: Path, kept: Path) -> None:
    """Write a GGUF's weights, tokenizer and chat template as a folder that transformers reads."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    part = kept.with_name(f".{kept.name}.{os.getpid()}.part")
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    try:
        # Packed blocks would stay packed where the `kernels` package is installed, and could not be trained.
        unpacked = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, quantization_config=unpacked)
        tokenizer = AutoTokenizer.from_pretrained(**where)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise TrainingError(
            f"{path.name!r} cannot be trained: transformers cannot unpack it ({error}); choose the starter, a GGUF of "
            "Llama or Qwen architecture, or a folder with safetensors of the same model.",
            "model",
        ) from error
    with explained(kept):
        part.mkdir(parents=True, exist_ok=True)
        try:
            # transformers takes what came from a GGUF for quantised for good and would not save it.
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.config.save_pretrained(part)
            tokenizer.save_pretrained(part)
            tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
            state = {k: v.detach().clone() for k, v in model.state_dict().items() if k not in tied}
            save_file(state, part / "model.safetensors", metadata={"format": "pt"})
            if not kept.exists():  # else another process was quicker
                os.replace(part, kept)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def load(base: Base, config: Config, *, whole: bool = True) -> tuple[Any, Any]:
    """Return the model and tokenizer of a prepared base, on the chosen device and in the chosen dtype.

    What no device holds `whole` is left in the machine's own memory.

    Raises:
        TrainingError: the folder cannot be read, or has no chat template.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
        model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    except (ValueError, KeyError, OSError) as error:
        raise TrainingError(f"The weights in {str(base.folder)!r} cannot be read ({error}).", "model") from error
    if not tokenizer.chat_template:
        raise TrainingError(
            f"{base.name!r} has no chat template, so it cannot follow requests; choose a chat model.", "model"
        )
    count = sum(p.numel() for p in model.parameters())
    wanted = config.dtype if config.dtype != "auto" else "float32" if device == "cpu" and count < SMALL else "bfloat16"
    model.to(device=device if whole else "cpu", dtype=getattr(torch, wanted)).requires_grad_(False)
    print(f"{base.name}: {count / 1e6:.0f} million parameters in {wanted} on {device}", flush=True)
    return model, tokenizer
