"""A process that measures reflection with a scripted model, to be killed: `python … PROMPTS OUT PAUSE`."""

import json
import sys
import time
from pathlib import Path

from scripted import ADVICE, overlap, script

from writer_r1 import agreement
from writer_r1.lines import Kept
from writer_r1.llm import Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.reflection_arms import BLIND, DIRECT, MRPO, PLACEBO
from writer_r1.reflection_bench import Bench, compare
from writer_r1.training.data import read_prompts
from writer_r1.workspace import Workspace

THINGS = ("kettle", "ladder", "gate", "goose")
DRAFT = "The {} stood in the yard all winter and nobody came for it.\n\nIn March the snow went, and it was still there."


def thing_of(request: Request) -> str:
    return next(t for t in THINGS if f"about a {t}" in request.messages[-1].content)


def scripted_model(pause_s: float = 0.0) -> FakeLLM:
    """Return a model that puts cheese in where it is asked to, and else writes the paragraph in other words."""

    def draft(request: Request) -> str:
        time.sleep(pause_s)
        return DRAFT.format(thing_of(request))

    def revise(request: Request) -> str:
        time.sleep(pause_s)
        asked = request.messages[-1].content.rsplit("</paragraph>", 1)[1]
        return f"The yard was wide{' and smelled of cheese' if 'cheese' in asked else ''}, and nobody crossed it then."

    def reflect(request: Request) -> str:
        told = {"quote": "", "paragraph": 2, "edit": f"Let the polish of the {thing_of(request)} smell."}
        return json.dumps(json.loads(ADVICE) | told)

    scripted = FakeLLM(script(draft=draft, revise=revise, reflect=reflect))
    scripted.judge = lambda text, question: 5.0
    return scripted


def main(prompts: Path, out: Path, pause_s: float) -> None:
    agreement.RESAMPLES = 100
    Workspace.readers = lambda self, model: None  # type: ignore[assignment, method-assign]
    workspace = Workspace()
    workspace._loaded["fake"] = scripted_model(pause_s)
    workspace.similarity = overlap  # type: ignore[method-assign, assignment]
    workspace.free = lambda needed: False  # type: ignore[method-assign]
    arms, examples = (DIRECT, BLIND, PLACEBO, MRPO), read_prompts(prompts).examples
    bench = Bench(workspace, examples, arms, "fake", "fake", None, 2, 0, Kept(out))
    print("ready", flush=True)
    *_, found = compare(bench, lambda *row: None, never)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
