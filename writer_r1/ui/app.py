"""Workspace -> the studio's page, on 127.0.0.1 for this machine's browsers only unless another address is asked for.

The Host header is checked because a foreign site may point its own name at 127.0.0.1. Nothing is sent or loaded from
outside: system fonts, no analytics, and no way to share.
"""

import os
import re
import socket
from html import escape
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from writer_r1 import catalog
from writer_r1.catalog import Model
from writer_r1.errors import Busy, WriterError
from writer_r1.ui import adapter_choice, compare_tab, models_tab, render, settings_tab, train_tab, write_tab
from writer_r1.ui import gradio as gr
from writer_r1.ui.alive import Alive
from writer_r1.ui.board import QUIET, Board
from writer_r1.ui.files import Files
from writer_r1.ui.help import key_sheet
from writer_r1.ui.saving import saver
from writer_r1.workspace import Workspace

HERE = Path(__file__).parent
HOST = "127.0.0.1"
BESIDE_S = 15.0  # how often Write looks whether the run still trains
# The others belong to their boards.
SCRIPTS = (
    *("studio.js", "copies.js", "choosing.js", "comfort.js", "tones.js", "run_options.js"),
    *("files.js", "scenes.js"),
)
STYLES = (
    "style.css",
    "outline.css",
    "welcome.css",
    "criteria_board.css",
    "round_board.css",
    "proposals_board.css",
    "passage.css",
    "version_board.css",
    "hands_board.css",
    "compare.css",
    "training.css",
    "material.css",
    "blind_board.css",
    "tabs.css",
    "files.css",
)
SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif")
LINES = {"block_shadow": "none", "input_shadow": "none", "block_border_width": "0px"}
LINES |= {"button_border_width": "1px", "input_border_width": "1px"}
MONO = ("ui-monospace", "Consolas", "DejaVu Sans Mono", "monospace")


def create_app(workspace: Workspace) -> gr.Blocks:
    """Return the studio's page."""
    app = gr.Blocks(title="Writer-R1 Studio", analytics_enabled=False, fill_width=True)
    with app:
        piece = Board("", elem_id="piece", script="guard.js", server_functions=[saver(workspace)])
        head = gr.HTML(heading(workspace), elem_id="masthead", apply_default_css=False)
        with gr.Row(elem_id="studio"):
            shelf = Board("", elem_id="library", script="library.js")
            with gr.Tabs(elem_id="tabs"):
                with gr.Tab("Write", id="write") as write:
                    steps = gr.HTML(first_steps(workspace), elem_id="welcome", apply_default_css=False)
                    beside = gr.HTML(train_tab.note(workspace), elem_id="beside", apply_default_css=False)
                    parts = write_tab.build(workspace)
                with gr.Tab("Compare", id="compare") as compare:
                    rounds = compare_tab.build(workspace)
                with gr.Tab("Train", id="train") as train:
                    runs = train_tab.build(workspace)
                with gr.Tab("Models", id="models") as models:
                    cards = models_tab.build(workspace)
                with gr.Tab("Settings & help", id="settings") as settings:
                    choices = settings_tab.build(workspace)
        compare.select(rounds.refresh, rounds.inputs, rounds.outputs, **QUIET)
        models.select(cards.load, cards.inputs, cards.outputs, **QUIET)
        train.select(runs.load, runs.inputs, runs.outputs, **QUIET)
        looking = gr.Timer(BESIDE_S, active=False)  # while a run trains
        around = [head, steps, beside, looking]

        def trained() -> tuple[str, gr.Timer]:
            return training_beside(workspace)

        for shown_again in (write.select, app.load):
            shown_again(lambda: (heading(workspace), first_steps(workspace), *trained()), None, around, **QUIET)
        looking.tick(trained, None, [beside, looking], **QUIET)
        worn: dict[str, Any] = {
            "fn": lambda: adapter_choice.shown(workspace),
            "outputs": list(parts.wishes[-2:]),
        } | QUIET
        for fresh in (write.select, app.load, cards.acted.then, runs.acted.then):
            fresh(**worn)
        cards.acted.then(**runs.blind)
        # Not Write: it is chosen while the page opens, and that answer may come after the one of the tab chosen next.
        for other in (compare, train, settings):
            other.select(cards.leave, None, cards.timer, **QUIET)
        for other in (compare, models, settings):
            other.select(runs.leave, None, runs.timer, **QUIET)
        shown = settings.select(choices.load, None, choices.outputs, **QUIET)
        shown.then(None, choices.comfort, None, js=choices.applied, **QUIET)
        app.load(choices.load, None, choices.outputs, **QUIET).then(
            None, choices.comfort, None, js=choices.applied, **QUIET
        )
        write_tab.wire(workspace, parts, piece, shelf)
    return app


def heading(workspace: Workspace) -> str:
    """Return the head of the page, with which model writes, and the keys it opens."""
    model = writing_model(workspace)
    name = model.label if model else "no model is set up yet: see Models"
    return render.masthead(name, workspace.writer_name, away=_away(model)) + key_sheet()


def training_beside(workspace: Workspace) -> tuple[str, gr.Timer]:
    """Return what Write says of a run that trains, and the clock by which it looks again."""
    said = train_tab.note(workspace)
    return said, gr.Timer(active=bool(said))


def first_steps(workspace: Workspace) -> str:
    """Return what to do first, where nothing was written yet or no model is there to write."""
    model = writing_model(workspace)
    return render.welcome(model.label if model else "", begun=bool(workspace.store.pieces(limit=1)), away=_away(model))


