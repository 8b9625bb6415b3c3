"""Settings and help: choices kept and in force at once, backups, a deletion that must be meant, the help itself."""

import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from judges import qualification

from writer_r1.calibration import fit_id
from writer_r1.qualification import result_at
from writer_r1.settings import Settings, read_settings, write_settings
from writer_r1.store import this_process
from writer_r1.ui import help as pages
from writer_r1.ui import models_tab, settings_tab
from writer_r1.ui.app import HERE, theme
from writer_r1.ui.settings_tab import WORD, on_backup, on_choice, on_delete, show
from writer_r1.ui.trust import UNFITTED
from writer_r1.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.close()


def test_the_page_shows_what_is_kept(workspace):
    assert show(workspace)[:6] == ("Automatic", "system", 100, "medium", "normal", True)
    write_settings(workspace.home, Settings(threads=3, theme="dark", text_size=120, letter_keys=False))
    assert show(workspace)[:6] == ("3", "dark", 120, "medium", "normal", False)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("threads", "2", Settings(threads=2)),
        ("threads", "Automatic", Settings()),
        ("theme", "light", Settings(theme="light")),
        ("text_size", 110, Settings(text_size=110)),
        ("letter_keys", False, Settings(letter_keys=False)),
        ("theme", "<script>", Settings()),
        ("text_size", 10**9, Settings()),
    ],
)
def test_a_choice_is_kept_at_once_and_only_if_it_can_be(workspace, name, value, kept):
    on_choice(workspace, name, value)
    assert read_settings(workspace.home) == kept


def test_the_page_says_how_far_the_judge_in_use_can_be_trusted(workspace, monkeypatch, tmp_path):
    monkeypatch.setattr("writer_r1.qualification.fit_id", fit_id)
    first = Text(show(workspace)[6]).found  # measured before it was shipped
    assert "SmolLM2 135M Instruct (Q4_1) judges, with no trust." in first and UNFITTED not in first
    monkeypatch.setattr("writer_r1.qualification.data", lambda name: tmp_path / name)
    assert "Nobody has measured how far this judge" in show(workspace)[6] and 'data-tab="models"' in show(workspace)[6]
    path = result_at("smollm2-135m", workspace.home)
    path.parent.mkdir(parents=True)
    path.write_text(qualification(judge="smollm2-135m", calibration="an-earlier-fit").model_dump_json())
    assert 'data-tab="models"' in show(workspace)[6]
    fit = fit_id("smollm2-135m", workspace.home)
    path.write_text(qualification(judge="smollm2-135m", calibration=fit).model_dump_json())
    text = Text(show(workspace)[6]).found
    assert "SmolLM2 135M Instruct (Q4_1) judges, with some trust." in text
    with monkeypatch.context() as patch:
        patch.setattr(settings_tab, "fit_id", lambda model, home: "none-2c414ea4a146")
        assert UNFITTED in Text(show(workspace)[6]).found
    (workspace.models).mkdir(exist_ok=True)
    (workspace.models / "added.json").write_text("[{")
    assert "repair it or delete it" in show(workspace)[6]


def test_a_backup_can_be_made_at_any_time_and_holds_what_was_just_written(workspace):
    assert "no backup yet" in show(workspace)[-1]
    on_backup(workspace)
    piece = workspace.store.new_piece(brief="A poem about rain.")
    said, _, facts = on_backup(workspace)
    [made] = [b.path for b in workspace.store.kept_backups()]
    assert str(made) in said and "1 piece ·" in facts and "last backup: 2" in facts
    with zipfile.ZipFile(made) as archive:
        assert piece.brief.encode() in b"".join(archive.read(name) for name in archive.namelist())


def test_a_backup_that_cannot_be_made_is_said(workspace):
    workspace.store.backups.write_text("in the way")
    assert "No backup could be made" in on_backup(workspace)[0]


@pytest.mark.parametrize("typed", ["", "delete", "DELETE everything", "YES"])
def test_nothing_is_deleted_without_the_word(workspace, typed):
    workspace.store.new_piece(brief="A poem.")
    said, kept, *_ = on_delete(workspace, typed, True)
    assert "Nothing was deleted" in said and kept == typed and len(workspace.store.pieces()) == 1


