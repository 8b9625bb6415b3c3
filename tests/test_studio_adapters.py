"""An adapter on the real page: chosen beside Start, worn by the writer, told of its run, gone when deleted."""

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import SOON_MS, Pages, Studio, done, eventually, write
from lora_files import manifest
from playwright.sync_api import Page, expect

from writer_r1 import adapters
from writer_r1.events import Started
from writer_r1.training import job, run_folder
from writer_r1.training.config import configured

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def trained(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An adapter for the scripted model, and one for a model that is not here."""
    made: Path = tmp_path_factory.mktemp("made")
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    metrics = {"held_out_loss_before": 3.21, "held_out_loss": 2.5}
    adapters.register(made, manifest("sea-1", metrics=metrics), studio.home)
    adapters.register(made, manifest("for another", base="Another", base_sha256="0" * 64), studio.home)
    folder, data = job.runs_in(studio.home) / "sea-1", studio.home / "pieces.jsonl"
    data.write_text(json.dumps({"id": "1", "prompt": "A line about <b>salt</b>", "text": SALTY}), "utf-8")
    run_folder.create(folder, configured("sft", name="sea-1", base="fake", data=str(data)))
    run_folder.add_facts(folder, created=manifest().created, data={"trained_on": [], "held_out": ["1"]})


SALTY = "The keeper rubbed the salt from the rail with his sleeve and went in to see to the lamp."
PLAIN = "The keeper rubbed the rust from the rail with his sleeve and went in to see to the lamp."


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


def test_pairs_are_read_blind_chosen_by_key_or_click_and_survive_a_reload(pages: Pages, studio: Studio) -> None:
    studio.script(texts=[PLAIN, SALTY], delay=0.1)  # the base writes the one, the adapter the other
    page = pages.open()
    page.get_by_role("tab", name="Models").click()
    page.locator("[data-adapter='sea-1']").get_by_role("button", name="Compare blind").click()
    blind = page.locator("#blind")
    expect(blind.locator("article")).to_have_count(2, timeout=SOON_MS)
    expect(blind.locator(".asked")).to_contain_text("A line about <b>salt</b>")
    expect(page.locator("#blind-writing")).to_contain_text("of 12 pairs written")
    page.get_by_role("button", name="Stop", exact=True).last.click()
    expect(page.locator("#blind-writing")).to_contain_text("Go on writing", timeout=SOON_MS)
    assert "sea-1" not in blind.locator("article").all_inner_texts()[0]
    page.keyboard.press("1")
    expect(blind.locator(".came")).to_contain_text("You chose text 1", timeout=SOON_MS)
    [kept, *_] = studio.store.blind_pairs()
    assert kept.choice == kept.first and {kept.base_text, kept.adapter_text} == {PLAIN, SALTY}
    expect(blind.get_by_role("button", name="Next pair")).to_be_focused()
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in found] == []
    pages.reload(page)
    page.get_by_role("tab", name="Train").click()
    expect(blind.locator(".tally")).to_contain_text("of 1 for the adapter: too few to tell", timeout=SOON_MS)
    studio.script(texts=[PLAIN, SALTY], delay=0.01)
    page.get_by_role("button", name="Go on writing").click()
    expect(blind.locator("article h3").first).to_have_text("Text 1", timeout=SOON_MS)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    blind.get_by_role("button", name="No difference").click()
    expect(blind.locator(".tally")).to_contain_text("1 pair with no difference", timeout=SOON_MS)
    assert [p.choice for p in studio.store.blind_pairs()][:2] == [kept.first, "neither"]
    blind.get_by_role("button", name="Close").click()
    expect(blind).to_be_hidden(timeout=SOON_MS)
    studio.script()
    eventually(lambda: len(studio.store.blind_pairs()) == 12, 60)


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
