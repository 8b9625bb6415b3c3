"""The page: stored events of writing runs -> what a browser shows, and the wishes of its user -> the workspace.

The only package that imports gradio. Importing gradio checks and rewrites a type stub beside each of its 76 components,
almost half of the import's time; a class whose source file cannot be told is spared that, so here none can.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def _without_stubs() -> Iterator[None]:
    found = inspect.getfile

    def getfile(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("not told while gradio is imported")
        return found(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = found


with _without_stubs():
    import gradio as gradio
