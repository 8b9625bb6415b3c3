"""The store against real SQLite files: what goes in comes out, derived rows stay true, and faults are one sentence."""

import errno
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.errors import StoreError
from writer_r1.events import (
    Accepted,
    Coded,
    DraftDelta,
    Drafted,
    Evaluated,
    Event,
    Failed,
    Finished,
    Proposed,
    Recalled,
    Reflected,
    Rejected,
    RubricReady,
    Scored,
    Started,
    Status,
    Stopped,
    Thought,
)
from writer_r1.folding import fold
from writer_r1.store import MIGRATIONS, Store, alive, runs, this_process, whole
from writer_r1.trajectory import (
    Advice,
    Code,
    Criterion,
    Evaluation,
    JudgeInfo,
    Lesson,
    Reflection,
    Rubric,
    Score,
    Trajectory,
    name_key,
)

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures" / "store"
DEAD = "999999999:1.00"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def begun(store: Store, run_id: str = "run1", prompt: str = "A storm at sea", owner: str | None = None) -> str:
    store.begin(run_id, prompt, "fake", owner or this_process())
    return run_id


def lesson(id_: str, text: str = "Name the tide.") -> Lesson:
    return Lesson(
        id=id_,
        kind="success",
        criterion="Imagery",
        text=text,
        prompt="p",
        rubric_id="r-1",
        trajectory_id="run1",
        delta=0.1,
    )


def edit(store: Store, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute(sql, values)


# Round trip

ANY = st.text(st.characters(exclude_categories=[]), max_size=40)
SOME = st.text(min_size=1, max_size=40)  # names of criteria and codes admit no lone surrogates
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=40)  # and no blanks
NUMBER = st.integers(0, 5)
UNIT = st.none() | st.floats(0, 1)
SCORE = st.builds(
    Score, criterion_id=ANY, value=UNIT, reason=ANY, quote=st.none() | ANY, parts=st.dictionaries(ANY, st.floats(0, 1))
)
RUBRIC = st.builds(
    Rubric,
    prompt_id=ANY,
    criteria=st.lists(
        st.builds(Criterion, name=WORD, description=WORD, levels=st.none() | st.dictionaries(WORD, WORD)),
        min_size=1,
        max_size=3,
        unique_by=lambda c: name_key(c.name),
    ).map(tuple),
)
EVALUATION = st.builds(
    Evaluation, rubric_id=ANY, reward=UNIT, scores=st.lists(SCORE, max_size=2), judge=st.builds(JudgeInfo, model=ANY)
)
ADVICE = st.builds(Advice, criterion_id=ANY, paragraph=st.integers(1, 9), fault=ANY, edit=ANY, quote=st.none() | ANY)
EVENTS = st.lists(
    st.one_of(
        st.builds(Started, prompt=ANY, model=ANY, judge=ANY, seed=st.integers(), settings=st.dictionaries(ANY, ANY)),
        st.builds(Status, t=st.floats(0, 1e6), text=ANY),
        st.builds(Coded, code=st.builds(Code, label=SOME, span=st.none() | ANY)),
        st.builds(Proposed, name=ANY, description=ANY),
        st.builds(RubricReady, rubric=RUBRIC, dropped=st.lists(ANY, max_size=2)),
        st.builds(DraftDelta, attempt=NUMBER, text=ANY, parent=st.none() | NUMBER),
        st.builds(Drafted, attempt=NUMBER, text=ANY, seconds=st.floats(0, 1e6)),
        st.builds(Scored, attempt=NUMBER, score=SCORE),
        st.builds(Evaluated, attempt=NUMBER, evaluation=EVALUATION),
        st.builds(
            Reflected,
            attempt=NUMBER,
            reflection=st.builds(Reflection, on_attempt=NUMBER, advice=st.lists(ADVICE, max_size=2)),
        ),
        st.builds(
            Recalled, lesson=ANY.map(lambda t: lesson("l-1", t)), origin=st.sampled_from(["recalled", "learned"])
        ),
        st.builds(Accepted, attempt=NUMBER, why=ANY),
        st.builds(Rejected, attempt=NUMBER, why=ANY),
        st.builds(Stopped, why=ANY),
        st.builds(Finished, trajectory_id=ANY, best_attempt=st.none() | NUMBER, rounds=NUMBER),
        st.builds(Failed, message=ANY),
    ),
    max_size=8,
)