def writing_model(workspace: Workspace) -> Model | None:
    """Return the model that writes, or None where none is ready."""
    try:
        model = catalog.find(workspace.writer, workspace.models)
        return model if model.state == "ready" else None
    except WriterError:
        return None  # told by the Models page, and by Start


def _away(model: Model | None) -> bool:
    return bool(model and model.server and not model.server.here)


def serve(workspace: Workspace, port: int, *, open_browser: bool, host: str = HOST) -> tuple[gr.Blocks, str]:
    """Return the running app and its address, once the page answers.

    Raises:
        Busy: the port is taken.
    """
    port = free_port(port, host)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    app = create_app(workspace)
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=[host, HOST, "localhost"])
    app.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        **setting(workspace, trusted),
        **look(),
    )
    return app, f"http://{host}:{port}"


def setting(workspace: Workspace, *before: Middleware) -> dict[str, Any]:
    """Return how Gradio is to serve the page of a workspace, `before` in front of our own part of it."""
    alive = Middleware(Alive, library=workspace.store.path)
    return {
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "max_file_size": "1mb",
        "blocked_paths": [str(workspace.common), str(workspace.models)],
        "app_kwargs": {"middleware": [*before, alive, Middleware(Files, workspace=workspace)]},
    }


def free_port(port: int, host: str = HOST) -> int:
    """Return `port`, or any free one for 0.

    Raises:
        Busy: another program listens on it, or the host is not this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise Busy(f"Port {port} cannot be used ({why}); choose another with --port, or 0 for any.") from None
        return int(probe.getsockname()[1])


def look(writer: str = "") -> dict[str, Any]:
    """Return the theme, style and script of the page, as Gradio takes them; `writer` is who has signed in."""
    css = "\n".join((HERE / name).read_text("utf-8") for name in STYLES)
    return {
        "theme": theme(),
        "css": css,
        # Gradio binds the styles above to its own container; whether the sidebar is open stands on the body outside it.
        "head": (f'<meta name="writer" content="{escape(writer)}">' if writer else "")
        + f"<style>{(HERE / 'library.css').read_text('utf-8')}\n{conditional(css)}</style>"
        + "".join(f"<script>{(HERE / name).read_text('utf-8')}</script>" for name in SCRIPTS),
    }


def conditional(css: str) -> str:
    """Return the rules of `css` that hold on some screens only, bound to the page.

    Gradio drops @container and @supports, and of @media what names its container, has a comma inside `:is()`, or is
    meant for a dialog.
    """
    found = []
    for head, body in re.findall(r"^(@(?:media|container|supports)[^{]*)\{(.*?)^\}", css, re.MULTILINE | re.DOTALL):
        inside = re.sub(r"(^|,)(\s*)\.gradio-container\b", r"\1\2&", body, flags=re.MULTILINE)
        found.append(f"{head}{{ {'.gradio-container' * 3} {{{inside}}} }}")
    return "\n".join(found)


def theme() -> gr.themes.Base:
    """Return paper and ink, by day and by night."""
    paper = gr.themes.Base(font=list(SANS), font_mono=list(MONO), radius_size="sm", spacing_size="md")
    colours = {  # by day, by night
        "body_background_fill": ("#faf7f1", "#171614"),
        "background_fill_primary": ("#fffdf9", "#201e1b"),
        "background_fill_secondary": ("#f2ede3", "#2a2723"),
        "block_background_fill": ("#fffdf9", "#201e1b"),
        "input_background_fill": ("#fffdf9", "#201e1b"),
        "body_text_color": ("#26221c", "#e9e3d8"),
        "body_text_color_subdued": ("#6a6256", "#a8a092"),
        "block_info_text_color": ("#6a6256", "#a8a092"),
        "block_title_text_color": ("#26221c", "#e9e3d8"),
        "block_label_text_color": ("#26221c", "#e9e3d8"),
        "input_placeholder_color": ("#756c5f", "#968d7f"),
        "border_color_primary": ("#e2dacb", "#3a362f"),
        "block_border_color": ("#e2dacb", "#3a362f"),
        "input_border_color": ("#938975", "#7d7568"),
        "input_border_color_focus": ("#2b6262", "#83bdb8"),
        "color_accent_soft": ("#dfeae7", "#24393a"),
        "slider_color": ("#2b6262", "#83bdb8"),
        "button_primary_background_fill": ("#2b6262", "#83bdb8"),
        "button_primary_background_fill_hover": ("#214f4f", "#9bcdc8"),
        "button_primary_border_color": ("#2b6262", "#83bdb8"),
        "button_primary_text_color": ("#ffffff", "#10201f"),
        "button_secondary_background_fill": ("#fffdf9", "#201e1b"),
        "button_secondary_background_fill_hover": ("#f2ede3", "#2a2723"),
        "button_secondary_border_color": ("#cfc5b3", "#4a453d"),
        "button_secondary_text_color": ("#26221c", "#e9e3d8"),
        "error_text_color": ("#8f2f22", "#eba493"),
        "error_border_color": ("#8f2f22", "#eba493"),
        "error_background_fill": ("#fbeee9", "#32211d"),
    }
    values = {name: day for name, (day, _) in colours.items()}
    values |= {f"{name}_dark": night for name, (_, night) in colours.items()}
    values["color_accent"] = "*button_primary_background_fill"  # it has no night of its own
    themed: gr.themes.Base = paper.set(**values, **LINES)
    return themed
