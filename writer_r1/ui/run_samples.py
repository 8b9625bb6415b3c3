"""What a model in training writes for the same requests over time -> HTML. Pure; knows no gradio."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from writer_r1.ui.curves import figure


def samples(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what the model wrote for the same prompts, newest beside first, the ones between folded away."""
    prompts: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        prompts.setdefault(str(row.get("prompt_id", row.get("prompt", ""))), []).append(row)
    blocks = []
    for key, texts_of in list(prompts.items())[:3]:
        found = sorted(texts_of, key=lambda row: float(row.get("step", 0)))
        pair = [found[0], found[-1]] if len(found) > 1 else found
        texts = "".join(_text(row) for row in pair)
        between = "".join(_text(row) for row in found[1:-1])
        more = (
            f'<details data-key="sample-{escape(key)}"><summary>{len(found) - 2} between</summary>'
            f'<div class="texts">{between}</div></details>'
            if between
            else ""
        )
        asked = escape(str(found[-1].get("prompt", "")))
        blocks.append(f'<article><h4 dir="auto">{asked}</h4><div class="texts">{texts}</div>{more}</article>')
    if not blocks:
        return ""
    return f'<section class="samples"><h3>The same requests, over time</h3>{"".join(blocks)}</section>'


def _text(row: Mapping[str, Any]) -> str:
    reward = row.get("reward")
    scored = f" · reward {figure(float(reward))}" if isinstance(reward, int | float) else ""
    text = escape(str(row.get("text", ""))) or '<span class="quiet">nothing</span>'
    head = f'<p class="where">step {float(row.get("step", 0)):g}{scored}</p>'
    return f'<div>{head}<blockquote dir="auto">{text}</blockquote></div>'
