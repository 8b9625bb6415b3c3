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
    from gradio.state_holder import SessionState


def _same_id(keep: Any) -> Any:
    def kept(state: Any, key: int, value: Any) -> None:
        if hasattr(value, "constructor_args"):
            value._id = key
        keep(state, key, value)

    return kept


# Gradio 6.31 gives the copy of a component that a page's update makes an id of its own, keeps it under the old one, and
# from then on one more copy with each update: a page that is used all day grew by a quarter of a megabyte a piece.
SessionState.__setitem__ = _same_id(SessionState.__setitem__)  # type: ignore[method-assign]
