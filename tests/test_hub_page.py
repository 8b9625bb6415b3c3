"""Finding a model of the hub on the Models page: what it shows, what a click may do; all of it in a real Chromium."""

import json
import time
from collections.abc import Iterator

import pytest
from gguf_bytes import gguf
from hub_stand_in import Hub, hub_here
from test_models_tab import HOSTILE, Card, entry

from writer_r1 import catalog, hub
from writer_r1.looking import Looked, lookups, meant
from writer_r1.machine_memory import Machine
from writer_r1.offers import Found, Offer, Repository
from writer_r1.pulls import pulls_into
from writer_r1.ui import models_tab
from writer_r1.ui.hub_cards import answer
from writer_r1.ui.hub_tab import View, on_act, on_search, show
from writer_r1.workspace import Workspace

REPOSITORY = "maker/Tiny-GGUF"
FILE = f"hf:{REPOSITORY}/tiny-Q8_0.gguf"
MODEL = gguf(tensors=(("w", (1024, 512), 0),))
ROOM = Machine(8 * 10**9, 4 * 10**9)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_here(monkeypatch) as made:
        made.files[REPOSITORY] = {"tiny-Q8_0.gguf": MODEL}
        made.files["maker/Gated-GGUF"] = {"g-Q8_0.gguf": MODEL}
        made.kind["maker/Gated-GGUF"] = "gated"
        yield made


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Iterator[Workspace]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/catalog.json").write_text(json.dumps([entry("small", "starter"), entry("large", "standard")]))
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    made = Workspace()
    yield made
    pulls_into(made.models).close()
    made.close()


def shown(looked: Looked, here=None, back: bool = False) -> Card:
    return Card(answer(looked, "hub.example", ROOM, here or {}, back))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (" llama  instruct ", "llama instruct"),
        ("maker/Tiny", "hf:maker/Tiny"),
        ("hf:maker/Tiny/a.gguf", "hf:maker/Tiny"),
        ("https://huggingface.co/maker/Tiny/", "hf:maker/Tiny"),
        ("and/or not", "and/or not"),
        ("", ""),
    ],
)
def test_an_id_and_an_address_mean_a_repository_and_all_else_is_words(words, what):
    assert meant(words) == what


def test_a_search_leads_to_a_repository_to_a_download_and_back(site, workspace):
    html, view, timer = on_search(workspace, "gguf")
    assert "2 found" in html and "Downloads: 1,234 · licence apache-2.0" in html and not timer.active
    html, view, _ = on_act(workspace, view, {"act": "open", "id": f"hf:{REPOSITORY}"})
    card = Card(html)
    assert (
        card.acts == ["back", "get"] and "Q8_0, 2 MB" in card.text and "Fits: needs about 3 MB of memory" in card.text
    )
    html, view, _ = on_act(workspace, view, {"act": "get", "id": FILE})
    assert "On your list above" in html or "On this machine" in html
    deadline = time.monotonic() + 30
    while pulls_into(workspace.models).running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "On this machine" in show(workspace, view)[0]
    mine = Card(models_tab.show(workspace, [])[0], "tiny-q8_0")
    assert "Chosen on the model hub, maker/Tiny-GGUF" in mine.text and "remove" in mine.acts
    assert view == View("gguf", f"hf:{REPOSITORY}") and "2 found" in on_act(workspace, view, {"act": "back"})[0]


def test_a_model_of_the_hub_can_be_removed_and_then_taken_off_the_list(site, workspace):
    on_act(workspace, on_search(workspace, REPOSITORY)[1], {"act": "get", "id": FILE})
    while pulls_into(workspace.models).running():
        time.sleep(0.02)
    acts = lambda: Card(models_tab.show(workspace, [])[0], "tiny-q8_0").acts  # noqa: E731
    assert "remove" in acts() and "forget" not in acts()
    models_tab.on_act(workspace, [], {"act": "remove", "name": "tiny-q8_0"})
    assert acts() == ["download", "forget"]
    models_tab.on_act(workspace, [], {"act": "forget", "name": "tiny-q8_0"})
    assert len(catalog.rows(workspace.models)) == 2


@pytest.mark.parametrize(
    "wish",
    [
        {"act": "get", "id": "hf:maker/Other/x.gguf"},
        {"act": "get"},
        {"act": "open", "id": "hf:somebody/else"},
        {"act": "open", "id": "../../etc/passwd"},
        {"act": "explode", "id": FILE},
        {"act": ""},
    ],
)
def test_what_no_button_could_have_sent_asks_and_fetches_nothing(site, workspace, wish):
    _, view, _ = on_search(workspace, "tiny")
    site.seen.clear()
    on_act(workspace, view, wish)
    assert site.seen == [] and pulls_into(workspace.models).running() == [] and len(catalog.rows(workspace.models)) == 2


