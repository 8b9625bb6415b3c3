"""A hand that types, begins pieces, opens others and loads the page anew: each word is where it was typed.

Some words are typed before the studio has answered the wish before them; those may be in the piece that was left or in
the one that was opened, and nowhere is not one of the choices.
"""

import random

import pytest
from live import SOON_MS, Pages, eventually
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STEPS, BOXES = 24, ("#brief textarea", "#manuscript textarea")
AT = "JSON.parse(window.studio.place()).piece"


class Hand:
    """What one hand did: `typed` are words with the pieces they may be in, by numbers that are this hand's own."""

    def __init__(self, pages: Pages, seed: int) -> None:
        self.pages, self.store, self.chance = pages, pages.studio.store, random.Random(seed)
        self.page: Page = pages.open()
        self.typed: dict[str, set[int]] = {}
        self.seed, self.pieces = seed, 1
        self.here, self.left = 0, set[int]()  # the piece that is open, and those that it may not have followed yet
        self.wanted = ""  # what the library calls it, where it is there
        self.new()
        self.settle()

    def type(self) -> None:
        """Write a word that is nowhere else at the end of a box."""
        word, box = f"w{self.seed}x{len(self.typed)}", self.page.locator(self.chance.choice(BOXES))
        self.typed[word] = {self.here} | self.left
        box.focus()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.insert_text(f" {word}")

    def found(self) -> dict[str, set[str]]:
        """Return in which pieces of the library each word is."""
        every = [(piece.id, f"{piece.brief} {piece.text}".split()) for piece in self.store.pieces()]
        return {word: {id_ for id_, words in every if word in words} for word in self.typed}

    def known(self) -> dict[str, int]:
        """Return the pieces of the library of which this hand knows for certain which they are."""
        sure = {word: next(iter(numbers)) for word, numbers in self.typed.items() if len(numbers) == 1}
        return {id_: sure[word] for word, ids in self.found().items() if word in sure for id_ in ids}

    def leave(self, here: int, wanted: str = "") -> None:
        self.left.add(self.here)
        self.here, self.wanted = here, wanted
        if self.chance.random() < 0.5:
            self.settle()

    def settle(self) -> None:
        """Wait until the page shows what was asked for."""
        if not self.left:
            return
        if self.wanted:
            self.page.wait_for_function(f"id => {AT} === id", arg=self.wanted, timeout=SOON_MS)
        self.page.wait_for_timeout(200 if self.wanted else 3500)  # a new one is there at once, its answer later
        self.left = set()

    def new(self) -> None:
        self.settle()  # a wish for a third piece before the second is there may overtake it
        self.page.locator("#library .new").click()
        self.pieces += 1
        self.leave(self.pieces)

    def open(self) -> None:
        """Open a piece that this hand knows, where there is one."""
        known = self.known()
        listed = self.page.locator("#library [data-act=open]").evaluate_all(
            "all => all.map((one) => one.dataset.piece)"
        )
        if choices := sorted(set(known) & set(listed)):
            self.settle()
            id_ = self.chance.choice(choices)
            self.page.locator(f'#library [data-act=open][data-piece="{id_}"]').click()
            self.leave(known[id_], id_)

    def reload(self) -> None:
        self.settle()  # else the wish for another piece goes with the page
        if not any(numbers == {self.here} for numbers in self.typed.values()):
            return  # an empty piece is not there any more, and the newest is shown
        self.page.wait_for_timeout(600)  # a browser keeps what is typed after 0.4 s
        self.pages.reload(self.page)
        self.page.wait_for_timeout(1000)

    def wait(self) -> None:
        self.page.wait_for_timeout(self.chance.choice((100, 700, 3500)))


@pytest.mark.parametrize("seed", [6, 7, *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 40))])
def test_each_word_is_where_it_was_typed(pages: Pages, seed: int) -> None:
    hand, done = Hand(pages, seed), list[str]()
    for _ in range(STEPS):
        act = hand.chance.choice(("type", "type", "type", "new", "open", "reload", "wait"))
        done.append(f"{act} in {hand.here}")
        getattr(hand, act)()
        asked = hand.page.locator("dialog[open]").all_inner_texts()
        assert asked == [], (asked, done)
    eventually(lambda: hand.page.wait_for_timeout(500) or all(hand.found().values()))
    found = hand.found()
    assert {word: ids for word, ids in found.items() if len(ids) != 1} == {}, (done, hand.typed, found)
    homes = dict[int, set[str]]()
    for word, numbers in hand.typed.items():
        if len(numbers) == 1:
            homes.setdefault(next(iter(numbers)), set()).update(found[word])
    assert {n: ids for n, ids in homes.items() if len(ids) > 1} == {}, (done, hand.typed, found)
    assert len(set().union(*homes.values())) == len(homes), (done, hand.typed, found)
