"""The Settings & help page: choices kept at once, where the library lies, how far to trust the judge, words and keys.

Each choice is kept on disk the moment it is made, and in force in the browser before that; see `comfort.js`.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import psutil

from writer_r1 import catalog
from writer_r1.calibration import fit_id
from writer_r1.catalog import amount
from writer_r1.errors import WriterError
from writer_r1.qualification import qualification_of
from writer_r1.settings import LARGEST, SMALLEST, Settings, change_settings, read_settings
from writer_r1.training import deletion
from writer_r1.ui import gradio as gr
from writer_r1.ui import help as pages
from writer_r1.ui.alive import EMPTIED, renew
from writer_r1.ui.backups_board import ANEW, backups_board, on_backups
from writer_r1.ui.board import QUIET, Board, asked
from writer_r1.ui.files_menu import library_files, preferences_part
from writer_r1.ui.notes import warn
from writer_r1.ui.prose import answer, plural
from writer_r1.ui.trust import page
from writer_r1.workspace import Workspace

AUTOMATIC = "Automatic"
WORD = "DELETE"
STAYS = (
    "Every piece, its versions and sessions, saved criteria, lessons, training runs and what was made to train on are "
    "removed. Models, adapters (also those that learned from your pieces) and settings stay."
)
COMFORT = """(theme, size, width, leading, letters) =>
  { window.studio.comfort({theme, size, width, leading, letters}); return [] }"""
# This browser's copies go too, but only where the answer says that the library's did.
FORGET = """(said) => { if (said.startsWith('<p class="state"')) window.studio.forgetTexts(); return [] }"""

KEEP_TYPED = "async () => { await window.studio.flush(); return [] }"

# Threads, theme, text size, line width, line spacing, single-letter keys, trust in the judge, backups, the library's
# facts.
Controls = tuple[Any, ...]


class Wiring(NamedTuple):
    """For the page around: `load() -> outputs`, then the script `applied` on `comfort`."""

    load: Callable[[], Controls]
    outputs: list[Any]
    comfort: list[Any]
    applied: str


def show(workspace: Workspace) -> Controls:
    """Return what every control of the page should show."""
    kept = read_settings(workspace.home)
    threads = str(kept.threads) if kept.threads else AUTOMATIC
    choices = (threads, kept.theme, kept.text_size, kept.line_width, kept.line_height, kept.letter_keys)
    return (*choices, trust_in_judge(workspace), listed(workspace), library_facts(workspace))


def trust_in_judge(workspace: Workspace) -> str:
    """Return how far the judge in use can be trusted."""
    try:
        judge = catalog.find(workspace.judge, workspace.models)
    except WriterError as error:
        return answer(str(error), wrong=True)
    common = workspace.common
    return page(judge.label, qualification_of(judge.name, common), fit_id(judge.name, common))


def on_choice(workspace: Workspace, name: str, value: object) -> None:
    """Keep one choice."""
    if name == "threads":
        value = None if value == AUTOMATIC else value
    try:
        change_settings(workspace.home, **{name: value})
    except WriterError as error:
        warn(str(error))


def on_backup(workspace: Workspace) -> tuple[str, str, str]:
    """Return what came of making a backup, the list of them, and the library's facts."""
    try:
        path = workspace.store.backup(workspace.store.backups, replace=True)
    except WriterError as error:
        return answer(str(error), wrong=True), listed(workspace), library_facts(workspace)
    said = answer(f"Backed up to {path}. It takes the place of an earlier one of today.")
    return said, listed(workspace), library_facts(workspace)


def on_restore(workspace: Workspace, wish: dict[str, str]) -> tuple[str, str, str]:
    """Return what came of restoring a backup, the list of them, and the library's facts."""
    sentence, wrong = on_backups(workspace, wish)
    return answer(sentence, wrong) if sentence else "", listed(workspace), library_facts(workspace)


def on_delete(workspace: Workspace, typed: str, backups_too: bool) -> tuple[str, str, str, str]:
    """Return what came of deleting everything, what the field then holds, the backups, and the library's facts."""
    if typed.strip() != WORD:
        return (
            answer(f"Nothing was deleted: type the word {WORD}, in capitals.", wrong=True),
            typed,
            gr.skip(),
            gr.skip(),
        )
    try:
        workspace.store.refuse_while_written("delete everything")  # before anything is gone
        deletion.refuse_while_training(workspace.home)
        workspace.preparing.delete()  # refused where it does not stop in time
        deletion.delete_all(workspace.home)  # runs hold copies of pieces and briefs
        workspace.store.delete_all()
        if backups_too:
            workspace.store.delete_backups()
        renew(workspace.store.path, EMPTIED)  # or another page would put back what it shows
    except WriterError as error:
        return answer(str(error), wrong=True), typed, listed(workspace), library_facts(workspace)
    kept = len(workspace.store.kept_backups())
    rest = f" {plural(kept, 'backup')} in {workspace.store.backups} still hold what you wrote." if kept else ""
    said = answer(f"Everything you wrote is deleted.{rest} Models, adapters and settings stay.")
    return said, "", listed(workspace), library_facts(workspace)


def listed(workspace: Workspace) -> str:
    """Return the list of the library's backups."""
    return backups_board(workspace.store.kept_backups())


