"""A LoRA adapter of PEFT -> a GGUF adapter that llama.cpp loads beside its base, or a whole GGUF with it merged in.

Both keep what the base's file says of itself, tokenizer and chat template with it. Weights are read and written one
tensor at a time, so a large model needs little memory.

Source: the layout of LoRA tensors and the order of rotary rows as in llama.cpp's `convert_lora_to_gguf.py`.
"""

import ctypes
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from writer_r1.adapters import WEIGHTS
from writer_r1.catalog import amount
from writer_r1.errors import ModelError, WriterError
from writer_r1.gguf_header import Header, read_header
from writer_r1.weights_folder import ADAPTER_FILE

Type = Literal["q8_0", "q4_k_m"]
BITS: dict[Type, float] = {"q8_0": 8.5, "q4_k_m": 5.0}  # a weight, about: narrow models keep more tensors at 8 bits
FTYPES: dict[Type, str] = {"q8_0": "LLAMA_FTYPE_MOSTLY_Q8_0", "q4_k_m": "LLAMA_FTYPE_MOSTLY_Q4_K_M"}
MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TENSOR = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(.+)\.lora_([AB])\.weight")
LAYOUT = {"general.architecture", "general.file_type", "general.quantization_version"}  # of the base's own file

MISFIT = "The adapter does not fit this base (at {}); choose the base it was trained on."

Array = npt.NDArray[np.float32]
Tick = Callable[[int, int], None]  # how much is done, of how much


class Lora(NamedTuple):
    """The tensors of an adapter by their GGUF name, each A (rank, inputs) and B (outputs, rank), and its alpha."""

    pairs: dict[str, tuple[Array, Array]]
    alpha: float

    def change(self, name: str) -> Array | None:
        """Return what the adapter adds to a weight, (outputs, inputs)."""
        if name not in self.pairs:
            return None
        a, b = self.pairs[name]
        return np.asarray(self.alpha / len(a) * (b @ a), dtype=np.float32)


def read_lora(folder: Path, base: Header) -> Lora:
    """Return the adapter in a folder of PEFT, its rows in the order that a base with this header keeps them in.

    Raises:
        ModelError: it cannot be read, or does not fit the base.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        tensors = load_file(folder / ADAPTER_FILE)
        alpha = float(config["lora_alpha"]) * (config["r"] ** 0.5 if config.get("use_rslora") else 1.0)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"{str(folder)!r} holds no LoRA adapter that can be read ({error}).") from error
    halves = dict[str, dict[str, Array]]()
    heads = _heads(base)
    for key, tensor in tensors.items():
        found = TENSOR.fullmatch(key)
        if found is None or found[2] not in MODULES:
            raise ModelError(f"The adapter changes {key!r}, which cannot be written for llama.cpp.")
        half = np.asarray(tensor, dtype=np.float32)
        if found[3] == "B" and (count := heads.get(found[2])):
            half = _as_ggml(half, count)
        halves.setdefault(f"blk.{found[1]}.{MODULES[found[2]]}.weight", {})[found[3]] = half
    pairs = {name: (half["A"], half["B"]) for name, half in halves.items()}
    width, layers = base.number("embedding_length"), base.number("block_count")
    for name, (a, _) in pairs.items():
        if int(name.split(".")[1]) >= layers or (name.endswith("attn_q.weight") and a.shape[1] != width):
            raise ModelError(MISFIT.format(name))
    return Lora(pairs, alpha)


def _heads(base: Header) -> dict[str, int]:
    """Return the modules whose rows GGUF keeps in another order than PEFT, and their number of heads."""
    if base.architecture != "llama":
        return {}
    heads = base.number("attention.head_count", 1)
    return {"self_attn.q_proj": heads, "self_attn.k_proj": base.number("attention.head_count_kv", heads)}


def _as_ggml(rows: Array, heads: int) -> Array:
    """Return the rows with the two halves of each head interleaved, as llama.cpp rotates them."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def to_gguf_adapter(folder: Path, base: Path, out: Path | None = None) -> Path:
    """Return the adapter's file for llama.cpp, made of the PEFT adapter in `folder`; by default it stands there too.

    Raises:
        ModelError: the adapter cannot be read or does not fit.
        WriterError: the file cannot be written.
    """
    import gguf

    header, out = read_header(base), out or folder / WEIGHTS
    lora = read_lora(folder, header)
    with _writing(out) as part:
        writer = gguf.GGUFWriter(part, header.architecture)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", lora.alpha)
        for name, (a, b) in lora.pairs.items():
            writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(a))
            writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(b))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return out


