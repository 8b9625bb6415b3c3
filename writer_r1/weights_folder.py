"""A folder of safetensors -> whether transformers can answer from it, and what a list shows, read without loading.

Only safetensors are read, which hold numbers and no code, and only architectures that transformers knows itself.
"""

import json
import os
from pathlib import Path
from typing import Any

from writer_r1.errors import ModelError
from writer_r1.gguf_header import CONTEXT, Summary

CONFIG = "config.json"
ADAPTER_FILE = "adapter_model.safetensors"  # of PEFT, in a folder of its own


def is_weights_folder(path: Path) -> bool:
    """Return whether this is a folder that says it holds a model of transformers."""
    return os.path.isfile(path / CONFIG)  # unlike Path.is_file, False for a text that can be no path


def first_weights(folder: Path) -> Path:
    """Return the file of weights whose digest stands for the folder's.

    Raises:
        ModelError: there are none.
    """
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise ModelError(f"{folder.name!r} holds no *.safetensors, the only weights that are read from a folder.")
    return found[0]


def inspect_folder(folder: Path) -> Summary:
    """Return what a list shows of a folder that holds a whole chat model. `memory_bytes` is an estimate, in float32.

    Raises:
        ModelError: it is no chat model, needs code of its own, or lacks its weights.
    """
    first_weights(folder)
    refuse_cut(folder)
    config = _json(folder / CONFIG)
    refuse_code(config, folder.name)
    written = (folder / "chat_template.jinja").is_file()
    if not written and not _json(folder / "tokenizer_config.json").get("chat_template"):
        raise ModelError(f"{folder.name!r} has no chat template, so it cannot follow requests; choose a chat model.")
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    stat = folder.stat()
    return Summary(
        label=folder.name[:80],
        licence="not stated",
        bytes=size,
        mtime_ns=stat.st_mtime_ns,
        memory_bytes=memory_needed(config, size),
        context=context_of(config),
    )


def refuse_cut(folder: Path) -> None:
    """Return where a folder has all the files of its weights, each as long as its own header says.

    Raises:
        ModelError: one is missing or was cut.
    """
    from safetensors import SafetensorError, safe_open

    index = folder / "model.safetensors.index.json"
    names = {path.name for path in folder.glob("*.safetensors")}
    names |= set(map(str, _json(index).get("weight_map", {}).values())) if index.is_file() else set()
    for name in sorted(names):
        try:
            with safe_open(folder / name, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            what = "is not there" if isinstance(error, FileNotFoundError) else "is damaged or was cut"
            raise ModelError(
                f"{folder.name!r} is not whole: {name[:80]!r} {what}; download or copy it again."
            ) from error


def refuse_code(config: dict[str, Any], name: str) -> None:
    """Return where a model's configuration asks for no code but transformers' own.

    Raises:
        ModelError: it does.
    """
    if "auto_map" in config:
        raise ModelError(f"{name!r} brings code of its own, which is never run; choose another model.")


def context_of(config: dict[str, Any]) -> int:
    """Return how many tokens a model reads at once."""
    told = config.get("max_position_embeddings")
    return told if isinstance(told, int) and told > 0 else CONTEXT


def memory_needed(config: dict[str, Any], size: int) -> int:
    """Return an estimate in bytes for weights of this size: in float32, with a full context."""
    return 2 * size + _cache_bytes(config, min(context_of(config), CONTEXT))


def _cache_bytes(config: dict[str, Any], context: int) -> int:
    """Return what a full context takes in float32: a key and a value for each layer and token."""
    heads = int(config.get("num_attention_heads") or 1)
    width = int(config.get("head_dim") or int(config.get("hidden_size") or 0) // heads)
    keys, layers = int(config.get("num_key_value_heads") or heads), int(config.get("num_hidden_layers") or 0)
    return 8 * layers * keys * width * context


def _json(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name!r} in {path.parent.name!r} cannot be read; get the model again.") from error
    return row if isinstance(row, dict) else {}
