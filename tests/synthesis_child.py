"""A process that makes thoughts with a scripted model, to be killed in the middle: `python … PROMPTS OUT PAUSE`."""

import sys
import time
from pathlib import Path

from scripted import model, overlap, revision

from writer_r1.llm import Request, never
from writer_r1.synthesis import Outcomes, Wish, synthesise
from writer_r1.thinking import Limits
from writer_r1.training.data import read_prompts
from writer_r1.workspace import Workspace

FIRST = (
    "I have kept {} for thirty winters, and it has kept nothing of mine.\n\nThe stairs are worn where my left boot "
    "falls. The brass remembers my thumb, the rope my temper.\n\nTomorrow a man will come for {}. Be rough with him."
)


def scripted_model(pause_s: float = 0.0, mark: str = "alpha"):  # type: ignore[no-untyped-def]
    """Return a model that writes a piece for each request, and makes it better in its first round."""

    def draft(request: Request) -> str:
        time.sleep(pause_s)
        thing = request.messages[-1].content.split("about ")[-1].split(".")[0]
        return FIRST.format(thing, thing)

    return model({mark: 6.0}, draft=draft, revise=lambda request: revision(mark))


def main(prompts: Path, out: Path, pause_s: float) -> None:
    Workspace.readers = lambda self, model: None  # type: ignore[assignment, method-assign]
    workspace = Workspace()
    workspace._loaded["fake"] = scripted_model(pause_s)
    workspace.similarity = overlap  # type: ignore[method-assign, assignment]
    wish = Wish("fake", "fake", 1, 0, Limits(0.1, 600))
    print("ready", flush=True)
    synthesise(workspace, read_prompts(prompts).examples, Outcomes(out), wish, lambda *row: None, never)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
