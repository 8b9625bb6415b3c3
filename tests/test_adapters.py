"""Adapters by name: kept whole, handed out for their own base only, and gone when they are deleted."""

import json
import os
from pathlib import Path

import pytest
from conftest import MODELS
from hypothesis import given
from hypothesis import strategies as st
from lora_files import manifest

from writer_r1 import adapters, catalog, digests
from writer_r1.errors import ModelError, WriterError


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "adapter"
    folder.mkdir(parents=True)
    (folder / "adapter.gguf").write_bytes(b"GGUF")
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    return folder


def test_an_adapter_is_kept_with_its_manifest_and_found_again(made: Path, tmp_path: Path) -> None:
    adapter = adapters.register(made, manifest(), tmp_path)
    newer = adapters.register(made, manifest("Sea 2", created=1_800_000_000.0, kind="mrpo", judge="standard"), tmp_path)
    assert adapters.adapters(tmp_path) == [newer, adapter] and adapters.find("sea-1", tmp_path) == adapter
    folder = adapters.folder_of(adapter, tmp_path)
    assert {p.name for p in folder.iterdir()} == {"adapter.gguf", "adapter_config.json", "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["trained_on"] == ["p-1", "p-2"]


def test_a_name_that_is_taken_is_refused_and_what_is_there_stays(made: Path, tmp_path: Path) -> None:
    first = adapters.register(made, manifest(), tmp_path)
    for name in ("sea-1", "SEA-1"):
        with pytest.raises(WriterError, match="already; choose another name"):
            adapters.register(made, manifest(name, pieces=9), tmp_path)
    assert adapters.adapters(tmp_path) == [first]


def test_a_newer_one_takes_the_place_of_its_earlier_whole_or_not_at_all(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = adapters.register(made, manifest(), tmp_path)
    (made / "adapter.gguf").write_bytes(b"GGUF, newer")
    newer, replace, shelf = manifest(pieces=9), os.replace, tmp_path / "adapters"

    def full(old: Path, new: Path) -> None:
        if old.suffix == ".part":
            raise OSError(28, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(adapters.os, "replace", full)
    with pytest.raises(WriterError, match="could not be kept .No space left on device."):
        adapters.register(made, newer, tmp_path, instead=first)
    assert adapters.adapters(tmp_path) == [first] and (shelf / "sea-1" / "adapter.gguf").read_bytes() == b"GGUF"
    monkeypatch.undo()
    assert adapters.register(made, newer, tmp_path, instead=first) == newer
    assert adapters.adapters(tmp_path) == [newer] and [p.name for p in shelf.iterdir()] == ["sea-1"]
    assert (shelf / "sea-1" / "adapter.gguf").read_bytes() == b"GGUF, newer"


@given(name=st.text(min_size=1, max_size=60))
def test_no_name_leads_out_of_the_shelf(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    made = home / "made"
    made.mkdir()
    (made / "adapter.gguf").write_bytes(b"GGUF")
    try:
        adapter = adapters.register(made, manifest(name), home)
    except WriterError:
        assert not (home / "adapters").exists() or not list((home / "adapters").iterdir())
        return
    assert adapters.folder_of(adapter, home).parent == home / "adapters"
    assert adapters.find(name, home) == adapter


def test_a_folder_without_weights_for_llama_cpp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriterError, match=r"holds no adapter\.gguf; export the run as gguf-adapter first"):
        adapters.register(tmp_path, manifest(), tmp_path / "home")


def test_an_adapter_for_another_base_is_refused_with_the_remedy(made: Path, tmp_path: Path) -> None:
    adapters.register(made, manifest(), tmp_path)
    starter, standard = (catalog.find(name, MODELS) for name in ("starter", "standard"))
    assert adapters.weights_for("sea-1", starter, tmp_path) == tmp_path / "adapters" / "sea-1" / "adapter.gguf"
    assert [a.name for a in adapters.fitting(starter, tmp_path)] == ["sea-1"]
    assert adapters.fitting(standard, tmp_path) == []
    with pytest.raises(ModelError) as caught:
        adapters.weights_for("sea-1", standard, tmp_path)
    assert str(caught.value).startswith("The adapter 'sea-1' was trained on SmolLM2-135M-Instruct and does not fit ")
    assert "choose SmolLM2-135M-Instruct for writing on the Models page, or train an adapter" in str(caught.value)


def test_a_file_of_ones_own_is_told_by_its_bytes(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"weights")
    mine = catalog.find("starter", MODELS).model_copy(update={"sha256": None, "path": path})
    adapters.register(made, manifest(base_sha256=digests.digest_file(path)), tmp_path)
    assert [a.name for a in adapters.fitting(mine, tmp_path)] == ["sea-1"]
    path.write_bytes(b"other weights")
    assert adapters.fitting(mine, tmp_path) == []


def test_a_deleted_adapter_is_gone_and_an_unknown_one_is_named_with_those_there_are(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no adapter named 'sea-1'; none was trained yet"):
        adapters.find("sea-1", tmp_path)
    adapters.register(made, manifest(), tmp_path)
    adapters.register(made, manifest("sea-2"), tmp_path)
    adapters.delete("sea-1", tmp_path)
    assert [p.name for p in (tmp_path / "adapters").iterdir()] == ["sea-2"]
    with pytest.raises(ModelError, match="no adapter named 'sea-1'; choose one of sea-2"):
        adapters.delete("sea-1", tmp_path)


def test_a_damaged_manifest_hides_its_adapter_only(made: Path, tmp_path: Path) -> None:
    adapters.register(made, manifest(), tmp_path)
    adapters.register(made, manifest("sea-2"), tmp_path)
    (tmp_path / "adapters" / "sea-2" / "manifest.json").write_text("{", "utf-8")
    assert [a.name for a in adapters.adapters(tmp_path)] == ["sea-1"]
