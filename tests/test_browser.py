"""The page in a real Chromium on a live studio with the real starter model, as a user meets it.

Every page fails its test on an error in its console or a request to another host.
"""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MODELS, ROOT, STARTER, isolated, require_starter
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from writer_r1.store import Store
from writer_r1.ui.app import free_port

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(900)]

# The page alone; from one step of the model to the next; a whole run. Long, because others may use the two cores.
SOON_MS, MODEL_MS, RUN_MS = 20_000, 240_000, 400_000
BRIEF = "A story of about 600 words about a lighthouse keeper who leaves the lamp to a girl from the village."
WRITING = "#manuscript .text.writing"
# What gradio itself logs when a page is left while it follows a run.
FAREWELL = ("AbortError: signal is aborted", "Unexpected error Connection errored out")


class Studio:
    """`app.py` as a process of its own, on one port and one home however often it is started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(0)
        self.address = f"http://127.0.0.1:{self.port}"
        self.store_path = folder / "home" / "library.db"
        weights = folder / "weights"  # the starter alone, or the best model of this machine would write
        weights.mkdir()
        for file in MODELS.glob(f"{STARTER.name}*"):
            (weights / file.name).symlink_to(file)
        self.environment = isolated(folder, weights) | {"PATH": "/usr/bin:/bin"}

    def start(self) -> None:
        command = [sys.executable, "app.py", "--port", str(self.port), "--no-browser"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line == f"Writer-R1 Studio: {self.address}\n", line + self.process.stderr.read()

    def stop(self) -> None:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=30)
        assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    require_starter()
    live = Studio(tmp_path_factory.mktemp("studio"))
    live.start()
    yield live
    live.stop()


class Pages:
    """Pages of this studio, each in a browser of its own, and what went wrong in any of them."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.faults: list[str] = []
        self.leaving = False

    def open(self, width: int = 1440, query: str = "") -> Page:
        page = self.browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.on("console", self._read)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._check)
        page.goto(self.address + query)
        expect(page.locator("#phase .phase")).to_be_visible(timeout=SOON_MS)
        return page

    def reload(self, page: Page) -> None:
        self.leaving = True
        page.reload()
        self.leaving = False

    def _read(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not (self.leaving and message.text.startswith(FAREWELL)):
            self.faults.append(f"console: {message.text}")

    def _check(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")


@pytest.fixture
def pages(browser: Browser, studio: Studio) -> Iterator[Pages]:
    opened = Pages(browser, studio.address)
    yield opened
    for context in browser.contexts:
        context.close()
    assert opened.faults == []


def begin(page: Page, brief: str, rounds: int) -> None:
    """Type a brief, set the rounds, and start with the keyboard."""
    box = page.locator("#brief textarea")
    box.fill(brief)
    page.locator("#count input[type=number]").fill(str(rounds))
    box.focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)


def grown(page: Page, beyond: int) -> str:
    """Return the manuscript once it is longer than `beyond` characters."""
    page.wait_for_function(
        "n => (document.querySelector('#manuscript .text')?.innerText.length ?? 0) > n", arg=beyond, timeout=MODEL_MS
    )
    return page.locator("#manuscript .text").inner_text()


def status_for(studio: Studio, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=10)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status


def test_a_brief_becomes_criteria_a_draft_scores_and_a_revision_through_a_reload_and_a_restart(
    studio: Studio, pages: Pages
) -> None:
    page = pages.open()
    begin(page, BRIEF, rounds=1)
    expect(page.locator("#criteria .chip").first).to_be_visible(timeout=MODEL_MS)
    expect(page.locator("#criteria .criterion:not(.ghost)").first).to_be_visible(timeout=MODEL_MS)
    criteria = page.locator("#criteria .criterion").count()
    assert criteria >= 3

    expect(page.locator(WRITING)).to_be_visible(timeout=MODEL_MS)
    first = grown(page, 0)
    second = grown(page, len(first))
    assert second.startswith(first.rstrip())
    pages.reload(page)
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    assert grown(page, len(second)).startswith(second.rstrip())  # written while the page was away, or since
    expect(page.locator("#brief textarea")).to_have_value(BRIEF)
    run = re.search(r"[?&]run=(\w+)", page.url)
    assert run

    expect(page.locator("#phase .phase.done")).to_be_visible(timeout=RUN_MS)
    expect(page.locator("#phase")).to_contain_text("Done")
    expect(page.locator("#criteria .bar")).to_have_count(criteria)
    values = page.locator("#criteria .bar .value").all_inner_texts()
    assert all(re.fullmatch(r"10\.0|[1-9]\.\d|—", v) for v in values) and set(values) != {"—"}
    expect(page.locator("#rounds .round h3")).to_have_text(["First draft", "Round 1"])
    expect(page.locator("#rounds .badge")).to_have_count(1)
    expect(page.locator("#criteria")).to_contain_text("a guide, not a verdict")
    text = page.locator("#manuscript .text").inner_text()
    elsewhere = pages.open()  # another browser, which was told no run
    expect(elsewhere.locator("#manuscript .text")).to_have_text(text, use_inner_text=True, timeout=SOON_MS)
    elsewhere.context.close()
    page.context.close()

    studio.stop()
    studio.start()
    page = pages.open(query=f"?run={run[1]}")
    expect(page.locator("#manuscript .text")).to_have_text(text, use_inner_text=True, timeout=SOON_MS)


def test_stop_keeps_the_text_and_says_who_stopped(studio: Studio, pages: Pages) -> None:
    page = pages.open()
    begin(page, BRIEF.replace("lamp", "boat"), rounds=3)
    expect(page.locator("#stop")).to_be_enabled()
    expect(page.locator(WRITING)).to_be_visible(timeout=MODEL_MS)
    written = grown(page, 20)
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator("#stop")).to_be_disabled()
    kept = page.locator("#manuscript .text").inner_text()
    assert kept.startswith(written.rstrip())
    store = Store(studio.store_path)
    run = store.latest()
    assert run is not None
    stopped = store.run(run)
    assert stopped is not None and stopped.state == "stopped"
    pages.reload(page)
    expect(page.locator("#manuscript .text")).to_have_text(kept, use_inner_text=True, timeout=SOON_MS)


