"""A JSON schema and the reply so far -> which tokens may come next, by llguidance.

Without that package a schema is what the prompt says of it, as with servers that keep to none.
"""

import importlib.util
from functools import lru_cache
from typing import Any

import numpy as np

MISSING = (
    "llguidance is not installed: replies are not held to their form, and advice that cannot be read is left out "
    "(pip install 'writer-r1[transformers]')"
)


def can_mask() -> bool:
    """Return whether replies can be kept to a schema."""
    return importlib.util.find_spec("llguidance") is not None


@lru_cache(maxsize=2)  # making it takes a second
def _vocabulary(tokenizer: Any) -> Any:
    from llguidance.hf import from_tokenizer

    return from_tokenizer(tokenizer)


class SchemaMask:
    """The tokens that a reply which fits a schema may go on with."""

    def __init__(self, tokenizer: Any, schema: dict[str, Any]) -> None:
        from llguidance import LLMatcher

        self._matcher = LLMatcher(_vocabulary(tokenizer), LLMatcher.grammar_from_json_schema(schema))
        if error := self._matcher.get_error():
            raise ValueError(f"no schema that llguidance can keep to: {error}")

    def allowed(self, size: int) -> Any:
        """Return the tokens that may come next, (size,) of bool; once the reply is whole only its end."""
        import torch

        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        row = np.unpackbits(bits, bitorder="little")[:size].astype(bool)
        return torch.from_numpy(np.pad(row, (0, size - len(row))))

    def take(self, token: int) -> None:
        """Go on behind this token."""
        self._matcher.consume_token(token)
