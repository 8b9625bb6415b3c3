"""A run is planned, begun, watched, stopped, gone on with and discarded on the page, in a real Chromium.

The run's process is real and has no model (`training_child.py`); the studio that began it is killed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import SOON_MS, Pages, Studio, eventually
from playwright.sync_api import Locator, Page, expect
from test_run_history import made
from test_training_plan import base_folder

from writer_r1.material import chosen_at, tried_at
from writer_r1.training import job, run_folder
from writer_r1.training.deletion import delete
from writer_r1.training.plan import Plan, keep_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def no_run_is_left(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TMPDIR", studio.environment["TMPDIR"])
    (studio.home / "training_plan.json").write_text(
        json.dumps({"base": base_folder(tmp_path), "numbers": {"steps": 400}})
    )
    tell(studio)
    yield
    for folder in job.folders(studio.home):
        job._end_process(folder, 1.0)
        delete(folder)


def tell(studio: Studio, **told: object) -> None:
    """Tell the training processes that begin from now on what to do."""
    (studio.home / "training.json").write_text(json.dumps({"pause": 0.05, **told}))


def train(page: Page) -> Locator:
    """Go to the Train tab and return its Start button."""
    page.keyboard.press("Alt+3")
    expect(page.locator("#train-ready .checklist")).to_be_visible(timeout=SOON_MS)
    return page.locator("#train-start")


def begun(page: Page) -> Locator:
    """Begin the run that is planned and return its board."""
    start = train(page)
    expect(start).to_have_text("Start training", timeout=SOON_MS)
    start.click()
    run = page.locator("#train-run .run")
    expect(run).to_be_visible(timeout=SOON_MS)
    return run


def test_the_form_says_what_is_missing_and_outlives_a_reload(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    start = train(page)
    expect(start).to_have_text("Start training")
    page.get_by_label("A file or folder").check()
    expect(start).to_have_text("Choose what to learn from", timeout=SOON_MS)
    expect(start).to_be_disabled()
    rows = [
        json.dumps({"prompt": f"Lamp {i}", "text": f"The lamp {i} stood in the window, <b>unasked</b> for."})
        for i in range(16)
    ]
    file = studio.home / "rows.jsonl"
    file.write_text("\n".join([*rows, '{"prompt": "cut']))
    page.locator("#train-path :is(input, textarea)").fill(str(file))
    page.keyboard.press("Enter")
    side = page.locator("#train-ready")
    expect(side).to_contain_text("16 pieces to learn from; 1 row left out", timeout=SOON_MS)
    expect(side).to_contain_text("rows.jsonl, line 17: broken JSON")
    expect(start).to_have_text("Start training")
    side.get_by_text("The first rows").click()
    expect(side.locator(".rows mark").first).to_have_text("The lamp 0 stood in the window, <b>unasked</b> for.")
    page.locator("#train-name input, #train-name textarea").fill("a/b")
    page.keyboard.press("Tab")
    expect(start).to_have_text("Choose another name", timeout=SOON_MS)
    pages.reload(page)
    expect(train(page)).to_have_text("Choose another name", timeout=SOON_MS)
    expect(page.locator("#train-path :is(input, textarea)")).to_have_value(str(file))
    page.get_by_role("button", name="Change the name").click()
    expect(page.locator("#train-name :is(input, textarea)")).to_be_focused()


def test_a_run_outlives_the_page_and_a_killed_studio_and_is_stopped_from_a_phone(pages: Pages, studio: Studio) -> None:
    """Acceptance 2 of the page's design."""
    tell(studio, pause=0.2)
    page = pages.open()
    run = begun(page)
    expect(run).to_contain_text(re.compile(r"step [1-9]\d* of 400\s*about .* left"), timeout=SOON_MS)
    expect(run.locator(".curve .s1").first).to_be_attached(timeout=SOON_MS)
    expect(run.locator(".samples blockquote").first).to_contain_text("<b>Nothing</b>")
    page.keyboard.press("Alt+1")
    expect(page.locator("#beside")).to_contain_text("“my-style” is training on this machine", timeout=SOON_MS)
    page.context.close()  # else it rightly complains of a studio that is gone
    studio.kill()
    folder = job.runs_in(studio.home) / "my-style"
    at = max(row["step"] for row in run_folder.metrics(folder))
    studio.start()
    eventually(lambda: max(row["step"] for row in run_folder.metrics(folder)) > at)
    phone = pages.open(390)
    train(phone)
    run = phone.locator("#train-run .run.live")
    expect(run).to_be_visible(timeout=SOON_MS)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    run.get_by_role("button", name="Stop and save").click()
    expect(phone.locator("#train-run .phase")).to_contain_text("Stopped and saved", timeout=SOON_MS)
    resume = phone.get_by_role("button", name="Resume")
    resume.click()
    expect(phone.locator("#train-run .run.live")).to_be_visible(timeout=SOON_MS)
    phone.get_by_role("button", name="Discard…").click()
    phone.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(phone.locator("#train-run .phase")).to_contain_text("Discarded", timeout=SOON_MS)
    expect(phone.get_by_role("button", name="Resume")).to_have_count(0)
    phone.get_by_role("button", name="Delete…").click()
    phone.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(phone.locator("#train-runs")).to_contain_text("No runs yet", timeout=SOON_MS)
    assert not folder.exists()


