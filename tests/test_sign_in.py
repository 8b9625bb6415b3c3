import threading
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1 import writers as writers_module
from writer_r1.ui import sign_in
from writer_r1.ui.sign_in import FREE, IDLE_S, WRONG, Sessions, network, sign_in_page, within
from writer_r1.writers import NOBODY, hashed


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scrypt at a smaller cost, or these tests would take a minute."""
    monkeypatch.setattr(writers_module, "LOG_N", 10)
    monkeypatch.setattr(sign_in, "NOBODY", NOBODY.replace("$15$", "$10$"))


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()


@pytest.fixture
def writers() -> dict[str, str]:
    return {"anna": hashed("correct horse"), "ben": hashed("battery staple")}


@pytest.fixture
def sessions(writers: dict[str, str], clock: Clock) -> Sessions:
    return Sessions(lambda: writers, clock)


def test_a_session_names_its_writer_until_its_end(sessions: Sessions) -> None:
    token, said = sessions.begin("anna", "correct horse", "10.0.0.1")
    assert said == "" and len(token) > 40 and sessions.name_of(token) == "anna"
    other, _ = sessions.begin("ben", "battery staple", "10.0.0.1")
    sessions.end(token)
    assert sessions.name_of(token) == "" and sessions.name_of(other) == "ben" and sessions.name_of("") == ""


@pytest.mark.parametrize("who", [("anna", "battery staple"), ("cleo", "correct horse"), ("", ""), ("anna", "")])
def test_a_wrong_name_or_password_is_told_alike(sessions: Sessions, who: tuple[str, str]) -> None:
    assert sessions.begin(*who, "10.0.0.1") == ("", WRONG)


def test_a_session_ends_with_the_password_it_was_begun_with(sessions: Sessions, writers: dict[str, str]) -> None:
    token, _ = sessions.begin("anna", "correct horse", "10.0.0.1")
    writers["anna"] = hashed("correct horse")  # set anew
    assert sessions.name_of(token) == ""
    token, _ = sessions.begin("anna", "correct horse", "10.0.0.1")
    del writers["anna"]
    assert sessions.name_of(token) == ""


def test_a_session_that_is_used_goes_on_and_one_that_is_not_ends(sessions: Sessions, clock: Clock) -> None:
    token, _ = sessions.begin("anna", "correct horse", "10.0.0.1")
    for _ in range(3):
        clock.now += IDLE_S - 1
        assert sessions.name_of(token) == "anna"
    clock.now += IDLE_S + 1
    assert sessions.name_of(token) == ""


def test_after_wrong_passwords_an_address_waits_longer_each_time_and_no_other_does(
    sessions: Sessions, clock: Clock
) -> None:
    tries = [sessions.begin("anna", f"guess {n}", "10.0.0.1")[1] for n in range(FREE)]
    assert tries == [WRONG] * FREE
    token, said = sessions.begin("anna", "correct horse", "10.0.0.1")
    assert token == "" and said == "Too many tries. Try again in 2 s."  # the right one neither
    assert sessions.begin("anna", "correct horse", "10.0.0.2")[0]  # nobody is kept out by another
    waits = []
    for _ in range(8):
        said = sessions.begin("anna", "guess", "10.0.0.1")[1]
        waits.append(int(said.split()[6]))
        clock.now += waits[-1]
        assert sessions.begin("anna", "guess", "10.0.0.1")[1] == WRONG
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    clock.now += 60
    assert sessions.begin("anna", "correct horse", "10.0.0.1")[0]  # and then all is forgotten
    assert sessions.begin("anna", "guess", "10.0.0.1")[1] == WRONG


def test_many_guesses_at_once_are_counted_each(sessions: Sessions) -> None:
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: said.append(sessions.begin("anna", f"guess {n}", "10.0.0.1")[1]))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count(WRONG) == FREE


def test_wrong_passwords_of_one_household_are_counted_together() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")
    assert network("10.0.0.1") != network("10.0.0.2")


@settings(deadline=None)  # other work may have the cores
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_was_typed_stands_on_the_page_as_text(name: str, said: str, onward: str) -> None:
    tags: list[str] = []

    class Read(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Read().feed(sign_in_page(name, said, onward))
    plain: list[str] = tags.copy()
    tags.clear()
    Read().feed(sign_in_page("x", "x", "/"))
    assert plain.count("script") == 0 and sorted(plain) == sorted(tags)


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/" + "x" * 600, "/a\nb"]
)
def test_it_leads_nowhere_but_into_the_studio(onward: str) -> None:
    assert within(onward) == "/"
    assert within("/?piece=abc&run=d") == "/?piece=abc&run=d"
