"""Files out and in on the page, in a real Chromium: what is downloaded was typed, what is imported is opened."""

import io
import json
import zipfile
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import docx
import example_run as example
import pytest
from live import SOON_MS, Pages, Studio, eventually
from manuscripts import PLAIN
from playwright.sync_api import Download, Page, expect

from writer_r1.docx_file import from_docx, to_docx
from writer_r1.manuscript import blocks
from writer_r1.store import this_process
from writer_r1.ui.files import HEADER, PATH

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TEXT = "# One\n\nGröße, *灯塔* 👩‍👩‍👧.\n\n***\n\nשלום\nline two"


def exported(page: Page, form: str) -> Download:
    """Choose a form in the menu with the keyboard alone."""
    summary = page.locator(".export summary")
    summary.focus()
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.export") == form:
            break
    with page.expect_download(timeout=SOON_MS) as waiting:
        page.keyboard.press("Enter")
    expect(page.locator(".export .forms")).to_be_hidden()
    assert page.evaluate("document.activeElement === document.querySelector('.export summary')")
    return waiting.value


def imported(page: Page, name: str, data: bytes) -> None:
    with page.expect_file_chooser() as waiting:
        page.locator("[data-import]").click()
    waiting.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})


def serious(page: Page) -> list[Any]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


def test_what_was_just_typed_is_exported_by_keyboard_and_is_what_was_typed(pages: Pages, studio: Studio) -> None:
    page = pages.open(query="?piece=new")
    page.locator("#brief textarea").fill("A <note> on “size”")
    page.locator("#manuscript textarea").fill(TEXT)
    text = exported(page, "txt")  # at once, before it saved by itself
    assert text.suggested_filename == "A note on “size”.txt" and Path(text.path()).read_bytes() == TEXT.encode()
    word = Path(exported(page, "docx").path()).read_bytes()
    assert [p.text for p in docx.Document(io.BytesIO(word)).paragraphs] == [
        "* * *" if b.kind == "break" else b.text for b in blocks(TEXT)
    ]
    assert from_docx(word).text == TEXT
    expect(page.locator("#files-said [role=status]")).to_contain_text("“A note on “size”.docx” is in your downloads.")
    page.locator(".export summary").click()
    for dark in (False, True):
        page.evaluate(f"document.body.classList.toggle('dark', {str(dark).lower()})")
        page.wait_for_timeout(800)  # until no colour is on its way
        assert serious(page) == []
    page.locator(".export button").first.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".export .forms")).to_be_hidden()
    assert studio.store.pieces()[0].text == TEXT


def test_neither_a_foreign_name_for_this_machine_nor_a_bare_link_gets_the_library(studio: Studio) -> None:
    for headers, status in (({"Host": "evil.example", HEADER: "page"}, 400), ({}, 404), ({HEADER: "page"}, 200)):
        connection = HTTPConnection("127.0.0.1", studio.port, timeout=30)
        connection.request("GET", f"{PATH}backup", headers=headers)
        answer = connection.getresponse()
        assert answer.status == status and (len(answer.read()) > 1000) == (status == 200)
        connection.close()


def test_what_could_not_be_saved_is_not_exported_without_it(pages: Pages, studio: Studio) -> None:
    piece = studio.store.new_piece("A brief", "Old words.")
    page = pages.open(query=f"?piece={piece.id}")
    expect(page.locator("#manuscript textarea")).to_have_value("Old words.", timeout=SOON_MS)
    page.route("**/component_server**", lambda route: route.abort())  # the way of a save
    page.locator("#manuscript textarea").fill("New words.")
    page.locator(".export summary").click()
    page.locator("[data-export=txt]").click()
    expect(page.locator("#files-said [role=alert]")).to_contain_text("not saved yet", timeout=SOON_MS)
    page.unroute("**/component_server**")
    pages.faults[:] = [f for f in pages.faults if "ERR_FAILED" not in f]


def test_an_empty_manuscript_is_not_exported_and_that_is_said(pages: Pages) -> None:
    page = pages.open()
    page.evaluate("document.querySelector('[data-act=new]').click()")
    expect(page.locator("#manuscript textarea")).to_have_value("", timeout=SOON_MS)
    page.locator(".export summary").click()
    page.locator("[data-export=docx]").click()
    expect(page.locator("#files-said [role=alert]")).to_have_text(
        "There is nothing to export yet; write or open a piece first."
    )
    page.locator("#files-said button").click()
    expect(page.locator("#files-said")).to_be_hidden()
    pages.faults[:] = [f for f in pages.faults if "422" not in f]  # the browser logs each refusal


