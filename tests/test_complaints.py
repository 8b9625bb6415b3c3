"""What people who write with such tools complain of, each with a test that is named after it.

The complaints are those of the page's design: W of writing, J of judging. Most are tested where their module is; here
is what each says, that each has its test, and those tests that belong to no other module.
"""

import re
import time
from pathlib import Path

import psutil
import pytest
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Request, expect
from test_differences import novel
from test_studio_pages import new

COMPLAINTS = {
    "w1": "Text is lost: the tab is closed, another address opened, the page loaded anew.",
    "w2": "A server that started again behind an open page, or a stale page, writes over what is newer.",
    "w3": "What was typed is thrown away because no model is there.",
    "w4": "Text that was arriving is gone when the studio dies.",
    "w5": "Undo does not know one's own edits, or goes one step only.",
    "w6": "There is no way back to an earlier point, and on from there.",
    "w7": "To edit a text deletes what followed it.",
    "w8": "Suggestions are put in unasked, whole, and without a reason.",
    "w9": "Stop does more than stop.",
    "w10": "Typing lags, for each key asks the server.",
    "w11": "The prose is not in my voice.",
    "w12": "My manuscript leaves my machine.",
    "j1": "A score is a verdict, and its flaws are invented.",
    "j2": "One judgement is luck.",
    "j3": "Nobody can see where a score came from.",
    "j4": "A text cannot be held against that of another time.",
    "j5": "Each revision breaks what the last one mended.",
}
BRIEF = "A farewell from a lighthouse keeper to the sea."
HERE = Path(__file__).parent


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_each_complaint_has_a_test_named_after_it(complaint: str) -> None:
    files = [path.read_text("utf-8") for path in HERE.glob("test_*.py")]
    assert any(re.search(rf"^def test_(?:\w+_)?{complaint}_\w+", text, re.MULTILINE) for text in files)


@pytest.mark.browser
def test_w1_what_was_typed_half_a_second_ago_outlives_a_closed_tab_and_another_address(
    pages: Pages, studio: Studio
) -> None:
    page = pages.open()
    new(page)
    said = "Nobody saved this before the tab went."
    page.locator("#manuscript textarea").fill(said)
    page.wait_for_timeout(500)  # the library is told after three seconds
    room = page.context
    pages.leaving = True
    page.goto("about:blank")
    page.close()
    page = pages.tab(room.new_page())
    expect(page.locator("#manuscript textarea")).to_have_value(said, timeout=SOON_MS)
    eventually(lambda: any(p.text == said for p in studio.store.pieces()))


@pytest.mark.browser
def test_w4_what_had_arrived_when_the_studio_died_is_there_when_it_is_back(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    new(page)
    studio.script(delay=0.05)
    write(page, BRIEF)
    text = page.locator("#sheet .text")
    page.wait_for_function("document.querySelector('#sheet .text')?.innerText.length > 200", timeout=SOON_MS)
    time.sleep(1.5)  # what is older than a second is in the library
    arrived = text.inner_text()[:150]
    pages.leaving, room = True, page.context
    studio.kill()
    page.close()
    studio.start()
    page = pages.tab(room.new_page())
    expect(page.locator("#sheet .text")).to_contain_text(arrived.split("\n")[0], timeout=SOON_MS)
    expect(page.locator("#phase")).to_contain_text("nterrupted")
    studio.script()


@pytest.mark.alone
@pytest.mark.browser
def test_w10_keys_in_a_long_manuscript_ask_the_studio_nothing_and_are_counted_at_once(
    pages: Pages, studio: Studio
) -> None:
    text = " ".join(" ".join(s) + "." for s in novel(8000, seed=2))
    piece = studio.store.new_piece(BRIEF, text)
    page = pages.open(query=f"?piece={piece.id}")
    box = page.locator("#manuscript textarea")
    expect(box).to_have_value(text, timeout=SOON_MS)
    asked = list[Request]()
    page.on("request", lambda request: None if "alive" in request.url else asked.append(request))
    before = -1
    while before != len(asked):  # until what opening asks for is over
        before = len(asked)
        page.wait_for_timeout(1500)
    asked.clear()
    box.focus()
    began = time.monotonic()
    page.keyboard.type("One two three four. ")
    took = time.monotonic() - began
    during = [r.url for r in asked]
    expect(page.locator("#saved .words")).to_contain_text(re.compile(r"8,\d\d\d words"))
    if took < 2.5:  # on a busy machine the pause after which all is saved may come between two keys
        assert during == []
    eventually(lambda: "One two three four." in (studio.store.piece(piece.id) or piece).text)
    assert len(asked) < 12  # a save, not one for each of twenty keys


@pytest.mark.browser
def test_w12_neither_the_page_nor_the_studio_speaks_to_another_machine_and_all_of_it_can_be_deleted(
    pages: Pages, studio: Studio
) -> None:
    page = pages.open()  # a request of the page's to anywhere else fails its test
    new(page)
    write(page, BRIEF)
    others = set[str]()
    process = psutil.Process(studio.process.pid)
    for _ in range(5):
        others |= {c.raddr.ip for c in process.net_connections("inet") if c.raddr}
        page.wait_for_timeout(100)
    done(page)
    assert others <= {"127.0.0.1", "::1"}
    page.evaluate("scrollTo(0, 0)")
    page.keyboard.press("Alt+5")
    expect(page.locator("#data-folder textarea, #data-folder input").first).to_have_value(str(studio.home))
    page.get_by_text("Delete everything", exact=True).click()
    page.get_by_label("Type DELETE to confirm").fill("DELETE")
    pages.leaving = True  # it is loaded anew once all is gone
    page.get_by_role("button", name="Delete everything I wrote").click()
    expect(page.locator("#library")).to_contain_text("Nothing here yet.", timeout=SOON_MS)
    assert studio.store.pieces() == [] and b"lighthouse keeper" not in studio.store.path.read_bytes()
