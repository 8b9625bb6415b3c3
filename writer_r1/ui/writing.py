"""What is written in on the page, placed: the brief with its chips and wishes, and the manuscript with its tools."""

import json
from typing import Any

from writer_r1.places import data
from writer_r1.ui import adapter_choice
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import Board
from writer_r1.ui.files_menu import export_menu
from writer_r1.ui.passage_board import toolbar
from writer_r1.ui.selecting import chooser, marker
from writer_r1.workspace import Workspace

TONES = ("plain", "warm", "dry", "playful", "tense", "tender", "lyrical", "angry")


def html(value: str, elem_id: str) -> gr.HTML:
    """Return a place for HTML, empty of styles but ours."""
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False)  # its type would fight ours


def tones() -> str:
    """Return the chips that set words in the brief's last line (`tones.js`)."""
    chips = "".join(f'<button type="button" data-tone="{tone}" aria-pressed="false">{tone}</button>' for tone in TONES)
    return f'<div class="tones" role="group" aria-label="Tone"><span>Tone</span>{chips}</div>'


def place_brief(workspace: Workspace) -> tuple[gr.Textbox, tuple[Any, ...]]:
    """Return the brief's field and what says how a run shall go, placed."""
    brief = gr.Textbox(
        label="What should the piece do?",
        placeholder="What it is, for whom, how long, and what must be in it.",
        lines=3,
        max_lines=14,
        interactive=True,
        elem_id="brief",
    )
    with gr.Row(elem_id="examples"):
        for example in json.loads(data("assets/examples.json").read_text("utf-8")):
            button = gr.Button(example["label"], size="sm", min_width=40, scale=0, elem_classes="example")
            fill = f"() => window.studio.fill({json.dumps(example['prompt'])})"
            button.click(None, None, brief, js=fill, api_visibility="private")
    html(tones(), "tones")
    with gr.Row(elem_id="setup"):
        rounds = gr.Slider(
            0,
            6,
            3,
            step=1,
            label="Rounds of revision",
            info="How often a draft or your text is reworked; 0: never.",
            elem_id="count",
            scale=0,
            min_width=240,
        )
        thorough = gr.Checkbox(
            False, label="Thorough criteria", info="Short sample drafts are written first; takes longer.", min_width=220
        )
        look = gr.Checkbox(
            False,
            label="Show me the criteria first",
            info="Stops before the draft, so you can change them.",
            min_width=220,
        )
        one_go = gr.Checkbox(
            False,
            label="Think in one go",
            info="One thought with its own reflections, in place of rounds.",
            elem_id="one-go",
            min_width=220,
        )
        choice = adapter_choice.build(workspace)
    return brief, (rounds, thorough, look, one_go, *choice)


def place_manuscript(workspace: Workspace) -> gr.Textbox:
    """Return the manuscript's field, placed with what belongs to it."""
    text = gr.Textbox(
        label="Your manuscript",
        placeholder="Yours alone: nothing is written here unless you type it, or put a round or its changes here.",
        lines=24,  # of one height: Gradio would lay out a long text anew at each key to fit the box to it (`style.css`)
        max_lines=24,
        interactive=True,
        elem_id="manuscript",
        buttons=["copy"],
    )
    Board(toolbar(), elem_id="marking", script="marking.js", server_functions=marker(workspace))
    with gr.Row(elem_id="under"):
        html('<p class="saved"><span class="words"></span><span class="state"></span></p>', "saved")
        html(export_menu(), "export")
    Board("", elem_id="passage", script="passage_board.js", html_template="", server_functions=chooser(workspace))
    return text
