"""What can go wrong in a way the user can put right.

WriterError                 one clear sentence: what happened, with the value, and the next step
├── ModelError              a model file that is missing, broken, too large, or cannot do what was asked
│   └── RequestTooLong      the request does not fit the model's context
├── DownloadError           a model could not be fetched or its digest did not match
├── RubricError             a rubric file or edited rubric that cannot be used (all faults listed at once)
├── StoreError              the library cannot be read or written (read-only, disk full, newer version)
│   └── StaleSave           a text was saved elsewhere since this page read it
├── TrainingError           a fine-tuning run that cannot begin or go on
└── Busy                    something else holds what was asked for (port, home, model)

A model that answers badly is not an error: that is data (`Score.value is None`, `Attempt.faults`).
A bug is a plain exception and keeps its traceback.
"""

import traceback
from typing import Any

TRY_AGAIN = "Try again; the window the studio was started from says more."  # after a bug


class WriterError(Exception):
    """A failure whose message is one sentence written for the user."""


class ModelError(WriterError):
    """The model file or its use is at fault."""


class RequestTooLong(ModelError):
    """The request does not fit the model's context; the message says how much does."""


class DownloadError(WriterError):
    """A model could not be fetched whole and unchanged."""


class RubricError(WriterError):
    """The rubric cannot be used; the message lists every fault."""


class StoreError(WriterError):
    """The library cannot be read or written."""


class StaleSave(StoreError):
    """The piece was saved elsewhere since; `current` is the `store.Piece` that it is now."""

    def __init__(self, message: str, current: Any) -> None:
        super().__init__(message)
        self.current = current


class TrainingError(WriterError):
    """A fine-tuning run cannot begin or go on; `kind` is one of memory, data, model, disk, killed, settings, server."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Busy(WriterError):
    """Another process holds the port, the home or the model."""


def traced(error: BaseException) -> str:
    """Return where an error was raised, for a log: without its message, which may quote a text."""
    return "".join(traceback.format_tb(error.__traceback__))