@pytest.mark.parametrize("width", [1440, 390])
def test_a_word_file_becomes_a_new_piece_and_is_opened(width: int, pages: Pages, studio: Studio) -> None:
    there = studio.store.new_piece("An older one", "Words that stay.")
    page = pages.open(width, query=f"?piece={there.id}")
    if width < 1100:
        page.locator("[data-shelf]").click()
    imported(page, "Chapter <one>.docx", to_docx(PLAIN, "Other", 1e9))
    expect(page.locator("#manuscript textarea")).to_have_value(from_docx(to_docx(PLAIN, "", 1e9)).text, timeout=SOON_MS)
    expect(page.locator("#brief textarea")).to_have_value("")
    expect(page.locator("#library")).to_be_visible(visible=width >= 1100)
    made = studio.store.pieces()[0]
    assert made.title == "Chapter <one>" and made.id != there.id and studio.store.piece(there.id) == there
    expect(page.locator("#files-said")).to_contain_text("“Chapter <one>” is a new piece.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and serious(page) == []


def test_a_broken_file_is_said_and_what_was_guessed_stays_to_be_read(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    before = len(studio.store.pieces())
    imported(page, "x.docx", b"PK\x03\x04 no")
    expect(page.locator("#files-said [role=alert]")).to_contain_text("no Word file that can be read", timeout=SOON_MS)
    assert len(studio.store.pieces()) == before
    imported(page, "old.txt", "Größe".encode("cp1252"))
    expect(page.locator("#files-said [role=status]")).to_contain_text("Windows-1252", timeout=SOON_MS)
    expect(page.locator("#manuscript textarea")).to_have_value("Größe", timeout=SOON_MS)
    pages.faults[:] = [f for f in pages.faults if "422" not in f]


def test_a_session_goes_out_and_opens_again_and_its_report_can_be_read_and_printed(
    pages: Pages, studio: Studio, tmp_path: Path
) -> None:
    store = studio.store
    piece = store.new_piece(example.PROMPT, "My own.", "The lamp")
    store.begin("run1", example.PROMPT, "fake", this_process(), piece.id)
    store.append("run1", example.whole_run("run1"))
    page = pages.open(query=f"?piece={piece.id}")
    expect(page.locator("#rounds .round-card").first).to_be_visible(timeout=SOON_MS)
    session = exported(page, "session")
    assert session.suggested_filename == "The lamp - session.json"
    exported(page, "report").save_as(tmp_path / "report.html")
    imported(page, "lamp.json", Path(session.path()).read_bytes())
    eventually(lambda: store.pieces()[0].id != piece.id)
    eventually(lambda: json.loads(page.evaluate("window.studio.place()"))["piece"] == store.pieces()[0].id)
    expect(page.locator("#rounds .round-card")).to_have_count(3, timeout=SOON_MS)
    paper = pages.browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    paper.on("request", lambda request: asked.append(request.url))
    paper.goto((tmp_path / "report.html").as_uri())
    assert len(asked) == 1 and serious(paper) == []
    assert paper.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert paper.pdf().startswith(b"%PDF")
    paper.close()


def test_the_whole_library_is_downloaded_and_restored_from_the_page(
    pages: Pages, studio: Studio, tmp_path: Path
) -> None:
    store = studio.store
    piece = store.new_piece("A brief", "Words to keep.", "Kept")
    page = pages.open(query=f"?piece={piece.id}")
    page.keyboard.press("Alt+Digit5")
    with page.expect_download(timeout=SOON_MS) as waiting:
        page.locator("[data-library=backup]").click()
    saved = tmp_path / "all.zip"
    waiting.value.save_as(saved)
    assert "library.db" in zipfile.ZipFile(saved).namelist()
    later = store.new_piece("Later", "Made after the backup.")
    with page.expect_file_chooser() as choosing:
        page.locator("[data-library=restore]").click()
    choosing.value.set_files(saved)
    expect(page.locator("dialog .which")).to_have_text("all.zip")
    assert serious(page) == []
    page.locator("dialog [data-yes]").click()
    expect(page.locator("dialog h2")).to_contain_text("Restored:", timeout=SOON_MS)
    assert store.piece(later.id) is None and store.piece(piece.id) == piece
    [before] = store.backups.glob("library-*T*.zip")
    expect(page.locator("dialog .safe")).to_contain_text(str(before))
    pages.leaving = True
    page.locator("dialog footer button").click()
    expect(page.locator("#manuscript textarea")).to_have_value("Words to keep.", timeout=SOON_MS)
    pages.leaving = False