def library_facts(workspace: Workspace) -> str:
    """Return how much there is, how much room it takes, and when it was last backed up."""
    size = 0
    for path in workspace.store.path.parent.glob(f"{workspace.store.path.name}*"):
        with contextlib.suppress(OSError):  # a log may go while it is looked at
            size += path.stat().st_size
    try:
        count = plural(workspace.store.piece_count(), "piece")
        store = workspace.store
        decided = preferences_part(store.decision_count(), store.blind_count(), store.scored_pair_count())
    except WriterError as error:
        return answer(str(error), wrong=True)
    kept = workspace.store.kept_backups()
    last = f"last backup: {datetime.fromtimestamp(kept[0].made):%Y-%m-%d}" if kept else "no backup yet"
    return f'<p class="quiet">{count} · {amount(size) if size >= 1e6 else "under 1 MB"} · {last}</p>{decided}'


def build(workspace: Workspace) -> Wiring:
    """Place the tab's parts in the open Tab and wire them."""
    now = read_settings(workspace.home)
    with gr.Row(elem_id="settings"):
        with gr.Column(min_width=320):
            comfort = _place_reading(now)
        with gr.Column(min_width=320):
            threads = _place_threads(now, shared=bool(workspace.writer_name))
            listing, facts = _place_library(workspace)
    trusted = gr.HTML(trust_in_judge(workspace), elem_id="trust", apply_default_css=False)
    with gr.Row(elem_id="help"):
        for section in (pages.glossary(), pages.shortcuts()):
            with gr.Column(min_width=320):
                gr.HTML(section, apply_default_css=False)
    names = ("theme", "text_size", "line_width", "line_height", "letter_keys")
    for name, control in zip(("threads", *names), (threads, *comfort), strict=True):
        _keep(workspace, name, control)
        if control is not threads:
            _made(control)(None, comfort, None, js=COMFORT, **QUIET)
    return Wiring(lambda: show(workspace), [threads, *comfort, trusted, listing, facts], comfort, COMFORT)


def _keep(workspace: Workspace, name: str, control: Any) -> None:
    _made(control)(lambda value: on_choice(workspace, name, value), control, None, trigger_mode="always_last", **QUIET)


def _made(control: Any) -> Any:
    """Return the event of a choice; a slider's number and its reset button are heard by `change` alone."""
    return control.change if isinstance(control, gr.Slider) else control.input


def _place_reading(now: Settings) -> list[Any]:
    _heading("Reading")
    themes = [("Same as the system", "system"), ("Light", "light"), ("Dark", "dark")]
    widths = [("Narrow", "narrow"), ("Medium", "medium"), ("Wide", "wide")]
    leadings = [("Normal", "normal"), ("Loose", "loose")]
    return [
        gr.Radio(themes, value=now.theme, label="Theme", elem_id="theme"),
        gr.Slider(SMALLEST, LARGEST, now.text_size, step=10, label="Text size, in % of normal", elem_id="text-size"),
        gr.Radio(widths, value=now.line_width, label="Line width", elem_id="line-width"),
        gr.Radio(leadings, value=now.line_height, label="Line spacing", elem_id="line-height"),
        gr.Checkbox(
            now.letter_keys,
            label="Single-letter keys",
            info="Keys like L, J, ?, [ and ] act outside text fields. Those with Ctrl, Alt or Escape always do.",
            elem_id="letter-keys",
        ),
    ]


def _place_threads(now: Settings, *, shared: bool) -> gr.Dropdown:
    if not shared:
        _heading("This machine")
    cores = psutil.cpu_count() or 1
    counts = [str(n) for n in range(1, max(cores, now.threads or 1) + 1)]
    return gr.Dropdown(
        [AUTOMATIC, *counts],
        value=str(now.threads) if now.threads else AUTOMATIC,
        label="Processor cores for the model",
        info=f"This machine has {cores}. A change takes effect when a model is loaded next.",
        elem_id="threads",
        visible=not shared,
    )


def _place_library(workspace: Workspace) -> tuple[Board, gr.HTML]:
    _heading("Your library")
    gr.Textbox(
        str(workspace.home),
        visible=not workspace.writer_name,
        label="Everything you write is kept in this folder, on this machine only",
        interactive=False,
        buttons=["copy"],
        max_lines=1,
        elem_id="data-folder",
    )
    facts = gr.HTML(library_facts(workspace), elem_id="library-facts", apply_default_css=False)
    backup = gr.Button("Make a backup now", elem_id="backup")
    done = gr.HTML("", elem_id="backup-answer", apply_default_css=False)
    listing = Board(listed(workspace), elem_id="backups")
    shown = [done, listing, facts]
    backup.click(lambda: on_backup(workspace), None, shown, trigger_mode="once", **QUIET)

    def restored(event: gr.EventData) -> tuple[str, str, str]:
        return on_restore(workspace, asked(event))

    listing.submit(restored, None, shown, js=KEEP_TYPED, **QUIET).then(None, done, None, js=ANEW, **QUIET)
    gr.HTML(library_files(), elem_id="library-files", apply_default_css=False)
    with gr.Accordion("Delete everything", open=False, elem_id="delete-all"):
        gr.HTML(f"<p>{STAYS} This cannot be undone.</p>", apply_default_css=False)
        too = gr.Checkbox(False, label="Delete the backups as well", elem_id="delete-backups")
        word = gr.Textbox(label=f"Type {WORD} to confirm", max_lines=1, elem_id="delete-word")
        delete = gr.Button("Delete everything I wrote", variant="stop", elem_id="delete")
        gone = gr.HTML("", elem_id="delete-answer", apply_default_css=False)
    delete.click(
        lambda typed, all_: on_delete(workspace, typed, all_), [word, too], [gone, word, listing, facts], **QUIET
    ).then(None, gone, None, js=FORGET, **QUIET)
    return listing, facts


def _heading(text: str) -> None:
    gr.HTML(f"<h2>{text}</h2>", apply_default_css=False)
