"""HTML of ours whose buttons ask for something: a click on `data-act="x"` reaches Python as `{"act": "x", ...}`.

The value is finished HTML, every word of it escaped by whoever made it. What a browser sends back may be anything, so a
handler gets it through `asked`, as short strings only.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from writer_r1.ui import gradio as gr
from writer_r1.ui import without_stubs

HERE = Path(__file__).parent
LONGEST = 100_000  # characters of one field of what a browser sends; a criterion may hold a sample of 20,000
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
# Gradio's own way drops what is asked while an earlier wish of the same board is answered. One after another, because
# each changes what the last one left.
EACH: dict[str, Any] = QUIET | {"trigger_mode": "multiple", "concurrency_limit": 1}


with without_stubs():

    class Board(gr.HTML):
        """A part of the page with buttons; `script` names a file of this folder with more than clicks and forms."""

        def __init__(
            self,
            value: str = "",
            *,
            elem_id: str,
            script: str | None = None,
            server_functions: Sequence[Callable[..., Any]] = (),
            **more: Any,
        ) -> None:
            files = ["board.js", *([script] if script else [])]
            code = "\n".join(f"{{\n{(HERE / name).read_text('utf-8')}\n}}" for name in files)
            super().__init__(
                value,
                elem_id=elem_id,
                js_on_load=code,
                apply_default_css=False,  # its type would fight ours
                server_functions=list(server_functions),
                **more,
            )


def asked(event: gr.EventData) -> dict[str, str]:
    """Return what a board's button sent, as strings; an empty `act` where it sent nothing of use."""
    data = getattr(event, "_data", None)
    if not isinstance(data, dict):
        return {"act": ""}
    return {"act": ""} | {str(k)[:40]: str(v)[:LONGEST] for k, v in list(data.items())[:20] if v is not None}


def number(wish: dict[str, str], field: str) -> int:
    """Return a number that a page sent, 0 where it sent none."""
    said = wish.get(field, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else 0