def test_a_typed_brief_outlives_a_reload_and_what_is_opened_stays_open(pages: Pages) -> None:
    page = pages.open()
    box = page.locator("#brief textarea")
    box.fill("")
    page.get_by_role("button", name="The last bus").click()
    expect(box).to_have_value(re.compile("last bus of the night"))
    box.press_sequentially(" Twelve lines.")
    page.wait_for_timeout(600)
    pages.reload(page)
    expect(box).to_have_value(re.compile(r"Twelve lines\.$"), timeout=SOON_MS)
    summary = page.locator("#criteria details[data-key]").first
    if summary.count():
        summary.locator("summary").click()
        page.evaluate(
            "document.querySelector('#criteria details[data-key]').removeAttribute('open')"
        )  # as an update does
        expect(summary).to_have_attribute("open", "")


def test_an_empty_brief_is_answered_at_once_and_an_old_text_stays(pages: Pages) -> None:
    page = pages.open()
    page.locator("#brief textarea").fill("")
    page.locator("#start").click()
    expect(page.locator("#trouble")).to_contain_text("Say in a sentence what the piece should do", timeout=SOON_MS)
    expect(page.locator("#start")).to_be_enabled()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_scrolls_sideways_and_stop_is_in_sight_wherever_one_reads(pages: Pages, width: int) -> None:
    page = pages.open(width)
    expect(page.locator("#manuscript .sheet")).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#stop")).to_be_in_viewport()


def test_a_foreign_host_is_refused(studio: Studio) -> None:
    assert status_for(studio, "evil.example") == 400
    assert status_for(studio, f"127.0.0.1:{studio.port}") == 200
