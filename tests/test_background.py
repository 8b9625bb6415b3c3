"""Works in the background: one at a time, told how far and how it ended, stopped, and a bug said without its text."""

import threading

import pytest
from live import eventually

from writer_r1.background import Progress, Tell, Work, Works
from writer_r1.errors import Busy, ModelError
from writer_r1.llm import Cancel

BUG = "It hit a bug."


def ended(works: Works[str], key: str) -> Progress:
    eventually(lambda: (p := works.progress(key)) and p.state != "running")
    found = works.progress(key)
    assert found
    return found


def begin(works: Works[str], key: str, work: Work) -> None:
    works.begin(key, work, "{} is being made.".format)


def patient(go_on: threading.Event) -> Work:
    """Return a work of three steps that waits after the first until it may go on, or is stopped."""

    def do(tell: Tell, cancel: Cancel) -> None:
        tell(1, 3, 2.0, "one")
        while not go_on.wait(0.01):
            if cancel():
                return
        tell(3, 3, 0.0)

    return Work("making of it", do, BUG)


def test_one_at_a_time_the_same_twice_is_once_and_another_waits() -> None:
    works, go_on = Works[str](), threading.Event()
    assert works.running() is None and works.progress("a") is None
    begin(works, "a", patient(go_on))
    eventually(lambda: works.progress("a") == Progress(1, 3, 2.0, "running", doing="one"))
    begin(works, "a", patient(go_on))
    assert works.running() == "a"
    with pytest.raises(Busy, match="a is being made"):
        begin(works, "b", patient(go_on))
    go_on.set()
    assert ended(works, "a") == Progress(3, 3, None, "done") and works.running() is None
    begin(works, "b", patient(go_on))
    assert ended(works, "b").state == "done" and works.progress("a") == Progress(3, 3, None, "done")


def test_what_is_stopped_says_so_at_once_and_where_it_stood() -> None:
    works = Works[str]()
    begin(works, "a", patient(threading.Event()))
    eventually(lambda: (p := works.progress("a")) and p.done == 1)
    works.stop()
    assert works.progress("a") in {
        Progress(1, 3, 2.0, "running", doing="one", stopping=True),
        Progress(1, 3, None, "stopped", doing="one"),
    }
    assert works.close() and ended(works, "a").state == "stopped"


def test_a_stop_before_anything_was_told_is_no_end() -> None:
    works = Works[str]()
    begin(works, "a", Work("making of it", lambda tell, cancel: eventually(cancel), BUG))
    works.stop()
    assert ended(works, "a").state == "stopped"


def test_a_stop_that_comes_too_late_stops_nothing() -> None:
    works, told, go_on = Works[str](), threading.Event(), threading.Event()

    def do(tell: Tell, cancel: Cancel) -> None:
        tell(2, 2, 0.0)
        told.set()
        go_on.wait(10)

    begin(works, "a", Work("making of it", do, BUG))
    assert told.wait(60) and not works.close(0.01)  # it does not listen
    go_on.set()
    assert ended(works, "a").state == "done" and works.close()


def test_a_fault_is_its_sentence_and_a_bug_is_in_the_log_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    secret = "The keeper put out his lamp."

    def refuse(tell: Tell, cancel: Cancel) -> None:
        raise ModelError("There is no such model.")

    def fail(tell: Tell, cancel: Cancel) -> None:
        raise KeyError(secret)

    works = Works[str]()
    begin(works, "a", Work("making of it", refuse, BUG, 4, 9))
    assert ended(works, "a") == Progress(4, 9, None, "failed", "There is no such model.", "beginning")
    begin(works, "a", Work("making of it", fail, BUG))
    assert ended(works, "a").message == BUG
    assert "The making of it met a bug, KeyError" in caplog.text and secret not in caplog.text
