"""What the page offers of adapters: those that fit the model that writes, each escaped, and the choice that is kept."""

from pathlib import Path

import pytest
from conftest import MODELS, STARTER, require_starter
from lora_files import manifest

from writer_r1 import adapters
from writer_r1.errors import ModelError
from writer_r1.loop import Task
from writer_r1.settings import change_settings
from writer_r1.ui import adapter_cards, adapter_choice
from writer_r1.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    require_starter()
    assert STARTER.parent == MODELS
    change_settings(tmp_path / "home", writer="starter")
    made = tmp_path / "made"
    made.mkdir()
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    adapters.register(made, manifest(), tmp_path / "home")
    adapters.register(made, manifest("other", base_sha256="0" * 64, base="Another"), tmp_path / "home")
    return Workspace(tmp_path / "home", MODELS)


@pytest.mark.model
def test_only_what_fits_the_writer_is_offered_and_the_choice_is_kept(workspace: Workspace) -> None:
    adapter, strength = adapter_choice.shown(workspace)
    assert adapter.choices == [adapter_choice.NONE, ("sea-1", "sea-1")] and adapter.value == "" and adapter.visible
    assert not strength.visible
    adapter_choice.on_choice(workspace, "sea-1", 0.7)
    adapter, strength = adapter_choice.shown(workspace)
    assert (adapter.value, strength.value, strength.visible) == ("sea-1", 0.7, True)
    adapters.delete("sea-1", workspace.home)
    adapter, strength = adapter_choice.shown(workspace)
    assert (adapter.value, adapter.visible, strength.visible) == ("", False, False)


@pytest.mark.model
def test_an_adapter_can_be_tried_where_the_model_it_fits_is_here(workspace: Workspace) -> None:
    change_settings(workspace.home, writer=None)
    adapter_choice.choose(workspace, adapters.find("sea-1", workspace.home))
    settings = workspace.settings
    assert (settings.adapter, settings.strength) == ("sea-1", 1.0)
    assert workspace.name_of(workspace.writer) == workspace.name_of("starter")
    with pytest.raises(ModelError, match="Another, which 'other' was trained on, is not here; get it"):
        adapter_choice.choose(workspace, adapters.find("other", workspace.home))
    with pytest.raises(ModelError, match="'other' was trained on Another and does not fit"):
        workspace.start(Task("", "A storm", adapter="other"), model="starter")


HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror="alert(1)">', "</li><li>", "'><b>", "&lt;i&gt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_word_of_a_manifest_becomes_html(text: str) -> None:
    told = manifest(text[:60] or "x", source=text, base=text, judge=text, metrics={text: 1.0})
    html = adapter_cards.cards([adapter_cards.Known(told, worn=True, base="starter")])
    plain = adapter_cards.cards([adapter_cards.Known(manifest("x", judge="y"), worn=True, base="starter")])
    assert html.count("<") == plain.count("<") and text not in html
