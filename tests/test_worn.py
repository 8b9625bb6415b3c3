"""Who meets an adapter in a whole run: the drafts and revisions do, and neither criteria, judge nor reflection."""

from pathlib import Path

import pytest
from conftest import MODELS
from lora_files import manifest
from scripted import PROMPT, overlap, script, station

from writer_r1 import adapters, catalog
from writer_r1.errors import ModelError
from writer_r1.events import Drafted, Started
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task
from writer_r1.workspace import Workspace


class Wearing(FakeLLM):
    """A scripted model that is another one while it wears an adapter."""

    def __init__(self) -> None:
        super().__init__(script())
        told = "The rail was white with salt, and the tide came in over the lowest step."
        self.other = FakeLLM(script(revise=told, extend=told))

    def adapted(self, path: Path, strength: float) -> FakeLLM:
        super().adapted(path, strength)
        return self.other


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = tmp_path / "made"
    made.mkdir()
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    workspace = Workspace()
    adapters.register(made, manifest(), workspace.home)
    starter = catalog.find("starter", MODELS)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    monkeypatch.setattr(catalog, "find", lambda name, folder: starter.model_copy(update={"name": name}))
    monkeypatch.setattr(workspace, "similarity", overlap)
    workspace._loaded["fake"] = Wearing()
    return workspace


def test_only_the_writer_wears_the_adapter_and_the_run_says_which(workspace: Workspace) -> None:
    base = workspace._loaded["fake"]
    assert isinstance(base, Wearing)
    run_id = workspace.start(Task("", PROMPT, rounds=1, adapter="sea-1", strength=0.8), model="fake")
    events = [event for _, event in workspace.jobs.follow(run_id)]
    assert base.worn == [(workspace.home / "adapters" / "sea-1" / "adapter.gguf", 0.8)]
    wrote = {station(r) for r in base.other.seen}
    assert "draft" in wrote and len(wrote) > 1 and wrote <= {"draft", "revise", "extend"}
    assert base.seen and not {station(r) for r in base.seen} & {"draft", "revise", "extend"}
    [started] = [e for e in events if isinstance(e, Started)]
    assert (started.adapter, started.strength) == ("sea-1", 0.8)
    assert len([e for e in events if isinstance(e, Drafted)]) == 2
    workspace.close()


def test_a_run_without_an_adapter_and_one_whose_adapter_is_gone(workspace: Workspace) -> None:
    base = workspace._loaded["fake"]
    assert isinstance(base, Wearing)
    run_id = workspace.start(Task("", PROMPT, rounds=0), model="fake")
    events = [event for _, event in workspace.jobs.follow(run_id)]
    assert base.worn == [] and next(e for e in events if isinstance(e, Started)).adapter == ""
    adapters.delete("sea-1", workspace.home)
    with pytest.raises(ModelError, match="no adapter named 'sea-1'; none was trained yet: see Train"):
        workspace.start(Task("", PROMPT, adapter="sea-1"), model="fake")
    workspace.close()
