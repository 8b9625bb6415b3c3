"""A process is known by more than its number, and uses no more cores than it may."""

import os
import subprocess
import sys

import psutil
import pytest

from writer_r1.processes import BOOT, alive, owner_of, this_process, usable_cores


def test_a_process_is_alive_until_it_has_ended_and_its_number_alone_says_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(child.pid)
    try:
        assert alive(owner) and alive(this_process())
        assert not alive(f"{child.pid}:12.00"), "another process had this number then"
    finally:
        child.kill()
        child.wait()
    assert not alive(owner) and owner_of(child.pid) == f"{child.pid}:0"
    assert not any(map(alive, ("", "x", ":", f"{os.getpid()}:soon")))


@pytest.mark.skipif(not BOOT.exists(), reason="this system tells start times by the wall clock only")
def test_a_clock_that_is_set_makes_no_living_process_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = this_process()
    later = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: later(self) + 3600)
    assert alive(owner) and alive(this_process())
    assert not alive(owner.partition(".")[0] + ".another")  # the same number at the same moment of another boot


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind a process to cores")
def test_no_more_cores_are_used_than_a_process_is_allowed() -> None:
    ask = "from writer_r1.processes import usable_cores; print(usable_cores())"
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{one}}}); {ask}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1" and 1 <= usable_cores() <= (os.cpu_count() or 1)
