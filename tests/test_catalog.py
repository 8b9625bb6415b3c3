import hashlib
import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from gguf_bytes import gguf

from writer_r1 import catalog, digests
from writer_r1.catalog import add, find, forget, path_of, read_catalog, rows, verify
from writer_r1.entries import PackageSource
from writer_r1.errors import ModelError

CONTENT = b"the whole model" * 100
TINY = {
    "name": "tiny-1b",
    "aliases": ["tiny"],
    "label": "Tiny 1B",
    "file": "tiny.gguf",
    "licence": "Apache-2.0",
    "bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "memory_bytes": 1000,
    "context": 2048,
    "about": "A test.",
    "sources": [{"packages": ["tiny==1.0"]}],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/catalog.json").write_text(json.dumps([TINY]))
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    monkeypatch.setattr(catalog.psutil, "virtual_memory", lambda: namedtuple("Memory", "available")(10**9))
    return tmp_path / "models"


def own(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or gguf())
    return path


def test_the_shipped_catalog_is_consistent():
    entries = read_catalog()
    names = [n for e in entries for n in (e.name, *e.aliases)]
    assert len(names) == len(set(names)) and all(n == n.lower() for n in names)
    assert {"starter", "standard", "recommended"} < set(names)
    assert len({e.file for e in entries}) == len({e.sha256 for e in entries}) == len(entries)
    for e in entries:
        assert re.fullmatch("[0-9a-f]{64}", e.sha256) and e.file.endswith(".gguf") and e.licence == "Apache-2.0"
        assert e.about.endswith(".") and ". " not in e.about and e.memory_bytes > e.bytes and e.sources


def test_the_shipped_packages_are_pinned_and_in_the_order_of_their_numbers():
    sources = [s.packages for e in read_catalog() for s in e.sources if isinstance(s, PackageSource)]
    assert sorted(map(len, sources)) == [1, 6, 22]
    for packages in sources:
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", p) for p in packages)
        if len(packages) > 1:
            numbers = [int(re.search(r"part(\d+)==", p)[1]) for p in packages]
            assert numbers == list(range(1, len(packages) + 1))


@pytest.mark.parametrize("name", ["tiny", "tiny-1b", " TINY "])
def test_a_catalog_model_is_found_by_name_or_alias(folder, name):
    own(folder / "tiny.gguf", CONTENT)
    assert path_of(name, folder) == folder / "tiny.gguf"
    assert find(name, folder).state == "ready"


def test_an_absent_model_is_refused_with_the_next_step(folder):
    with pytest.raises(
        ModelError, match="not downloaded yet: press Download on the Models page or run: writer-r1 .* tiny"
    ):
        path_of("tiny", folder)


def test_a_partial_file_is_listed_as_partial_and_never_loaded(folder):
    (folder / "tiny.gguf.partial").write_bytes(CONTENT)
    assert rows(folder)[0].state == "partial"
    with pytest.raises(ModelError, match="only partly downloaded"):
        path_of("tiny", folder)


def test_a_file_of_the_right_size_and_the_wrong_digest_is_never_loaded(folder):
    own(folder / "tiny.gguf", b"X" + CONTENT[1:])
    with pytest.raises(ModelError):
        path_of("tiny", folder)
    with pytest.raises(ModelError, match=TINY["sha256"][:12]):
        verify("tiny", folder)


def test_a_checked_file_is_not_read_again_until_it_changes(folder, monkeypatch):
    file, read = own(folder / "tiny.gguf", CONTENT), []
    monkeypatch.setattr(digests, "digest_file", lambda p: read.append(p) or hashlib.sha256(p.read_bytes()).hexdigest())
    for _ in range(3):
        path_of("tiny", folder)
    assert len(read) == 1
    os.utime(file, ns=(0, 5))
    path_of("tiny", folder)
    assert len(read) == 2
    file.write_bytes(b"X" + CONTENT[1:])
    with pytest.raises(ModelError):
        path_of("tiny", folder)


def test_a_note_for_another_digest_does_not_vouch_for_the_file(folder):
    file = own(folder / "tiny.gguf", b"X" + CONTENT[1:])
    digests.remember(file, hashlib.sha256(file.read_bytes()).hexdigest())
    assert rows(folder)[0].state == "partial"


def test_a_folder_where_nothing_can_be_noted_still_serves_its_models(folder, monkeypatch):
    own(folder / "tiny.gguf", CONTENT)
    (folder / "tiny.gguf.ok.json").mkdir()
    assert path_of("tiny", folder) == folder / "tiny.gguf"
    monkeypatch.setattr(digests, "digest_file", None)  # nor is it read again and again
    assert path_of("tiny", folder) == folder / "tiny.gguf"


def test_verify_reads_the_file_whatever_was_noted(folder, monkeypatch):
    file = own(folder / "tiny.gguf", CONTENT)
    (folder / "tiny.gguf.ok.json").write_text("{}")
    read = []
    for module in (catalog, digests):
        monkeypatch.setattr(
            module, "digest_file", lambda p: read.append(p) or hashlib.sha256(p.read_bytes()).hexdigest()
        )
    assert verify("tiny", folder).sha256 == TINY["sha256"] and verify("tiny", folder).state == "ready"
    assert len(read) == 3  # the first time to list it, and once for each verify
    stat = file.stat()
    file.write_bytes(b"X" + CONTENT[1:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # damage that leaves size and time as they were
    with pytest.raises(ModelError, match="was changed or damaged"):
        verify("tiny", folder)
    with pytest.raises(ModelError):
        path_of("tiny", folder)


def test_an_added_file_stays_where_it_is_and_is_found_by_its_name(folder, tmp_path):
    file = own(tmp_path / "mine/My Story Model.gguf")
    assert add(str(file), folder).name == "my-story-model"
    assert path_of("my-story-model", folder) == file
    row = rows(folder)[-1]
    assert (row.label, row.licence, row.state, row.sha256, row.context) == ("Tiny", "mit", "ready", None, 2048)
    assert not list(folder.glob("*tory*"))
    assert json.loads(row.model_dump_json())["path"] == str(file)


def test_adding_a_file_twice_lists_it_once_and_its_name_never_hides_another_model(folder, tmp_path):
    for name in ("a/tiny.gguf", "b/tiny.gguf", "a/tiny.gguf"):
        add(own(tmp_path / name), folder)
    assert {r.name: r.path for r in rows(folder)} == {
        "tiny-1b": folder / "tiny.gguf",
        "tiny-2": tmp_path / "a/tiny.gguf",
        "tiny-3": tmp_path / "b/tiny.gguf",
    }


def test_a_forgotten_model_leaves_the_list_and_its_file_stays(folder, tmp_path):
    first, second = add(own(tmp_path / "a.gguf"), folder), add(own(tmp_path / "b.gguf"), folder)
    forget(first.name, folder)
    forget("tiny-1b", folder)  # of the catalog: nothing to forget
    assert [r.name for r in rows(folder)] == ["tiny-1b", second.name] and first.path.exists()


def test_a_relative_path_is_added_so_that_it_is_found_from_anywhere(folder, tmp_path, monkeypatch):
    own(tmp_path / "here/m.gguf")
    monkeypatch.chdir(tmp_path / "here")
    add("m.gguf", folder)
    monkeypatch.chdir(tmp_path)
    assert path_of("m", folder) == tmp_path / "here/m.gguf"


def test_a_path_can_be_used_without_being_added(folder, tmp_path):
    file = own(tmp_path / "m.gguf")
    assert path_of(str(file), folder) == path_of("m", folder) == file  # by its name, too, while this process lives
    assert [r.name for r in rows(folder)] == ["tiny-1b"]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut short"):
        path_of(str(file), folder)


def test_an_added_file_that_went_or_was_cut_is_shown_and_refused(folder, tmp_path):
    file = own(tmp_path / "m.gguf")
    add(file, folder)
    file.write_bytes(file.read_bytes()[:-1])
    assert rows(folder)[-1].state == "partial"
    with pytest.raises(ModelError, match="cut short"):
        path_of("m", folder)
    file.unlink()
    assert rows(folder)[-1].state == "absent"
    with pytest.raises(ModelError, match="There is no file"):
        path_of("m", folder)


def test_a_model_larger_than_the_free_memory_is_not_added(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog.psutil, "virtual_memory", lambda: namedtuple("Memory", "available")(400_000))
    with pytest.raises(ModelError, match="needs about 1 MB of memory and 0 MB is free"):
        add(own(tmp_path / "m.gguf"), folder)
    assert len(rows(folder)) == 1


@pytest.mark.parametrize("name", ["hf:owner/name", "owner/Name-GGUF"])
@pytest.mark.parametrize("use", [add, path_of])
def test_hub_ids_are_refused_in_a_sentence_that_says_how_they_come_here(folder, name, use):
    with pytest.raises(ModelError, match="on the hub and not on this machine: .* pull hf:owner/[nN]ame"):
        use(name, folder)


def test_an_unknown_name_is_answered_with_the_known_ones(folder, tmp_path):
    add(own(tmp_path / "m.gguf"), folder)
    with pytest.raises(ModelError, match="no model named 'gpt': choose one of tiny, m, or give"):
        find("gpt", folder)


@pytest.mark.parametrize("name", ["x" * 5000, "x\0y", "", "a/" * 3000], ids=["long", "nul", "empty", "deep"])
@pytest.mark.parametrize("suffix", ["", ".gguf"])
def test_a_text_that_can_be_no_path_is_answered_like_an_unknown_name(folder, name, suffix):
    with pytest.raises(ModelError, match="There is no|is not a GGUF"):
        find(name + suffix, folder)
    with pytest.raises(ModelError):
        add(name + suffix, folder)


@pytest.mark.parametrize("path", ["gone.gguf", "gone.safetensors", "owner/gone.gguf", "gone"])
def test_a_path_that_leads_nowhere_is_named(folder, path):
    with pytest.raises(ModelError, match="There is no file .*gone"):
        add(path, folder)


@pytest.mark.parametrize("name", ["folder.gguf", "weights.safetensors"])
def test_a_folder_and_safetensors_are_not_ggufs(folder, tmp_path, name):
    (tmp_path / "folder.gguf").mkdir()
    own(tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        add(tmp_path / name, folder)


def test_a_broken_list_of_added_models_is_one_clear_sentence(folder):
    (folder / "added.json").write_text('[{"name": ')
    with pytest.raises(ModelError, match=r"added.json' cannot be read; repair it or delete it"):
        rows(folder)


def test_processes_that_add_at_the_same_time_lose_nothing(folder, tmp_path):
    script = (
        "import sys; from pathlib import Path; from writer_r1.catalog import add; add(sys.argv[1], Path(sys.argv[2]))"
    )
    files = [own(tmp_path / f"own/{i}.gguf") for i in range(4)]
    run = [subprocess.Popen([sys.executable, "-c", script, str(f), str(folder)]) for f in files]
    assert [p.wait(60) for p in run] == [0] * 4
    assert {r.path for r in rows(folder)[1:]} == set(files)