def test_showing_the_page_and_an_empty_search_ask_nothing(site, workspace):
    models_tab.show(workspace, [])
    assert show(workspace, View())[0] == on_search(workspace, "  ")[0] == "" and site.seen == []


def test_a_gated_repository_says_where_to_go_and_offers_no_download(site, workspace):
    card = Card(on_search(workspace, "maker/Gated-GGUF")[0])
    assert "accept its terms at http" in card.text and "HF_TOKEN" in card.text and card.acts == []


def test_what_the_hub_refuses_is_said_and_can_be_asked_again(site, workspace):
    assert "has no repository maker/none" in Card(on_search(workspace, "maker/none")[0]).text
    site.files["maker/none"] = {"n-Q8_0.gguf": MODEL}
    assert "n-Q8_0.gguf" in on_search(workspace, "maker/none")[0]
    assert "Try fewer words" in on_search(workspace, "no such words")[0]


def test_an_answer_that_takes_long_can_be_stopped(site, workspace, monkeypatch):
    monkeypatch.setattr(hub, "get", lambda *_: time.sleep(3))
    lookups().start("slow words")
    html, view, timer = show(workspace, View("slow words"))
    assert "is being asked" in html and Card(html).acts == ["stop"] and timer.active
    html, _, timer = on_act(workspace, view, {"act": "stop"})
    assert html == "" and not timer.active


def test_every_word_of_the_hub_is_escaped():
    offers = tuple(Offer(HOSTILE, HOSTILE, 1, 1, 1, (), refusal) for refusal in ("", HOSTILE))
    repository = Repository(HOSTILE, HOSTILE, 1, HOSTILE, True, offers)
    answers = [
        Looked("done", (Found(HOSTILE, 1, HOSTILE, True),)),
        Looked("done", repository=repository),
        Looked("done", repository=repository._replace(closed=HOSTILE)),
        Looked("done", repository=repository._replace(offers=())),
        Looked("failed", message=HOSTILE),
    ]
    for looked in answers:
        assert {"script", "img"}.isdisjoint(shown(looked).tags)
        assert {"script", "img"}.isdisjoint(Card(answer(looked, HOSTILE, ROOM, {HOSTILE: "ready"}, True)).tags)


def test_a_model_larger_than_this_machine_is_told_and_still_offered():
    large = Offer("hf:a/b/c.gguf", "Q8_0", 9 * 10**9, 10 * 10**9, 8192, ())
    card = shown(Looked("done", repository=Repository("a/b", "c", 1, "mit", False, (large,))))
    assert "Does not fit: needs about 10.0 GB of memory, a context of 8,192 tokens included" in card.text
    assert card.acts == ["get"]


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_model_is_found_downloaded_stopped_and_gone_on_with_in_the_page(site, browser, tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from live import SOON_MS, Pages, Studio
    from playwright.sync_api import expect

    studio = Studio(tmp_path)
    studio.environment |= {"HF_ENDPOINT": site.url, "HF_HUB_OFFLINE": "0"}
    studio.start()
    pages = Pages(browser, studio)
    try:
        page = pages.open(390)
        page.keyboard.press("Alt+4")
        words = page.locator("#hub-words input, #hub-words textarea")
        expect(words).to_be_visible(timeout=SOON_MS)
        assert site.seen == []  # opening the page asks nothing
        words.fill("tiny")
        words.press("Enter")
        page.get_by_role("button", name=f"See its files: {REPOSITORY}").click(timeout=SOON_MS)
        get = page.get_by_role("button", name="Download 2 MB: tiny-Q8_0.gguf")
        expect(get).to_be_visible(timeout=SOON_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        found = Axe().run(page, context="#hub").response["violations"]
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
        site.trouble["tiny-Q8_0.gguf"] = "slow"
        get.focus()
        page.keyboard.press("Enter")
        card = page.locator("#models [data-model=tiny-q8_0]")
        expect(card.get_by_role("progressbar")).to_be_visible(timeout=SOON_MS)
        expect(card).to_contain_text("1 of 2 MB", timeout=SOON_MS)
        card.get_by_role("button", name="Cancel").click()
        card.get_by_role("button", name="Resume").click(timeout=SOON_MS)
        site.go_on.set()
        expect(card.get_by_role("button", name="Use for writing")).to_be_visible(timeout=SOON_MS)
        assert [r for r in site.ranges() if r.startswith("bytes=")]  # it went on, and did not begin again
        assert pages.faults == []
    finally:
        pages.close()
        studio.stop()
