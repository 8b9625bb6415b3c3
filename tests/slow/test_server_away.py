"""A server that is away for longer than a minute, at the pace and the patience of the studio itself."""

import threading
import time

import pytest

pytest.importorskip("openai", reason="models on servers need the server extra")

from scripted import revision, script, task
from server_stand_in import Proxy, StandIn

from writer_r1 import servers
from writer_r1.events import Finished
from writer_r1.llm.fake import FakeLLM
from writer_r1.workspace import Workspace

AWAY_S = 65.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_run_goes_on_after_its_server_was_away_for_more_than_a_minute(tmp_path, monkeypatch) -> None:
    stand_in = StandIn(FakeLLM(script(revise=revision("new")), delay_s=0.02))
    stand_in.start()
    proxy = Proxy(stand_in)
    proxy.back()
    workspace = Workspace(tmp_path / "home", tmp_path / "models")
    monkeypatch.setattr(workspace, "similarity", lambda text, others: [0.0] * len(others))
    try:
        made = servers.keep(proxy.server, workspace.models, set())
        run_id = workspace.start(task(rounds=1, trajectory_id=""), model=made.name)
        began, gone, last = time.monotonic(), False, None
        for _, last in workspace.jobs.follow(run_id):
            if last.event == "delta" and not gone:
                gone = True
                proxy.faults = [("cut", 0)]
                proxy.away()
                threading.Timer(AWAY_S, proxy.back).start()
        assert isinstance(last, Finished) and gone
        assert time.monotonic() - began > AWAY_S
        first = workspace.store.trajectory(run_id).attempts[0]
        assert first.text.startswith("I have kept your lamp") and not first.faults
    finally:
        workspace.close()
        proxy.away()
        stand_in.stop()
