"""The page in a real Chromium on a live studio with the real starter model, as a user meets it.

Every page fails its test on an error in its console or a request to another host.
"""

import http.client
import re
from collections.abc import Iterator

import pytest
from conftest import MODELS, STARTER, require_starter
from live import SOON_MS, Pages, Studio, write
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(900)]

# From one step of the model to the next; a whole run. Long, because others may use the two cores.
MODEL_MS, RUN_MS = 240_000, 400_000
BRIEF = "A story of about 600 words about a lighthouse keeper who leaves the lamp to a girl from the village."
WRITING = "#sheet .text.writing"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    require_starter()
    folder = tmp_path_factory.mktemp("studio")
    weights = folder / "weights"  # the starter alone, or the best model of this machine would write
    weights.mkdir()
    for file in MODELS.glob(f"{STARTER.name}*"):
        (weights / file.name).symlink_to(file)
    live = Studio(folder, weights)
    live.start()
    yield live
    live.stop()


def grown(page: Page, beyond: int) -> str:
    """Return the manuscript once it is longer than `beyond` characters."""
    page.wait_for_function(
        "n => (document.querySelector('#sheet .text')?.innerText.length ?? 0) > n", arg=beyond, timeout=MODEL_MS
    )
    return page.locator("#sheet .text").inner_text()


def status_for(studio: Studio, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=10)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status


def test_a_brief_becomes_criteria_a_draft_scores_and_a_revision_through_a_reload_and_a_restart(
    studio: Studio, pages: Pages
) -> None:
    page = pages.open()
    write(page, BRIEF, rounds=1)
    expect(page.locator("#criteria .chip").first).to_be_visible(timeout=MODEL_MS)
    expect(page.locator("#criteria .criterion[role=listitem]").first).to_be_visible(timeout=MODEL_MS)
    criteria = page.locator("#criteria .criterion[role=listitem]").count()
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
    expect(page.locator("#criteria .criterion[role=listitem] .bar")).to_have_count(criteria)
    values = page.locator("#criteria .criterion[role=listitem] .bar .value").all_inner_texts()
    assert all(re.fullmatch(r"10\.0|[1-9]\.\d|—", v) for v in values) and set(values) != {"—"}
    expect(page.locator("#rounds")).to_contain_text("First draft")
    expect(page.locator("#rounds")).to_contain_text("Round 1")
    expect(page.locator("#criteria")).to_contain_text("a guide, not a verdict")
    text = page.locator("#sheet .text").inner_text()
    elsewhere = pages.open()  # another browser, which was told no run
    expect(elsewhere.locator("#sheet .text")).to_have_text(text, use_inner_text=True, timeout=SOON_MS)
    elsewhere.context.close()
    page.context.close()

    studio.stop()
    studio.start()
    page = pages.open(query=f"?run={run[1]}")
    expect(page.locator("#sheet .text")).to_have_text(text, use_inner_text=True, timeout=SOON_MS)


def test_stop_keeps_the_text_and_says_who_stopped(studio: Studio, pages: Pages) -> None:
    page = pages.open()
    write(page, BRIEF.replace("lamp", "boat"), rounds=3)
    expect(page.locator("#stop")).to_be_enabled()
    expect(page.locator(WRITING)).to_be_visible(timeout=MODEL_MS)
    written = grown(page, 20)
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator("#stop")).to_be_disabled()
    kept = page.locator("#sheet .text").inner_text()
    assert kept.startswith(written.rstrip())
    store = studio.store
    run = store.latest()
    assert run is not None
    stopped = store.run(run)
    assert stopped is not None and stopped.state == "stopped"
    pages.reload(page)
    expect(page.locator("#sheet .text")).to_have_text(kept, use_inner_text=True, timeout=SOON_MS)


def test_a_foreign_host_is_refused(studio: Studio) -> None:
    """Acceptance 14, the foreign host, of the page's design."""
    assert status_for(studio, "evil.example") == 400
    assert status_for(studio, f"127.0.0.1:{studio.port}") == 200
