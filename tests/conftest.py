"""Every test has its own home, models and lock folder; those marked `model` see the checkout's weights."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
import pytest

from writer_r1.workspace import Workspace

if TYPE_CHECKING:
    from live import Pages, Studio
    from playwright.sync_api import Browser
    from training_runs import Begin

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "models"
STARTER = MODELS / "SmolLM2-135M-Instruct.Q4_1.gguf"


def isolated(folder: Path, models: Path) -> dict[str, str]:
    """Return the variables that keep a process away from everything of the user's."""
    lock_folder = folder / "tmp"
    lock_folder.mkdir(parents=True, exist_ok=True)
    return {
        "WRITER_R1_HOME": str(folder / "home"),
        "WRITER_R1_MODELS": str(models),
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "TMPDIR": str(lock_folder),  # the machine-wide model lock lies there
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # loading and decoding take a slow machine minutes
        if item.get_closest_marker("model") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(autouse=True)
def own_places(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = request.node.get_closest_marker("model") is not None
    for name, value in isolated(tmp_path, MODELS if real else tmp_path / "models").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)  # else the folder found first is kept
    if real:
        require_starter()
    else:  # a scripted judge is told by its digits
        monkeypatch.setattr(Workspace, "readers", lambda self, model: None)
        monkeypatch.setattr("writer_r1.qualification.fit_id", lambda model, home: "")


def require_starter() -> None:
    if not STARTER.exists():
        pytest.fail("The starter model is missing: run make models", pytrace=False)


@pytest.fixture
def begin_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Begin"]:
    """Begin training runs in this test's home."""
    from training_runs import beginning

    with beginning(tmp_path / "home", monkeypatch) as begin:
        yield begin


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = chromium.find(playwright.chromium.executable_path)
        with playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS) as opened:
            yield opened


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Studio"]:
    """A studio of the module's own, with a scripted model."""
    from live import Studio

    live = Studio(tmp_path_factory.mktemp("studio"))
    live.start()
    yield live
    live.stop()


@pytest.fixture
def pages(browser: "Browser", studio: "Studio") -> Iterator["Pages"]:
    """Pages of that studio; any fault of theirs fails the test."""
    from live import Pages

    opened = Pages(browser, studio)
    yield opened
    opened.close()
    assert opened.faults == []
