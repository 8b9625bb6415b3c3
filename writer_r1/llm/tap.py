"""A layer of a running model -> the mean of the states it gives out, while somebody wants to know."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from writer_r1.llm import Numbers


class Tap:
    """Sums the states that a layer gives out while it is open.

    llama.cpp offers each tensor of its graph to a callback, and computes up to it where the callback wants it. Shut, it
    costs a call per tensor, which is not measurable beside a token.
    """

    def __init__(self, layer: int, width: int) -> None:
        import llama_cpp

        self._name, self._width = f"l_out-{layer - 1}".encode(), width
        library = next((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base.*"))
        self._ggml = ctypes.CDLL(str(library))
        self._ggml.ggml_get_name.argtypes, self._ggml.ggml_get_name.restype = [ctypes.c_void_p], ctypes.c_char_p
        self._ggml.ggml_nbytes.argtypes, self._ggml.ggml_nbytes.restype = [ctypes.c_void_p], ctypes.c_size_t
        sizes: list[Any] = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        self._ggml.ggml_backend_tensor_get.argtypes, self._ggml.ggml_backend_tensor_get.restype = sizes, None
        self._open, self._sum, self._count = False, np.zeros(width), 0
        self.callback = llama_cpp.ggml_backend_sched_eval_callback(self._offered)

    def open(self) -> None:
        """Begin to sum."""
        self._open, self._sum, self._count = True, np.zeros(self._width), 0

    def close(self) -> Numbers | None:
        """Return the mean of the states seen since it was opened; None where the model names its layers otherwise."""
        self._open = False
        return np.asarray(self._sum / self._count, dtype=np.float32) if self._count else None

    def _offered(self, tensor: int, ask: bool, _: Any) -> bool:
        if not self._open or self._ggml.ggml_get_name(tensor) != self._name:
            return not ask  # "go on" after a tensor, "not wanted" before it
        if not ask:
            states = np.empty((self._ggml.ggml_nbytes(tensor) // 4 // self._width, self._width), dtype=np.float32)
            self._ggml.ggml_backend_tensor_get(tensor, states.ctypes.data, 0, states.nbytes)
            self._sum += states.sum(0, dtype=np.float64)
            self._count += len(states)
        return True
