"""The running studio's one object: which model, one job at a time, whose home it is, and a close that loses nothing."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import STARTER
from scripted import PROMPT, overlap, script

from writer_r1 import catalog, places, servers
from writer_r1.errors import Busy, ModelError, StoreError, WriterError
from writer_r1.events import DraftDelta, Event, Failed, RubricReady, Status
from writer_r1.job import WAITING
from writer_r1.llm import LLM, Cancel, Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.llm.openai_compatible import OpenAICompatible
from writer_r1.loop import Task
from writer_r1.servers import Abilities
from writer_r1.settings import Settings, write_settings
from writer_r1.suggestions import SIMILAR
from writer_r1.trajectory import Criterion, Rubric, prompt_id
from writer_r1.warming import PINNED, warm
from writer_r1.workspace import Workspace

RUBRIC = Rubric(prompt_id=prompt_id(PROMPT), criteria=(Criterion(name="Salt", description="It smells of the sea."),))
HOLD = """
import sys
from filelock import FileLock
from writer_r1 import places
with FileLock(places.machine_lock()):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM(script())


@pytest.fixture
def workspace(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Return a workspace whose models "fake" and "other" are scripted."""
    workspace = Workspace()
    real = catalog.path_of
    scripted = ("fake", "other")
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name) if name in scripted else real(name, folder))
    workspace._loaded |= {"fake": llm, "other": FakeLLM(script(), name="other")}
    monkeypatch.setattr(workspace, "similarity", overlap)
    yield workspace
    workspace.close()


@pytest.fixture
def held() -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the machine's model lock until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=STARTER.parent.parent,
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.communicate("")


def events(workspace: Workspace, run_id: str) -> list[Event]:
    return [event for _, event in workspace.jobs.follow(run_id)]


def test_a_run_writes_with_one_model_and_judges_with_another_and_is_kept(workspace: Workspace, llm: FakeLLM) -> None:
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake", judge="other")
    seen = events(workspace, run_id)
    began = next(event for event in seen if event.event == "started")
    assert (began.model, began.judge) == ("fake", "other")
    assert [e.event for e in seen][-2:] == ["stopped", "finished"]
    assert seen[-1].trajectory_id == run_id  # type: ignore[union-attr]
    until_kept(workspace)
    run = workspace.store.run(run_id)
    assert run is not None and run.state == "finished" and run.best_text.startswith("I have kept your lamp")
    assert len(llm.seen) == 1  # the writer drafted; every question went to the judge


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def until_kept(workspace: Workspace) -> None:
    until(lambda: not workspace.jobs._jobs)


def test_the_name_a_task_brings_is_kept(workspace: Workspace) -> None:
    assert workspace.start(Task("chosen", PROMPT, RUBRIC, rounds=0), model="fake") == "chosen"
    assert [e.trajectory_id for e in events(workspace, "chosen") if e.event == "finished"] == ["chosen"]


@pytest.mark.parametrize(
    ("prompt", "model", "sentence"),
    [
        (" \n", "fake", "Say in a sentence what the piece should do"),
        (PROMPT, "nope", "There is no model named 'nope'"),
        (PROMPT, None, "is not downloaded yet"),
    ],
)
def test_what_cannot_begin_is_refused_at_once_and_leaves_no_trace(
    workspace: Workspace, prompt: str, model: str | None, sentence: str
) -> None:
    with pytest.raises(WriterError, match=sentence):
        workspace.start(Task("", prompt), model=model)
    assert workspace.store.runs() == []


def test_the_judge_must_be_there_too(workspace: Workspace) -> None:
    with pytest.raises(ModelError, match="no model named 'nope'"):
        workspace.start(Task("", PROMPT), model="fake", judge="nope")
    assert workspace.store.runs() == []


def test_the_standard_model_is_preferred_once_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, rows = Workspace(), catalog.rows(places.models())
    assert workspace.default_model() == "starter"
    ready = [r.model_copy(update={"state": "ready"}) if "standard" in r.aliases else r for r in rows]
    monkeypatch.setattr(catalog, "rows", lambda folder: ready)
    assert workspace.default_model() == "standard"


def test_a_model_is_loaded_once_and_freed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def load(path: Path, *, name: str, **_: object) -> LLM:
        loads.append(name)
        return FakeLLM(script(), name=name)

    monkeypatch.setattr("writer_r1.workspace.load", load)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    workspace = Workspace()
    first, again = workspace.llm("starter"), workspace.llm("smollm2-135m")
    assert first is again and loads == ["smollm2-135m"]  # by its alias or its name, it is one model
    workspace.close()
    assert isinstance(first, FakeLLM) and first.closed


def test_a_model_still_in_use_is_not_freed_under_its_job(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    model = FakeLLM(script())
    workspace._loaded["fake"] = model

    def deaf(stop: object) -> Iterator[Event]:
        yield DraftDelta(attempt=1, text="half")
        gate.wait(20)

    real = workspace.jobs.close
    monkeypatch.setattr(workspace.jobs, "close", lambda timeout=0.3: real(timeout))
    run_id = workspace.jobs.start(PROMPT, "fake", deaf)
    next(workspace.jobs.follow(run_id))
    workspace.close()
    assert not model.closed
    gate.set()
    workspace.jobs.close(5)  # type: ignore[call-arg]
    workspace.close()
    assert model.closed


def test_a_server_that_was_asked_again_is_asked_as_it_is_now(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = servers.server_of("http://127.0.0.1:1/v1#small").model_copy(update={"can": Abilities(logprobs=True)})
    known = [first]
    monkeypatch.setattr(servers, "find", lambda name, folder: known[-1] if name == first.name else None)
    monkeypatch.setattr(catalog, "find", lambda name, folder: SimpleNamespace(name=name))
    before = workspace.llm(first.name)
    assert workspace.llm(first.name) is before
    known.append(first.model_copy(update={"can": Abilities(logprobs=True, schema_as="json_schema")}))
    now = workspace.llm(first.name)
    assert isinstance(now, OpenAICompatible) and now is not before and now.can.schema_as == "json_schema"


def test_models_are_not_freed_while_one_is_warmed_up(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writer_r1.warming.CLOSING_S", 0.1)
    begun, gate = threading.Event(), threading.Event()
    monkeypatch.setattr("writer_r1.warming.warm", lambda host: (begun.set(), gate.wait(30)))
    models = dict(workspace._loaded)
    workspace.warm()
    workspace.warm()  # one is enough
    assert begun.wait(60) and sum(t.name == "warm" for t in threading.enumerate()) == 1
    assert workspace.close() is False and workspace._loaded == models
    gate.set()
    assert workspace._warming
    workspace._warming.join(10)
    assert workspace.close() is True and workspace._loaded == {}


def test_a_run_of_a_command_that_a_page_opened_meanwhile_leaves_its_criteria_with_the_piece(
    workspace: Workspace, llm: FakeLLM
) -> None:
    workspace._loaded["fake"] = llm
    llm.delay_s = 0.02
    run_id = workspace.start(Task("", PROMPT, rounds=0), model="fake")
    next(iter(workspace.jobs.follow(run_id)))
    piece = workspace.store.adopt(run_id)
    assert piece.rubric is None
    workspace.jobs.wait(run_id)
    now = workspace.store.piece(piece.id)
    assert now and now.rubric == workspace.store.trajectory(run_id).rubric is not None


def test_the_model_is_not_touched_while_another_process_has_the_machine(
    workspace: Workspace, held: subprocess.Popen[str]
) -> None:
    with pytest.raises(Busy, match="Another writing job is using the model"), workspace.machine(timeout_s=0.1):
        pass
    warm(workspace)  # gives way without a word
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake")
    follower = workspace.jobs.follow(run_id)
    _, first = next(follower)
    assert isinstance(first, Status) and "waiting" in first.text
    held.communicate("")
    assert [e.event for _, e in follower][-1] == "finished"


def test_one_studio_at_a_time_has_a_home(tmp_path: Path) -> None:
    first, second, elsewhere = Workspace(), Workspace(), Workspace(tmp_path / "elsewhere")
    first.open_studio()
    with pytest.raises(Busy, match="Another studio is already open on .*home'; use that one, or choose another --home"):
        second.open_studio()
    elsewhere.open_studio()
    first.close()
    second.open_studio()
    second.close()
    elsewhere.close()


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    workspace = Workspace()
    (tmp_path / "home" / "studio.lock").mkdir()
    with pytest.raises(StoreError, match=r"^The folder '.*home' cannot be written; choose another with --home.$"):
        workspace.open_studio()


def test_a_model_that_breaks_while_it_is_loaded_ends_the_run_with_its_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace._loaded.clear()

    def load(path: Path, *, name: str, **_: object) -> LLM:
        raise ModelError("llama.cpp cannot read it.")

    monkeypatch.setattr("writer_r1.workspace.load", load)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    run_id = workspace.start(Task("", PROMPT, RUBRIC), model="starter")
    last = events(workspace, run_id)[-1]
    assert isinstance(last, Failed) and last.message == "llama.cpp cannot read it."


@pytest.mark.model
def test_warming_up_keeps_the_start_of_every_first_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace()
    monkeypatch.setattr(workspace, "similarity", overlap)
    monkeypatch.setattr(workspace, "default_model", lambda: "starter")
    warm(workspace)
    model = workspace.llm("starter")
    try:
        assert len(model._seq._pins) == len(PINNED)  # type: ignore[attr-defined]
    finally:
        workspace.close()


# Pieces and their criteria


def piece_of(workspace: Workspace) -> str:
    return workspace.store.new_piece(brief=PROMPT).id


def rubric_on(workspace: Workspace, piece_id: str) -> Rubric | None:
    piece = workspace.store.piece(piece_id)
    assert piece is not None
    return piece.rubric


def test_a_run_belongs_to_its_piece_and_gives_it_its_criteria(workspace: Workspace) -> None:
    piece_id = piece_of(workspace)
    run_id = workspace.start(Task("", PROMPT, stop_after="criteria"), model="fake", piece_id=piece_id)
    (ready,) = [e for e in events(workspace, run_id) if isinstance(e, RubricReady)]
    assert rubric_on(workspace, piece_id) == ready.rubric
    assert [r.id for r in workspace.store.runs_of(piece_id)] == [run_id]
    loose = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake")
    events(workspace, loose)
    assert rubric_on(workspace, piece_id) == ready.rubric and workspace.store.piece_of(loose) is None


def test_a_piece_that_is_deleted_while_its_criteria_are_found_does_not_end_the_run(workspace: Workspace) -> None:
    piece_id, seen = piece_of(workspace), list[str]()
    workspace._loaded["fake"] = FakeLLM(script(), delay_s=0.005)
    run_id = workspace.start(Task("", PROMPT, rounds=0), model="fake", piece_id=piece_id)
    for _, event in workspace.jobs.follow(run_id):
        if not seen:
            workspace.store.delete_piece(piece_id)
        seen.append(event.event)
    assert seen[-1] == "finished"
    with pytest.raises(StoreError):
        workspace.start(Task("", PROMPT), model="fake", piece_id=piece_id)


SALT = RUBRIC.criteria[0]
VOICE = Criterion(name="Voice", description="One person speaks.")
BOTH = Rubric(prompt_id=RUBRIC.prompt_id, criteria=(SALT, VOICE))


@pytest.fixture
def judge_is_fake(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "default_model", lambda self: "fake")


def written(workspace: Workspace) -> tuple[str, str]:
    piece_id = piece_of(workspace)
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake", piece_id=piece_id)
    events(workspace, run_id)
    return piece_id, run_id


@pytest.mark.usefixtures("judge_is_fake")
def test_changed_criteria_are_the_pieces_at_once_and_its_texts_are_judged_by_them(
    workspace: Workspace, llm: FakeLLM
) -> None:
    piece_id, run_id = written(workspace)
    known = len(list(workspace.jobs.follow(run_id)))
    workspace.edit_rubric(piece_id, run_id, BOTH)
    assert rubric_on(workspace, piece_id) == BOTH
    rows = list(workspace.jobs.follow(run_id, known))
    assert [n for n, _ in rows] == list(range(known + 1, known + len(rows) + 1))
    assert rows[0][1].event == "edited" and rows[-1][1].event == "finished"
    run = workspace.store.trajectory(run_id)
    evaluation = run.attempts[0].evaluation
    assert run.rubric == BOTH and run.best == 1 and run.stopped == "criteria changed"
    assert evaluation and [s.value is not None for s in evaluation.scores] == [True, True]


@pytest.mark.usefixtures("judge_is_fake")
def test_new_weights_need_no_model(workspace: Workspace, llm: FakeLLM) -> None:
    piece_id, run_id = written(workspace)
    workspace.jobs.wait(run_id)
    workspace._loaded.clear()  # and none can be loaded: there is no file of that name
    seen, heavy = len(llm.seen), RUBRIC.model_copy(update={"criteria": (SALT.model_copy(update={"weight": 3.0}),)})
    workspace.edit_rubric(piece_id, run_id, heavy)
    assert events(workspace, run_id)[-1].event == "finished" and len(llm.seen) == seen
    assert workspace.store.trajectory(run_id).rubric == heavy


@pytest.mark.usefixtures("judge_is_fake")
def test_new_weights_do_not_wait_while_another_piece_is_written_and_a_new_criterion_does(
    workspace: Workspace,
) -> None:
    piece_id, run_id = written(workspace)
    workspace.jobs.wait(run_id)
    other = workspace.store.new_piece(brief=PROMPT).id
    workspace._loaded["other"] = FakeLLM(script(), name="other", delay_s=0.05)
    going = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="other", judge="fake", piece_id=other)
    next(e for _, e in workspace.jobs.follow(going) if isinstance(e, DraftDelta))

    heavy = RUBRIC.model_copy(update={"criteria": (SALT.model_copy(update={"weight": 3.0}),)})
    workspace.edit_rubric(piece_id, run_id, heavy)
    seen = events(workspace, run_id)
    assert seen[-1].event == "finished" and not [e for e in seen if isinstance(e, Status) and e.text == WAITING]
    assert workspace.store.trajectory(run_id).rubric == heavy and workspace.jobs.writes(going)

    workspace.edit_rubric(piece_id, run_id, BOTH)
    until(workspace.jobs.waiting)
    assert workspace.jobs.writes(going)
    workspace.edit_rubric(piece_id, run_id, RUBRIC)  # taken back while it waits
    assert events(workspace, run_id)[-1].event == "finished"
    run = workspace.store.trajectory(run_id)
    assert run.rubric == RUBRIC and run.stopped == "criteria changed" and workspace.jobs.writes(going)

    workspace.edit_rubric(piece_id, run_id, BOTH)
    until(workspace.jobs.waiting)
    workspace.jobs.stop(going)
    events(workspace, run_id)
    evaluation = workspace.store.trajectory(run_id).attempts[0].evaluation
    assert evaluation and [s.value is not None for s in evaluation.scores] == [True, True]


def test_without_a_text_the_criteria_are_only_kept(workspace: Workspace) -> None:
    piece_id = piece_of(workspace)
    workspace.edit_rubric(piece_id, None, BOTH)
    assert rubric_on(workspace, piece_id) == BOTH
    run_id = workspace.start(Task("", PROMPT, RUBRIC, stop_after="criteria"), model="fake", piece_id=piece_id)
    ended = events(workspace, run_id)
    workspace.edit_rubric(piece_id, run_id, BOTH)
    assert rubric_on(workspace, piece_id) == BOTH and events(workspace, run_id) == ended
    workspace.edit_rubric(piece_id, run_id, None)
    assert rubric_on(workspace, piece_id) is None


def test_the_criteria_of_a_run_that_is_being_written_cannot_be_changed(workspace: Workspace) -> None:
    piece_id = piece_of(workspace)
    workspace._loaded["fake"] = FakeLLM(script(), delay_s=0.05)
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake", piece_id=piece_id)
    next(e for _, e in workspace.jobs.follow(run_id) if isinstance(e, DraftDelta))
    with pytest.raises(Busy, match="can be changed when this session has ended; press Stop to change them now"):
        workspace.edit_rubric(piece_id, run_id, BOTH)
    assert rubric_on(workspace, piece_id) == RUBRIC
    workspace.jobs.stop(run_id)
    events(workspace, run_id)
    workspace.edit_rubric(piece_id, run_id, BOTH)  # at once after its end


class Slow(FakeLLM):
    """A judge that waits at its first question until it is let go."""

    def __init__(self) -> None:
        super().__init__(script())
        self.asked, self.go_on = threading.Event(), threading.Event()

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        self.asked.set()
        while not self.go_on.is_set():
            if cancel():
                return []
            time.sleep(0.01)
        if cancel():
            return []
        return super().choice_logprobs(request, suffixes, choices, cancel)


def more(*names: str) -> Rubric:
    added = (Criterion(name=name, description=f"It has {name}.") for name in names)
    return Rubric(prompt_id=RUBRIC.prompt_id, criteria=(SALT, *added))


@pytest.mark.usefixtures("judge_is_fake")
def test_quick_edits_in_a_row_are_one_job_that_judges_by_the_last(workspace: Workspace) -> None:
    piece_id, run_id = written(workspace)
    workspace.jobs.wait(run_id)
    workspace._loaded["fake"] = slow = Slow()
    workspace.edit_rubric(piece_id, run_id, more("a"))
    assert slow.asked.wait(60)
    for last in (more("a", "b"), more("a", "b", "c"), more("c")):
        workspace.edit_rubric(piece_id, run_id, last)
    slow.go_on.set()
    seen = events(workspace, run_id)
    assert [e.event for e in seen].count("finished") == 2 and seen[-1].event == "finished"
    run = workspace.store.trajectory(run_id)
    assert run.rubric == more("c") == rubric_on(workspace, piece_id)
    assert run.attempts[0].evaluation and run.attempts[0].evaluation.rubric_id == more("c").id
    questions = [r.messages[-1].content for r in slow.seen if r.answer == "Score: "]
    assert len(questions) == 2 and all("It has c." in q for q in questions)


@pytest.mark.usefixtures("judge_is_fake")
def test_no_edit_is_lost_however_close_to_the_end_of_the_one_before_it_comes(workspace: Workspace) -> None:
    piece_id, run_id = written(workspace)
    for i in range(12):
        workspace.edit_rubric(piece_id, run_id, last := more(f"n{i}"))
        time.sleep(0.03 * (i % 5))
    events(workspace, run_id)
    run = workspace.store.trajectory(run_id)
    assert run.rubric == last and run.finished
    assert run.attempts[0].evaluation and run.attempts[0].evaluation.rubric_id == last.id


@pytest.mark.usefixtures("judge_is_fake")
def test_an_edit_after_a_stop_is_judged_by_itself(workspace: Workspace) -> None:
    piece_id, run_id = written(workspace)
    workspace.jobs.wait(run_id)
    workspace._loaded["fake"] = slow = Slow()
    workspace.edit_rubric(piece_id, run_id, more("a"))
    assert slow.asked.wait(60)
    workspace.jobs.stop(run_id)
    slow.go_on.set()
    workspace.edit_rubric(piece_id, run_id, more("b"))
    assert [e.why for e in events(workspace, run_id) if e.event == "stopped"][1:] == ["user", "criteria changed"]
    assert workspace.store.trajectory(run_id).rubric == more("b")


# Which model does what


def ready(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    rows = [r.model_copy(update={"state": "ready"}) for r in catalog.rows(places.models()) if r.name in names]
    monkeypatch.setattr(catalog, "rows", lambda folder: rows)


def test_the_chosen_models_write_and_judge_where_they_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace()
    first, second, *_ = [r.name for r in catalog.rows(places.models())]
    ready(monkeypatch, first, second)
    usual = workspace.default_model()
    assert (workspace.writer, workspace.judge) == (usual, usual)
    write_settings(workspace.home, Settings(writer=first))
    assert (workspace.writer, workspace.judge) == (first, first)
    write_settings(workspace.home, Settings(writer=first, judge=second))
    assert (workspace.writer, workspace.judge) == (first, second)
    write_settings(workspace.home, Settings(writer="gone", judge="gone too"))
    assert (workspace.writer, workspace.judge) == (usual, usual)


def test_the_chosen_threads_are_used_and_models_no_role_needs_are_freed_before_others_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, *_ = [r.name for r in catalog.rows(places.models())]
    alive: list[str] = []
    loads: list[tuple[str, int | None, tuple[str, ...]]] = []

    class Model(FakeLLM):
        def close(self) -> None:
            alive.remove(self.name)

    def load(path: Path, *, name: str, threads: int | None, **_: object) -> LLM:
        loads.append((name, threads, tuple(alive)))
        alive.append(name)
        return Model(script(), name=name)

    monkeypatch.setattr("writer_r1.workspace.load", load)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    ready(monkeypatch, first, second)
    workspace = Workspace()
    monkeypatch.setattr(workspace, "similarity", overlap)
    for settings in (Settings(writer=first, judge=first), Settings(writer=second, judge=second, threads=2)):
        write_settings(workspace.home, settings)
        started = events(workspace, workspace.start(Task("", PROMPT, RUBRIC, rounds=0)))[0]
        assert started.event == "status"  # "loading the model"
    assert loads == [(first, None, ()), (second, 2, ())]
    write_settings(workspace.home, Settings(writer=second, judge=first))
    events(workspace, workspace.start(Task("", PROMPT, RUBRIC, rounds=0)))
    assert loads[2:] == [(first, None, (second,))]
    workspace.close()
    assert alive == []


def test_a_warm_up_is_given_up_between_its_steps_when_a_job_waits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids: list[str] = []

    class Model(FakeLLM):
        warmed = 0

        def warm(self, request: Request) -> None:
            self.warmed += 1
            if not run_ids:
                run_ids.append(workspace.start(Task("", PROMPT, RUBRIC, rounds=0)))
                while not workspace.jobs.waiting():
                    time.sleep(0.01)

    model = Model(script())
    monkeypatch.setattr("writer_r1.workspace.load", lambda path, **more: model)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    warm(workspace)
    assert model.warmed == 1 < len(PINNED)
    assert events(workspace, run_ids[0])[-1].event == "finished"


# Criteria saved for similar requests


def test_saved_criteria_of_like_requests_are_suggested_best_first_and_the_same_request_before_all(
    workspace: Workspace,
) -> None:
    save = workspace.store.save_rubric
    save("Other", "A cover letter for a nursing job.", RUBRIC)
    save("Near", "A farewell from a ferryman to the sea.", RUBRIC)
    save("Nearer", "A farewell from a lighthouse keeper to the storm.", RUBRIC)
    save("Reworded", PROMPT.upper() + "!", RUBRIC)
    save("Same", f"  {PROMPT}\n", RUBRIC)
    found = workspace.suggest(PROMPT, limit=10)
    assert [s.name for s, _ in found] == ["Same", "Reworded", "Nearer", "Near"]
    assert [v for _, v in found[1:]] == sorted((v for _, v in found[1:]), reverse=True) and found[-1][1] >= SIMILAR
    assert [s.name for s, _ in workspace.suggest(PROMPT)] == ["Same", "Reworded", "Nearer"]
    assert workspace.suggest("  ") == [] == workspace.suggest("zebra crossing")
