"""The studio as a process, with a scripted model: `python tests/fake_studio.py HOME PORT [WRITERS]`.

What the model does is read from HOME/script.json before each reply, so a test may change it while the studio runs:
`delay` (seconds a piece of four characters), `texts` (drafts, then revisions, in turn), `fail` (raise this sentence),
`judging` (seconds a criterion takes the judge), `unscored` (criteria whose words hold this get no usable answer).
"""

import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scripted
from scripted import overlap, script

from writer_r1 import catalog, qualification
from writer_r1 import workspace as workspace_module
from writer_r1.errors import ModelError
from writer_r1.libraries import Libraries
from writer_r1.llm import Cancel, Reply, Request, Sampling, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.training import job
from writer_r1.ui.app import serve
from writer_r1.ui.serving import serve_writers
from writer_r1.workspace import Workspace
from writer_r1.writers import read_writers

LONG = "\n\n".join(
    f"Paragraph {n}. The keeper went down to the {place} and counted the {thing} that the night had left there, "
    f"one by one, until the light was thin enough to see his own hands. Nobody had asked him to. " * 2
    for n, (place, thing) in enumerate(
        (("harbour", "ropes"), ("slip", "boats"), ("wall", "gulls"), ("stair", "steps")), 1
    )
)


class Paced(FakeLLM):
    """Answers as `script.json` says at this moment."""

    def __init__(self, home: Path) -> None:
        super().__init__(script(), name="fake")
        self.file, self.calls, self.texts = home / "script.json", 0, list[str]()
        self.judge = lambda draft, question: 3.0 + min(5.0, draft.count("plain") + len(draft) % 3)

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}
        return found

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Reply at the pace of the moment, or fail as asked."""
        told = self.now()
        if told.get("fail"):
            raise ModelError(str(told["fail"]))
        station = scripted.station(request)
        texts = told.get("texts") or [LONG]
        if texts != self.texts:
            self.texts, self.calls = texts, 0  # other texts begin with their first
        self.delay_s = float(told.get("delay", 0.0))
        if station in ("draft", "revise", "extend", "reword", "rephrase"):
            text = texts[self.calls % len(texts)]
            self.calls += 1
            self.script = script(draft=text, revise=text, extend=text, reword=text, rephrase=text)
        return (yield from super().stream(request, sampling._replace(max_tokens=100_000), cancel))

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Judge at the pace of the moment, some criteria in words that are no digits."""
        told = self.now()
        time.sleep(float(told.get("judging", 0.0)) * len(suffixes))
        rows = super().choice_logprobs(request, suffixes, choices, cancel)
        if not rows:
            return rows  # it was stopped
        lost = str(told.get("unscored") or "\0")
        return [
            dict.fromkeys(row, -30.0) if lost in suffix else row for suffix, row in zip(suffixes, rows, strict=True)
        ]


def main(home: Path, port: int, writers: Path | None = None) -> None:
    """Run until SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace = Workspace(home, home / "models")
    workspace.open_studio()
    real = catalog.path_of
    catalog.path_of = lambda name, folder: home if name == "fake" else real(name, folder)
    found, rows = catalog.find, catalog.rows
    own = {
        "name": "fake",
        "aliases": (),
        "label": "A scripted model",
        "state": "ready",
        "about": "Says what a test says.",
    }
    model = rows(home / "models")[0].model_copy(update=own)
    catalog.find = lambda name, folder: model if name == "fake" else found(name, folder)
    catalog.rows = lambda folder: [model, *rows(folder)]
    Workspace.default_model = lambda self: "fake"  # type: ignore[method-assign]
    Workspace.readers = lambda self, model: None  # type: ignore[method-assign]
    qualification.fit_id = lambda model, home: ""
    Workspace.similarity = staticmethod(overlap)  # type: ignore[assignment, method-assign]
    workspace._loaded["fake"] = paced = Paced(home)
    workspace_module.load = lambda path, **more: paced  # let go while a run trains, and taken again
    for kind in job.PROGRAM:
        job.PROGRAM[kind] = (str(Path(__file__).with_name("training_child.py")),)
    closing: Workspace | Libraries = workspace
    try:
        if writers:
            closing = Libraries(workspace, read_writers(writers))
            address = serve_writers(closing, writers, port, host="127.0.0.1", open_browser=False)
        else:
            _, address = serve(workspace, port, open_browser=False)
        print(f"Writer-R1 Studio: {address}", flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        closing.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
