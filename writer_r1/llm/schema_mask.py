"""A JSON schema and the reply so far -> which tokens may come next, by llguidance."""

from typing import Any

import numpy as np

from writer_r1.errors import ModelError


class SchemaMask:
    """The tokens that a reply which fits a schema may go on with."""

    def __init__(self, tokenizer: Any, schema: dict[str, Any]) -> None:
        try:
            from llguidance import LLMatcher
            from llguidance.hf import from_tokenizer
        except ImportError as e:
            raise ModelError(
                "Replies that keep to a schema need the llguidance package on this model: run "
                "pip install 'writer-r1[transformers]' and start again."
            ) from e
        self._matcher = LLMatcher(from_tokenizer(tokenizer), LLMatcher.grammar_from_json_schema(schema))
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