def test_with_the_word_every_text_goes_and_settings_stay(workspace):
    workspace.store.new_piece(brief="A poem about rain.")
    write_settings(workspace.home, Settings(theme="dark"))
    on_backup(workspace)
    said, kept, _, facts = on_delete(workspace, f" {WORD} ", False)
    assert "deleted" in said and "1 backup in" in said and kept == "" and "0 pieces" in facts
    assert workspace.store.pieces() == [] and read_settings(workspace.home).theme == "dark"
    assert b"poem about rain" not in b"".join(p.read_bytes() for p in workspace.home.glob("library.db*"))
    assert "still hold" not in on_delete(workspace, WORD, True)[0] and workspace.store.kept_backups() == []


def test_nothing_is_deleted_while_a_piece_is_written(workspace):
    piece = workspace.store.new_piece(brief="A poem.")
    workspace.store.begin("run1", "A poem.", "small", this_process(), piece.id)
    workspace.store.delete_piece(piece.id)  # in no list any more, and still being written
    trained = workspace.home / "runs" / "20260101-000000-sft" / "run.json"
    trained.parent.mkdir(parents=True)
    trained.write_text("{}")
    said, kept, *_ = on_delete(workspace, WORD, True)
    assert "still being written" in said and kept == WORD and workspace.store.run("run1") and trained.exists()


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.found += data


def test_every_word_and_key_of_the_help_is_shown_with_one_sentence():
    text = Text(pages.glossary()).found
    words = [word for word, _ in pages.GLOSSARY]
    assert len(set(words)) == len(words)
    for needed in ("Criterion", "Code", "Category", "Lesson", "Round", "Judge", "Range", "Locked", "Measured", "GGUF"):
        assert needed in words
    for word, meaning in pages.GLOSSARY:
        assert word + meaning in text and re.fullmatch(r"[A-Z][^.]*\.", meaning), word
    assert "=No clear difference: the ranges overlap." in text
    keys = Text(pages.shortcuts()).found
    assert all(what in keys for _, what in pages.KEYS) and "Ctrl+Enter or ⌘ Enter" in keys


@pytest.fixture
def address(workspace) -> Iterator[str]:
    """Serve both tabs as the studio does."""
    with gr.Blocks(analytics_enabled=False) as app, gr.Tabs():
        with gr.Tab("Write"):
            gr.Textbox(label="Brief")
        with gr.Tab("Models") as models:
            wiring = models_tab.build(workspace)
        models.select(wiring.load, wiring.inputs, wiring.outputs)
        with gr.Tab("Settings & help") as page:
            chosen = settings_tab.build(workspace)
        page.select(chosen.load, None, chosen.outputs).then(None, chosen.comfort, None, js=chosen.applied)
    head = "".join(f"<script>{(HERE / name).read_text('utf-8')}</script>" for name in ("comfort.js", "copies.js"))
    style = {"theme": theme()} | {
        "css": (HERE / "style.css").read_text() + (HERE / "tabs.css").read_text(),
        "head": head,
    }
    _, url, _ = app.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False, **style)
    yield url
    app.close()


def reading(page: "Page", name: str) -> str:
    return page.evaluate(f"getComputedStyle(document.querySelector('.gradio-container')).getPropertyValue('--{name}')")


def dark(page: "Page") -> bool:
    return page.evaluate("document.body.classList.contains('dark')")


@pytest.mark.browser
def test_choices_are_in_force_at_once_and_before_the_next_visit_shows_anything(browser, address, workspace):
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("tab", name="Settings & help").click()
    assert not dark(page)
    page.get_by_label("Dark").check()
    page.wait_for_function("document.body.classList.contains('dark')")
    page.get_by_role("spinbutton").fill("120")
    page.get_by_label("Wide").check()
    page.get_by_label("Loose").check()
    page.get_by_label("Single-letter keys").uncheck()
    page.wait_for_function("JSON.parse(localStorage['writer-r1.comfort']).letters === false")
    assert reading(page, "reading-width") == "46rem" and reading(page, "reading-leading") == "1.95"
    assert reading(page, "reading-size") == "1.2"
    chosen = Settings(theme="dark", text_size=120, line_width="wide", line_height="loose", letter_keys=False)
    for _ in range(100):
        if read_settings(workspace.home) == chosen:
            break
        page.wait_for_timeout(50)
    assert read_settings(workspace.home) == chosen
    page.add_init_script(  # how the body looked when the first of the page was shown
        "new MutationObserver((_, me) => { if (document.querySelector('[role=tab]')) { me.disconnect();"
        "requestAnimationFrame(() => { window.first = document.body.className }) } })"
        ".observe(document, {childList: true, subtree: true})"
    )
    page.reload()
    page.get_by_role("tab", name="Models").wait_for()
    page.wait_for_timeout(500)  # Gradio chooses a theme of its own while it starts
    assert page.evaluate("window.first") == "dark"
    assert dark(page) and reading(page, "reading-width") == "46rem"
    page.emulate_media(color_scheme="light")
    page.evaluate("window.studio.comfort({theme: 'system'})")
    assert not dark(page)
    page.emulate_media(color_scheme="dark")
    page.evaluate("window.studio.comfort({theme: 'light'})")
    assert not dark(page)
    page.close()


