"""A lesson that an earlier process learned reaches similar work, and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import model, of, station, task, team

from writer_r1 import embedding
from writer_r1.events import Recalled, Reflected
from writer_r1.loop import write
from writer_r1.memory import recall
from writer_r1.store import Store
from writer_r1.trajectory import Lesson

ROOT = Path(__file__).parent.parent
REQUEST_A = "A farewell letter from a lighthouse keeper to the sea."
REQUEST_B = "A goodbye note from a retiring lighthouse keeper to the ocean."
REQUEST_C = "A product description of a hand-made fountain pen."
EARLIER = """
import sys
from pathlib import Path
from scripted import model, task, team
from writer_r1.jobs import Jobs
from writer_r1.loop import write
from writer_r1.store import Store

home, prompt = Path(sys.argv[1]), sys.argv[2]
jobs = Jobs(Store(home / "library.db"), home / "model.lock")
llm = model({"alpha": 8.5}, "alpha")
run = jobs.start(prompt, "fake", lambda stop: write(task(prompt=prompt), team(llm, stop)))
print([e.event for _, e in jobs.follow(run)][-1])
jobs.close()
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("earlier")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    command = [sys.executable, "-c", EARLIER, str(home), REQUEST_A]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "finished"), done.stderr
    yield Store(home / "library.db")


@pytest.mark.parametrize(("prompt", "arrives"), [(REQUEST_A, True), (REQUEST_B, True), (REQUEST_C, False)])
def test_a_lesson_of_an_earlier_process_reaches_similar_work_only(library: Store, prompt: str, arrives: bool) -> None:
    (learned,) = library.lessons()
    assert (learned.prompt, learned.kind, learned.criterion) == (REQUEST_A, "success", "Warmth")

    def lessons(request: str, name: str | None) -> list[Lesson]:
        return recall(request, name, library.lessons(), embedding.similarity)

    other = '{"paragraph": 1, "quote": "", "fault": "Cold.", "edit": "Begin with salt."}'
    llm = model({"alpha": 8.5}, "alpha", reflect=other)
    events = list(write(task(prompt=prompt), team(llm, lessons=lessons)))
    asked = [r.messages[-1].content for r in llm.seen if station(r) == "reflect"]
    assert len(asked) == 1 and ("- helped: Name the tin of polish." in asked[0]) is arrives
    told = [e.lesson.id for e in of(Recalled, events) if e.origin == "recalled"]
    assert set(told) == ({learned.id} if arrives else set())
    assert of(Reflected, events)[0].reflection.lesson_ids == ((learned.id,) if arrives else ())
    drafted = [r.messages[-1].content for r in llm.seen if station(r) == "draft"]
    assert ("Name the tin of polish." in drafted[0]) is arrives