@contextmanager
def _writing(out: Path) -> Iterator[Path]:
    """Give a path beside `out` to write to, whose file then takes its place; nothing is left of one that failed."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, out)
    except OSError as error:
        raise WriterError(f"{str(out)!r} cannot be written ({error.strerror}); make room and try again.") from error
    finally:
        part.unlink(missing_ok=True)


def merged_bytes(base: Path, kind: Type) -> tuple[int, int]:
    """Return how many bytes a merged model takes, about, and how many are needed while it is made."""
    import gguf

    weights = sum(int(np.prod(t.shape, dtype=np.int64)) for t in gguf.GGUFReader(base).tensors)
    size = int(weights * BITS[kind] / 8) + 5_000_000  # and the vocabulary
    return size, size + 2 * weights


def to_gguf(folder: Path, base: Path, out: Path, kind: Type, tick: Tick = lambda done, total: None) -> Path:
    """Return a whole model, the base with the adapter merged in; it takes the place of no file.

    Raises:
        ModelError: the adapter cannot be read or does not fit, or llama.cpp cannot make the file.
        WriterError: the file is there, or the disk has no room for it.
    """
    import gguf
    import llama_cpp

    if out.exists():
        raise WriterError(f"{str(out)!r} is there already; give a name that is free.")
    _, needed = merged_bytes(base, kind)
    free = shutil.disk_usage(out.absolute().parent).free
    if needed > free:
        raise WriterError(
            f"The merged model needs {amount(needed)} while it is made, and {amount(free)} are free in "
            f"{str(out.absolute().parent)!r}; make room or name another folder."
        )
    lora = read_lora(folder, read_header(base))
    reader = gguf.GGUFReader(base)
    whole = out.with_name(f".{out.name}.{os.getpid()}.f16")
    try:
        _write_merged(reader, lora, whole, out.stem, tick)
        with _writing(out) as part:
            params = llama_cpp.llama_model_quantize_default_params()
            params.ftype, params.nthread = getattr(llama_cpp, FTYPES[kind]), 1
            if llama_cpp.llama_model_quantize(str(whole).encode(), str(part).encode(), ctypes.byref(params)):
                raise ModelError(
                    f"llama.cpp could not write {out.name!r} as {kind.upper()}; look at the free disk space."
                )
    finally:
        whole.unlink(missing_ok=True)
    return out


def _write_merged(reader: Any, lora: Lora, out: Path, name: str, tick: Tick) -> None:
    """Write the base's tensors in 16 bits, those that the adapter changes with its change."""
    import gguf

    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in LAYOUT or key == "general.name":
            continue
        sub = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=sub)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        shape = tuple(int(n) for n in reversed(tensor.shape))
        kind = np.dtype(np.float32 if len(shape) == 1 else np.float16)
        size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        writer.add_tensor_info(tensor.name, shape, kind, size)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for done, tensor in enumerate(reader.tensors, 1):
            weights = np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            if (change := lora.change(tensor.name)) is not None:
                if change.shape != weights.shape:
                    raise ModelError(MISFIT.format(tensor.name))
                weights = weights + change
            writer.write_tensor_data(weights.astype(np.float32 if weights.ndim == 1 else np.float16))
            tick(done, len(reader.tensors))
    except OSError as error:
        raise WriterError(
            f"{str(out.parent)!r} cannot be written ({error.strerror}); make room and try again."
        ) from error
    finally:
        writer.close()