@pytest.mark.browser
def test_a_deletion_takes_the_copies_in_this_browser_and_a_refused_one_does_not(browser, address, workspace):
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("tab", name="Settings & help").click()
    page.evaluate("localStorage['writer-r1.piece.new'] = 'a poem'")
    page.get_by_text("Delete everything", exact=True).click()
    page.get_by_role("button", name="Delete everything I wrote").click()
    page.get_by_text("Nothing was deleted").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("localStorage['writer-r1.piece.new']") == "a poem"
    page.get_by_label("Type DELETE to confirm").fill("DELETE")
    page.get_by_role("button", name="Delete everything I wrote").click()
    page.get_by_text("Everything you wrote is deleted").wait_for()
    page.wait_for_function("localStorage['writer-r1.piece.new'] === undefined")
    page.close()


@pytest.mark.browser
def test_single_letters_reach_nothing_once_they_are_off_but_still_type(browser, address):
    page = browser.new_page()
    page.goto(address)
    box = page.get_by_label("Brief")
    box.wait_for()
    page.evaluate("window.heard = []; document.addEventListener('keydown', (e) => heard.push(e.key))")
    page.locator("body").press("?")
    page.evaluate("window.studio.comfort({letters: false})")
    page.evaluate("document.activeElement.blur()")
    for key in ("l", "[", "Escape", "Control+Enter"):
        page.locator("body").press(key)
    assert page.evaluate("heard.filter((key) => key !== 'Control' && key !== 'Shift')") == ["?", "Escape", "Enter"]
    box.press_sequentially("l?")
    assert box.input_value() == "l?"
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1440])
def test_both_pages_fit_the_window_and_their_controls_are_large_enough(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address)
    page.get_by_role("tab", name="Write").wait_for()
    page.wait_for_timeout(500)  # until it is settled which tabs have room
    for tab in ("Models", "Settings & help"):
        if page.get_by_role("tab", name=tab).is_visible():
            page.get_by_role("tab", name=tab).click()
        else:  # a narrow window keeps the last tabs in a menu
            page.locator(".overflow-menu > button").click()
            page.locator(".overflow-dropdown button", has_text=tab).click()
        page.wait_for_function("[...document.querySelectorAll('#models button, #backup')].some((b) => b.offsetParent)")
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sizes = page.evaluate(
            "[...document.querySelectorAll('#models button, #model-add, #backup')]"
            ".filter((b) => b.offsetParent).map((b) => b.offsetHeight)"
        )
        assert sizes and min(sizes) >= 32
    page.close()


@pytest.mark.browser
def test_a_card_keeps_the_keyboard_through_an_update(browser: "Browser", address, workspace, monkeypatch):
    from writer_r1 import pulls

    def pull(name, folder, progress, stop):
        done = 0
        while not stop():
            done += 1000
            progress(done, 10**9, "from the package index")
            workspace.store.path.exists() and pulls.time.sleep(0.01)

    monkeypatch.setattr(pulls, "pull", pull)
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("tab", name="Models").click()
    page.locator("[data-act=download]").first.click()
    cancel = page.locator("[data-act=cancel]")
    cancel.focus()
    shown = page.locator(".pull .state").inner_text()
    page.wait_for_function("(was) => document.querySelector('.pull .state')?.innerText !== was", arg=shown)
    assert page.evaluate("document.activeElement.dataset.act") == "cancel"
    page.reload()
    page.get_by_role("tab", name="Models").click()
    page.locator("[data-act=cancel]").click()
    page.locator("[data-act=cancel]").wait_for(state="detached")
    assert pulls.pulls_into(workspace.models).running() == []
    page.close()
