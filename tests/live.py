"""A studio that runs as a process of its own, and pages of it that fail their test on any fault of theirs."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from conftest import ROOT, isolated
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from writer_r1.store import Store
from writer_r1.ui.app import free_port

SOON_MS = 20_000  # long, because others may use the two cores
expect.set_options(timeout=SOON_MS)
# What gradio itself logs when a page is left, or its studio goes, while it follows a run.
FAREWELL = (
    "AbortError: signal is aborted",
    "Unexpected error Connection errored out",
    "TypeError: network error",
    "Failed to load resource: net::",
)


class Studio:
    """A studio on one port and one home, however often it is started: the real one, or one with a scripted model."""

    def __init__(self, folder: Path, weights: Path | None = None, writers: Path | None = None) -> None:
        self.port = free_port(0)
        self.address = f"http://127.0.0.1:{self.port}"
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.environment = isolated(folder, weights or folder / "weights") | {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
        }
        flags = ["--port", str(self.port), "--no-browser"]
        fake = [str(ROOT / "tests" / "fake_studio.py"), str(self.home), str(self.port)]
        fake += [str(writers)] if writers else []
        self.command = [sys.executable, *(["app.py", *flags] if weights else fake)]

    @property
    def store(self) -> Store:
        return Store(self.home / "library.db")

    def script(self, **told: Any) -> None:
        """Tell the scripted model what to do from now on."""
        (self.home / "script.json").write_text(json.dumps(told), "utf-8")

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line == f"Writer-R1 Studio: {self.address}\n", line + self.process.stderr.read()

    def stop(self) -> None:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=30)
        assert "Traceback" not in errors, errors

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


class Pages:
    """Pages of a studio, each in a browser of its own, and what went wrong in any of them."""

    def __init__(self, browser: Browser, studio: Studio) -> None:
        self.browser, self.studio = browser, studio
        self.faults: list[str] = []
        self.leaving = False

    def open(self, width: int = 1440, query: str = "", **context: Any) -> Page:
        room = self.browser.new_context(viewport={"width": width, "height": 900}, **context)
        return self.tab(room.new_page(), query)

    def tab(self, page: Page, query: str = "") -> Page:
        page.on("console", self._read)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._check)
        page.goto(self.studio.address + query)
        expect(page.locator("#phase .phase")).to_be_visible(timeout=SOON_MS)
        expect(page.locator("#library .shelf")).to_be_attached(timeout=SOON_MS)
        return page

    def reload(self, page: Page) -> None:
        self.leaving = True
        page.reload()
        expect(page.locator("#library .shelf")).to_be_attached(timeout=SOON_MS)
        self.leaving = False

    def close(self) -> None:
        for context in self.browser.contexts:
            context.close()

    def _read(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not (self.leaving and message.text.startswith(FAREWELL)):
            self.faults.append(f"console: {message.text}")

    def _check(self, request: Request) -> None:
        if not request.url.startswith((self.studio.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")


def write(page: Page, brief: str, rounds: int = 0) -> None:
    """Type a brief, set the rounds, and start with the keyboard."""
    box = page.locator("#brief textarea")
    box.fill(brief)
    page.locator("#count input[type=number]").fill(str(rounds))
    box.focus()
    page.keyboard.press("Control+Enter")


def done(page: Page, timeout: int = 60_000) -> None:
    """Wait until the run shown has ended well."""
    expect(page.locator("#phase .phase.done")).to_be_visible(timeout=timeout)


def eventually(condition: Any, seconds: float = 60.0) -> None:
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