def test_runs_are_named_noted_laid_over_each_other_and_fill_the_form(pages: Pages, studio: Studio) -> None:
    for name in ("first", "second"):
        made(studio.home, name)
    page = pages.open()
    train(page)
    run = page.locator("#train-run .run")
    run.get_by_role("button", name="Name and note…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("n" * 300)
    page.evaluate("document.querySelector('dialog [name=title]').removeAttribute('maxlength')")
    dialog.get_by_label("What you call this run").fill("x" * 81)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("shorten what you typed", timeout=SOON_MS)
    expect(dialog.get_by_label("Note")).to_have_value("n" * 300)
    dialog.get_by_label("What you call this run").fill("Salty <b>sea</b>")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0, timeout=SOON_MS)
    expect(run.get_by_role("heading", name="Salty <b>sea</b>")).to_be_visible(timeout=SOON_MS)
    for button in page.locator("#train-runs .pick").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    overlay = page.locator("#train-overlay .overlay")
    expect(overlay.locator(".key li")).to_have_count(2, timeout=SOON_MS)
    overlay.get_by_role("button", name="Loss in training").click()
    expect(overlay.locator("figcaption")).to_have_text("Loss in training, smoothed", timeout=SOON_MS)
    run.get_by_text("Settings of this run").click()
    with page.expect_download() as saved:
        run.get_by_role("link", name="Download config").click()
    assert json.loads(saved.value.path().read_text("utf-8"))["learning_rate"] == 5e-4
    page.locator("#train-preset").get_by_label("Thorough").check()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    run.get_by_role("button", name="Fill the form from this run").click()
    expect(page.locator("#train-preset").get_by_label("Quick try")).to_be_checked(timeout=SOON_MS)
    expect(page.locator("#train-form")).to_be_in_viewport()


def test_traces_are_made_beside_the_page_and_requests_parted_by_limits(pages: Pages, studio: Studio) -> None:
    keep_plan(studio.home, Plan(base="fake"))
    studio.script(delay=0.004)
    means = (0.1, 0.4, 0.5, 0.7, 0.9)
    rows = [
        {"id": f"d-{m}", "prompt": f"A scene, {m}.", "rewards": [m - 0.1, m + 0.1], "noise": 0.05, "mean": m}
        for m in means
    ]
    tried = tried_at(studio.home, "fake", "fake", 8)
    tried.parent.mkdir()
    tried.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    page = pages.open()
    train(page)
    card = page.locator("#train-thoughts")
    card.get_by_role("button", name="Make traces").click()
    expect(card.get_by_role("progressbar")).to_be_visible(timeout=SOON_MS)
    expect(card).to_contain_text(re.compile(r"\d+ of 60 requests · \d+ kept so far · "), timeout=SOON_MS)
    pages.reload(page)
    train(page)
    card.get_by_role("button", name="Stop").click()
    expect(card).to_contain_text("What was made is kept; it goes on from there.", timeout=SOON_MS)
    result = page.locator("#train-tried")
    expect(result).to_contain_text("3 of 5 requests stay.")
    page.locator("#low input").fill("0.45")
    expect(result).to_contain_text("2 of 5 requests stay.", timeout=SOON_MS)
    page.locator("#noise input").fill("0.2")
    expect(result).to_contain_text("0 of 5 requests stay.", timeout=SOON_MS)
    page.locator("#noise input").fill("")
    expect(result).to_contain_text("2 of 5 requests stay.", timeout=SOON_MS)
    expect(result.locator("svg[role=img]")).to_be_visible()
    pages.reload(page)
    train(page)
    expect(page.locator("#low input")).to_have_value("0.45", timeout=SOON_MS)
    result.get_by_role("button", name="Practise on these").click()
    expect(page.locator("#train-goal").get_by_label("Write to these criteria")).to_be_checked(timeout=SOON_MS)
    expect(page.locator("#train-path :is(input, textarea)")).to_have_value(str(chosen_at(studio.home)))
    expect(page.locator("#train-ready")).to_contain_text("2 requests to learn from", timeout=SOON_MS)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_failure_says_what_is_safe_and_retry_smaller_fills_the_form(
    pages: Pages, studio: Studio, scheme: str
) -> None:
    """Acceptance 9, the card, of the page's design."""
    from axe_playwright_python.sync_playwright import Axe

    tell(studio, pause=0.0, die=12)
    page = pages.open(color_scheme=scheme)
    run = begun(page)
    expect(run).to_contain_text("Failed: too little memory", timeout=SOON_MS)
    expect(run).to_contain_text("resume goes on from step 10")
    expect(run.locator("details[open] pre")).to_contain_text("MemoryError: no room")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in found] == []
    run.get_by_role("button", name="Retry smaller").click()
    page.get_by_role("button", name="Numbers").click()
    expect(page.locator("#train-batch input")).to_have_value("2", timeout=SOON_MS)
