"""An adapter on the real page: chosen beside Start, worn by the writer, told of its run, gone when deleted."""

from pathlib import Path

import pytest
from live import SOON_MS, Pages, Studio, done, eventually, write
from lora_files import manifest
from playwright.sync_api import Page, expect

from writer_r1 import adapters
from writer_r1.events import Started

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def trained(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An adapter for the scripted model, and one for a model that is not here."""
    made: Path = tmp_path_factory.mktemp("made")
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    metrics = {"held_out_loss_before": 3.21, "held_out_loss": 2.5}
    adapters.register(made, manifest("sea-1", metrics=metrics), studio.home)
    adapters.register(made, manifest("for another", base="Another", base_sha256="0" * 64), studio.home)


def choose(page: Page, name: str) -> None:
    page.locator("#adapter input").click()
    page.get_by_role("option", name=name).click()


def started(studio: Studio, prompt: str) -> Started:
    """Return how the run for this request began, once it has."""

    def found() -> list[Started]:
        runs = [run.id for run in studio.store.runs() if run.prompt == prompt]
        return [e for run_id in runs for _, e in studio.store.events(run_id) if isinstance(e, Started)]

    eventually(found)
    return found()[0]


def test_an_adapter_is_chosen_worn_and_deleted(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    expect(page.locator("#adapter")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#strength")).to_be_hidden()
    write(page, "A storm")
    done(page)
    assert started(studio, "A storm").adapter == "" and "adapter" not in page.locator("#phase").inner_text()

    choose(page, "sea-1")
    strength = page.locator("#strength input[type=number]")
    expect(strength).to_be_visible(timeout=SOON_MS)
    strength.fill("0.8")
    strength.blur()
    write(page, "A storm, again")
    expect(page.locator("#phase")).to_contain_text("adapter “sea-1” at strength 0.8", timeout=SOON_MS)
    done(page)
    begun = started(studio, "A storm, again")
    assert (begun.adapter, begun.strength) == ("sea-1", 0.8)

    pages.reload(page)
    expect(page.locator("#adapter input")).to_have_value("sea-1", timeout=SOON_MS)
    expect(page.locator("#strength input[type=number]")).to_have_value("0.8")

    page.get_by_role("tab", name="Models").click()
    card = page.locator("[data-adapter='sea-1']")
    expect(card).to_contain_text("in use", timeout=SOON_MS)
    expect(card).to_contain_text("3.21 before, 2.5 after")
    other = page.locator("[data-adapter='for another']")
    expect(other).to_contain_text("is not on this machine")
    expect(other.get_by_role("button", name="Try it in Write")).to_have_count(0)
    card.get_by_role("button", name="Try it in Write").click()
    expect(page.locator("#strength input[type=number]")).to_have_value("1", timeout=SOON_MS)
    expect(page.locator("#brief textarea")).to_be_visible()

    page.get_by_role("tab", name="Models").click()
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the adapter").click()
    expect(card).to_have_count(0, timeout=SOON_MS)
    page.get_by_role("tab", name="Write").click()
    expect(page.locator("#adapter")).to_be_hidden(timeout=SOON_MS)
    write(page, "A storm, at last")
    assert started(studio, "A storm, at last").adapter == ""
    done(page)
    assert [a.name for a in adapters.adapters(studio.home)] == ["for another"]