def pure(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


@settings(max_examples=40, deadline=None)
@given(prompt=ANY, batches=st.lists(EVENTS, max_size=3))
def test_every_event_comes_back_as_it_went_in(prompt: str, batches: list[list[Event]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        store.begin("run1", prompt, "fake", this_process())
        for batch in batches:
            store.append("run1", batch)
        kept = [whole(e) for batch in batches for e in batch]
        assert store.events("run1") == list(enumerate(kept, 1))
        assert store.trajectory("run1") == fold(kept, Trajectory(id="run1", prompt=pure(prompt)))
        after = len(kept) // 2
        assert store.events("run1", after) == list(enumerate(kept, 1))[after:]


@given(ANY)
def test_only_lone_surrogates_are_replaced(text: str) -> None:
    event = whole(DraftDelta(attempt=1, text=text))
    assert isinstance(event, DraftDelta) and event.text == pure(text)


# Derived rows

DELTA1, DELTA2 = DraftDelta(attempt=1, text="The sea "), DraftDelta(attempt=1, text="rose.")
FIRST, SECOND = Drafted(attempt=1, text="The sea rose."), Drafted(attempt=2, parent=1, text="The sea fell.")


@pytest.mark.parametrize(
    ("events", "state", "best_text"),
    [
        ([], "running", ""),
        ([DELTA1, DELTA2], "running", "The sea rose."),
        ([DELTA1, FIRST], "running", "The sea rose."),
        ([FIRST, DraftDelta(attempt=2, text="The")], "running", "The"),
        ([FIRST, Accepted(attempt=1, why="first"), SECOND], "running", "The sea rose."),
        ([FIRST, SECOND, Finished(trajectory_id="run1", best_attempt=1, rounds=2)], "finished", "The sea rose."),
        ([FIRST, SECOND, Finished(trajectory_id="run1", best_attempt=None, rounds=2)], "finished", "The sea fell."),
        ([DELTA1, Stopped(why="user")], "running", "The sea "),
        (
            [DELTA1, Stopped(why="user"), Finished(trajectory_id="run1", best_attempt=None, rounds=1)],
            "stopped",
            "The sea ",
        ),
        (
            [FIRST, Stopped(why="target"), Finished(trajectory_id="run1", best_attempt=1, rounds=1)],
            "finished",
            "The sea rose.",
        ),
        ([DELTA1, Failed(message="No.")], "failed", "The sea "),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_state_and_best_text_follow_from_the_events(
    store: Store, events: list[Event], state: str, best_text: str, at_once: bool
) -> None:
    begun(store)
    for batch in [events] if at_once else [[e] for e in events]:
        store.append("run1", batch)
    run = store.run("run1")
    assert run is not None
    assert (run.state, run.best_text) == (state, best_text)


def test_runs_are_newest_first_with_a_short_title(store: Store) -> None:
    for i, prompt in enumerate(["one", "two\n  lines", "海" * 90]):
        begun(store, f"run{i}", prompt)
    assert [r.title for r in store.runs()] == ["海" * 59 + "…", "two lines", "one"]
    assert [r.id for r in store.runs(2)] == ["run2", "run1"]
    assert store.latest() == "run2"
    assert store.run("run1").prompt == "two\n  lines"  # type: ignore[union-attr]


def test_thoughts_are_the_newest_runs_that_thought_in_one_go_and_are_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        end = [] if number == 4 else [Finished(trajectory_id=f"run{number}", best_attempt=1, rounds=0)]
        thought = Thought(t=12345.678, plan="x" * 200) if number != 1 else Drafted(attempt=1, text='"event":"thought"')
        store.append(begun(store, f"run{number}"), [Drafted(attempt=1, text="A."), thought, *end])
    assert [r.id for r in store.thoughts(9)] == ["run5", "run3", "run2", "run0"]
    store.append(begun(store, "run6"), [Thought(), Failed(message="No room.")])
    assert [r.id for r in store.thoughts(2)] == ["run6", "run5"]
    monkeypatch.setattr(runs, "LOOKED", 3)
    assert [r.id for r in store.thoughts(9)] == ["run6", "run5"]  # the third is still being written


def test_an_empty_library_has_no_runs(store: Store) -> None:
    assert (store.runs(), store.latest(), store.run("x"), store.running(), store.lessons()) == ([], None, None, [], [])


def test_a_run_whose_process_is_gone_reads_as_interrupted(store: Store) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid, born = child.pid, time.time()
    begun(store, "mine")
    begun(store, "theirs", owner=f"{pid}:{born:.2f}")
    begun(store, "reused", owner=f"{os.getpid()}:{born - 5000:.2f}")
    assert store.running() == ["theirs", "mine"]
    child.kill()
    time.sleep(0.3)
    assert store.running() == ["mine"]  # a zombie, not yet waited for
    child.communicate()
    states = {r.id: r.state for r in store.runs()}
    assert states == {"mine": "running", "theirs": "interrupted", "reused": "interrupted"}


@pytest.mark.parametrize("owner", ["", "nonsense", "12", "-1:0", "99999999999999999999:1", DEAD])
def test_an_owner_that_names_no_process_is_dead(owner: str) -> None:
    assert not alive(owner)


def test_a_stop_request_is_kept_for_its_run_only(store: Store) -> None:
    begun(store, "a"), begun(store, "b")
    store.ask_stop("a")
    assert (store.stop_asked("a"), store.stop_asked("b"), store.stop_asked("c")) == (True, False, False)


def test_only_learned_lessons_are_kept_and_learning_again_replaces(store: Store) -> None:
    begun(store)
    old, new, other = lesson("l-1", "old"), lesson("l-1", "new"), lesson("l-2")
    store.append("run1", [Recalled(lesson=other, origin="recalled"), Recalled(lesson=old, origin="learned")])
    assert store.lessons() == [old]
    store.append("run1", [Recalled(lesson=other, origin="learned"), Recalled(lesson=new, origin="learned")])
    assert store.lessons() == [other, new]


def test_a_prefix_finds_its_run(store: Store) -> None:
    for run_id in ("ab12", "ab12ff", "cd%_34"):
        begun(store, run_id)
    assert [store.resolve(p) for p in ("ab12", "ab12f", "c", "cd%")] == ["ab12", "ab12ff", "cd%_34", "cd%_34"]
    assert store.trajectory("cd").id == "cd%_34"
    with pytest.raises(StoreError, match="Several runs .*'a' .ab12, ab12ff.*give more"):
        store.resolve("a")
    for unknown in ("zz", "_", "AB12"):
        with pytest.raises(StoreError, match="No run has an id that starts with"):
            store.resolve(unknown)


def test_a_batch_goes_in_whole_or_not_at_all(store: Store) -> None:
    begun(store)
    store.append("run1", [DELTA1])
    edit(store, "CREATE TRIGGER refuse BEFORE UPDATE ON runs WHEN new.best = 7 BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(sqlite3.IntegrityError):
        store.append("run1", [DELTA2, Accepted(attempt=7, why="x")])
    assert store.events("run1") == [(1, DELTA1)]
    assert store.run("run1").best_text == "The sea "  # type: ignore[union-attr]


def test_events_of_a_run_never_begun_are_a_bug_not_a_sentence(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.append("nobody", [DELTA1])


# Search


def found(store: Store, query: str) -> list[str]:
    return [r.id for r in store.search(query)]


def test_search_finds_prompt_and_every_text_newest_first(store: Store) -> None:
    begun(store, "a", "A storm at sea")
    store.append("a", [FIRST, SECOND])
    begun(store, "b", "The STORM petrel")
    begun(store, "c", "Étude in ÉMERAUDE")
    assert found(store, "storm") == ["b", "a"]
    assert found(store, "rose") == found(store, "fell") == found(store, "storm rose fell") == ["a"]
    assert found(store, "étude émeraude") == found(store, "éT") == ["c"]
    assert found(store, "storm nowhere") == []
    assert found(store, "  ") == ["c", "b", "a"]
    assert [r.id for r in store.search("storm", limit=1)] == ["b"]


@pytest.mark.parametrize("query", ["海", "大海", "大海上", "大海上的风暴", "風", "のに"])
def test_chinese_and_japanese_are_found_at_any_length(store: Store, query: str) -> None:
    begun(store, "a", "写一个关于大海上的风暴的故事")
    begun(store, "b", "嵐の風なのに静か")
    begun(store, "c", "nothing")
    assert found(store, query) == [
        i for i, p in (("b", "嵐の風なのに静か"), ("a", "写一个关于大海上的风暴的故事")) if query in p
    ]


INJECTIONS = ['"', '""', "a*", "AND", "foo OR", "NEAR(a b)", "text:x", "(", ")", "-storm", "^x", "'; DROP TABLE runs",
              "%", "_", "\\", "{a b}:", "a\0b", "\0", "\ud800", "+++", "* * *", '"unclosed', "🌊🌊🌊", "x" * 100_000,
              "ab " * 9999]  # fmt: skip


@pytest.mark.parametrize("query", INJECTIONS, ids=ascii)
def test_no_query_is_a_syntax_error_and_signs_mean_themselves(store: Store, query: str) -> None:
    begun(store, "plain", "storm")
    begun(store, "quoted", f"before {query[:600]} after".replace("\0", " "))
    blank = not query.replace("\0", " ").strip()
    assert found(store, query) == (["quoted", "plain"] if blank else ["quoted"])


@settings(max_examples=40, deadline=None)
@given(text=ANY, cut=st.data())
def test_any_piece_of_a_text_finds_it(text: str, cut: st.DataObject) -> None:
    start = cut.draw(st.integers(0, len(text)))
    piece = text[start : cut.draw(st.integers(start, len(text)))]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        begun(store, "a", "p")
        store.append("a", [Drafted(attempt=1, text=text.replace("\0", " "))])
        assert found(store, piece) == ["a"]


def test_text_of_a_killed_run_is_found_although_it_was_never_indexed(store: Store) -> None:
    begun(store, "a", owner=DEAD)
    store.append("a", [DraftDelta(attempt=1, text="half a light"), DraftDelta(attempt=1, text="house")])
    assert found(store, "lighthouse") == ["a"]
    assert store.run("a")[2:3] + store.run("a")[6:7] == ("interrupted", "half a lighthouse")  # type: ignore[index]


def test_a_replaced_text_is_no_longer_found(store: Store) -> None:
    begun(store)
    store.append("run1", [Drafted(attempt=1, text="a lighthouse")])
    store.append("run1", [Drafted(attempt=1, text="a harbour")])
    assert (found(store, "lighthouse"), found(store, "harbour")) == ([], ["run1"])


# Other versions and damage


def built(fixture: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(fixture.read_text("utf-8"))
    return path


def schema(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return {(name, sql) for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}


@pytest.mark.parametrize("name", list(MIGRATIONS))
def test_a_library_of_every_older_schema_opens_with_all_it_held(name: str, tmp_path: Path) -> None:
    store = Store(built(FIXTURES / f"{name}.sql", tmp_path / "old.db"))
    assert [(r.id, r.state, r.best_text) for r in store.runs()] == [
        ("0b3c", "interrupted", "Salt on the"),
        ("5f2a", "finished", "The keeper counted the waves."),
    ]
    assert found(store, "counted waves") == ["5f2a"] and found(store, "灯台守") == ["0b3c"]
    assert store.trajectory("5f2a").best == 1 and [x.id for x in store.lessons()] == ["l-1"]
    store.append("0b3c", [Drafted(attempt=1, text="Salt on the rail.")])
    assert found(store, "rail") == ["0b3c"] and store.events("0b3c")[-1][0] == 2
    Store(tmp_path / "new.db")
    assert schema(store.path) == schema(tmp_path / "new.db")


@pytest.mark.parametrize("left_over_log", [False, True])
def test_a_newer_library_is_refused_and_no_byte_of_it_changes(tmp_path: Path, left_over_log: bool) -> None:
    path = tmp_path / "library.db"
    begun(Store(path))
    code = (
        "import sqlite3, os, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('INSERT INTO migrations VALUES (\"m999_later\")'); db.commit();"
        f"{'os._exit(0)' if left_over_log else 'db.close()'}"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name("library.db-wal").exists() is left_over_log
    before = {f.name: f.read_bytes() for f in tmp_path.glob("library.db*") if not f.name.endswith("-shm")}
    with pytest.raises(StoreError, match="of a newer Writer-R1 .'m999_later'.; update"):
        Store(path)
    assert before.items() <= {f.name: f.read_bytes() for f in tmp_path.glob("library.db*")}.items()


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is no Writer-R1 library"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", ['{"event":"hologram","t":1}', '{"event":"status","t":1,"text":"secret","mood":1}',
                                  '{"event":"draft","attempt":1,"text":"secr', "", "null"])  # fmt: skip
def test_an_event_of_a_newer_version_or_torn_is_named_without_its_text(store: Store, line: str) -> None:
    begun(store)
    store.append("run1", [DELTA1])
    edit(store, "INSERT INTO events VALUES ('run1', 2, ?)", line)
    with pytest.raises(StoreError, match="^Event 2 of run 'run1' is damaged or of a newer Writer-R1; update") as caught:
        store.events("run1")
    assert "secr" not in str(caught.value) and caught.value.__suppress_context__
    assert [r.best_text for r in store.runs()] == ["The sea "]
    assert store.events("run1", after=2) == []


def test_bytes_that_are_not_utf8_are_shown_torn(store: Store) -> None:
    begun(store)
    store.append("run1", [DELTA1])
    edit(store, "UPDATE texts SET text = CAST(x'41FF42' AS TEXT) WHERE attempt = 1")
    assert store.run("run1").best_text == "A\ufffdB"  # type: ignore[union-attr]


def one_sentence(error: StoreError) -> bool:
    text = str(error)
    return text.endswith(".") and ". " not in text.replace("…", "") and "library.db" in text


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    path.write_bytes(random.Random(1).randbytes(9000))
    with pytest.raises(StoreError, match="is damaged .file is not a database") as caught:
        Store(path)
    assert one_sentence(caught.value) and isinstance(caught.value.__cause__, sqlite3.DatabaseError)


def test_pages_overwritten_in_the_middle_are_damage_not_a_crash(store: Store) -> None:
    begun(store)
    store.append("run1", [Drafted(attempt=i, text=f"{i} " * 3000) for i in range(20)])
    data = bytearray(store.path.read_bytes())
    data[8192:] = random.Random(1).randbytes(len(data) - 8192)
    store.path.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged") as caught:
        store.events("run1")
    assert one_sentence(caught.value)


def test_a_library_removed_while_open_is_not_quietly_made_anew(store: Store) -> None:
    begun(store)
    store.path.unlink()
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        store.runs()
    assert one_sentence(caught.value) and not store.path.exists()


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Store(tmp_path / "file" / "library.db")
    assert isinstance(caught.value.__cause__, OSError)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    root = os.geteuid() == 0  # the superuser may write anywhere, so become nobody
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("file_mode", [0o444, 0o000])
def test_a_read_only_home_is_a_sentence_and_keeps_its_bytes(file_mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "library.db")
        begun(store)
        before = store.path.read_bytes()
        store.path.chmod(file_mode)
        Path(folder).chmod(0o555)
        with as_ordinary_user():
            with pytest.raises(StoreError, match="read-only|cannot be opened") as caught:
                store.append("run1", [DELTA1])
            with pytest.raises(StoreError, match="read-only|cannot be opened"):
                Store(Path(folder) / "other" / "library.db")
        assert one_sentence(caught.value) and caught.value.__cause__ is not None
        Path(folder).chmod(0o755)
        store.path.chmod(0o644)
        assert store.path.read_bytes() == before


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
def test_a_full_disk_is_a_sentence_and_loses_nothing_saved_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "600k") as disk:
        store = Store(disk / "library.db")
        begun(store)
        store.append("run1", [DELTA1])
        (disk / "ballast").write_bytes(b"")
        with pytest.raises(OSError) as full, open(disk / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 1024)
        assert full.value.errno == errno.ENOSPC
        with pytest.raises(StoreError, match="^The disk is full: .*free some space") as caught:
            store.append("run1", [Drafted(attempt=1, text="wave " * 20_000)])
        assert one_sentence(caught.value) and caught.value.__cause__ is not None
        (disk / "ballast").unlink()
        assert store.events("run1") == [(1, DELTA1)]
        store.append("run1", [DELTA2])
        assert [n for n, _ in store.events("run1")] == [1, 2]
        (disk / "ballast").write_bytes(b"x" * (shutil.disk_usage(disk).free))
        with pytest.raises(StoreError, match="^The disk is full: "):
            Store(disk / "new" / "library.db")


FILE_LIMIT = """
import resource, signal, sys
from pathlib import Path
from writer_r1.errors import StoreError
from writer_r1.events import Drafted, Status
from writer_r1.store import Store, this_process
store = Store(Path(sys.argv[1]))
store.begin("run1", "p", "fake", this_process())
store.append("run1", [Status(text="before")])
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    store.append("run1", [Drafted(attempt=1, text="wave " * 100_000)])
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert [e.event for _, e in store.events("run1")] == ["status"]
store.append("run1", [Status(text="after")])
print([e.text for _, e in store.events("run1")])
"""


def test_a_write_that_the_system_refuses_is_a_sentence_and_the_library_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    sentence, texts = done.stdout.splitlines()
    assert sentence.startswith("The disk refused the library") and texts == "['before', 'after']"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


# Several processes

WRITER = """
import sys
from pathlib import Path
from writer_r1.events import Status
from writer_r1.store import Store
store = Store(Path(sys.argv[1]))
for i in range(40):
    store.append("run1", [Status(text=f"{sys.argv[2]} {i}"), Status(text=f"{sys.argv[2]} {i}+")])
"""


def test_two_processes_appending_lose_nothing_and_keep_their_order(store: Store) -> None:
    begun(store)
    children = [subprocess.Popen([sys.executable, "-c", WRITER, store.path, who], cwd=ROOT) for who in "ab"]
    assert [c.wait(60) for c in children] == [0, 0]
    rows = store.events("run1")
    assert [n for n, _ in rows] == list(range(1, 161))
    texts = [e.text for _, e in rows if isinstance(e, Status)]
    for who in "ab":
        assert [t for t in texts if t[0] == who] == [f"{who} {i}{plus}" for i in range(40) for plus in ("", "+")]
    for i in range(40):
        assert texts.index(f"a {i}+") == texts.index(f"a {i}") + 1  # a batch is not interleaved


OPENER = """
import sys, time
from pathlib import Path
from writer_r1.store import Store
folder, gate = Path(sys.argv[1]), float(sys.argv[2])
for i in range(20):
    time.sleep(max(0, gate + i / 20 - time.time()))
    Store(folder / f"{i}.db")
"""


def test_several_processes_may_open_a_new_library_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENER, tmp_path, str(time.time() + 2)]
    children = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [c.communicate(timeout=60)[1] for c in children] == [""] * 4
    Store(tmp_path / "alone.db")
    assert all(schema(tmp_path / f"{i}.db") == schema(tmp_path / "alone.db") for i in range(20))
