"""The page: stored events of writing runs -> what a browser shows, and the wishes of its user -> the workspace.

The only package that imports gradio. Importing gradio checks and rewrites a type stub beside each of its 76 components,
almost half of the import's time; a class whose source file cannot be told is spared that, so here none can, and
neither can our own subclasses of them.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stubs() -> Iterator[None]:
    """Keep gradio from writing stubs for the component classes defined meanwhile."""
    found = inspect.getfile

    def getfile(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith(("gradio.", "writer_r1.ui.")):
            raise OSError("not told while gradio is imported")
        return found(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = found


with without_stubs():
    import gradio as gradio
