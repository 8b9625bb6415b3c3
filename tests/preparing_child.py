"""A studio's process that makes traces of requests with a scripted model, to be killed: `python … PROMPTS PAUSE`."""

import sys
import time
from pathlib import Path

from scripted import model, overlap, revision
from synthesis_child import FIRST

from writer_r1 import material, preparing, room
from writer_r1.llm import Request
from writer_r1.llm.fake import FakeLLM
from writer_r1.preparing import Asked
from writer_r1.thinking import Limits
from writer_r1.workspace import Workspace

LIMITS = Limits(0.1, 600)  # a scripted judge is not generous


def writer(pause_s: float = 0.0) -> FakeLLM:
    """Return a model that writes a piece for each request, and makes it good in its first round."""

    def draft(request: Request) -> str:
        time.sleep(pause_s)
        thing = request.messages[-1].content.split("about ")[-1].split(".")[0]
        return FIRST.format(thing, thing)

    return model({"alpha": 9.0}, draft=draft, revise=lambda request: revision("alpha"))


def main(prompts: Path, pause_s: float) -> None:
    Workspace.readers = lambda self, model: None  # type: ignore[assignment, method-assign]
    Workspace.default_model = lambda self: "fake"  # type: ignore[method-assign]
    material.sample_set = lambda goal: prompts  # type: ignore[assignment]
    room.PAUSE_S, preparing.THOUGHT = 0.0, LIMITS
    workspace = Workspace()
    workspace._loaded["fake"] = writer(pause_s)
    workspace.similarity = overlap  # type: ignore[method-assign, assignment]
    workspace.preparing.start(Asked("thoughts", "sample"))
    print("ready", flush=True)
    while workspace.preparing.running():
        time.sleep(0.05)
    print(workspace.preparing.progress("thoughts"), flush=True)
    workspace.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
