"""The page without a browser: what is rendered, which run is followed, how the studio starts, refuses and ends."""

import http.client
import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import criterion, rubric_of

from writer_r1.events import Drafted, Evaluated, Event, Failed, Finished, Proposed, Scored, Status, Stopped
from writer_r1.reasons import GIVING
from writer_r1.rubric_edits import own
from writer_r1.store import Store, this_process
from writer_r1.trajectory import Attempt, Trajectory, prompt_id
from writer_r1.ui import prose, render, round_board, scores, write_tab
from writer_r1.ui.app import create_app
from writer_r1.ui.desk import Desk, on_load
from writer_r1.ui.following import Follower, follow, read_ticket
from writer_r1.ui.saving import saver
from writer_r1.ui.view import ENDINGS, INTERRUPTED, View, advance, shown, standing
from writer_r1.workspace import Workspace

ROOT = Path(__file__).parent.parent
DEAD = "999999999:1.00"
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)> </textarea> ![a](http://a.b/c) \"' & ${1+1} {{x}}"


def numbered(events: list[Event]) -> list[tuple[int, Event]]:
    return list(enumerate(events, 1))


def view_of(events: list[Event]) -> View:
    return advance(View(Trajectory(id="run1", prompt=example.PROMPT)), numbered(events))


def until(kind: type, count: int = 1) -> list[Event]:
    """Return the example run up to and with its `count`th event of a kind."""
    whole = example.whole_run("run1")
    return whole[: [i for i, e in enumerate(whole) if isinstance(e, kind)][count - 1] + 1]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def replaced(value: Any, text: str) -> Any:
    """Return stored JSON with every free text replaced."""
    free = {"text", "prompt", "label", "span", "name", "description", "reason", "quote", "edit", "why", "message"}
    free |= {"relation", "criterion", "fault", "status"}
    if isinstance(value, dict):
        return {k: text if k in free and isinstance(v, str) else replaced(v, text) for k, v in value.items()}
    return [replaced(v, text) for v in value] if isinstance(value, list) else value


# What is rendered


@given(st.sampled_from([HOSTILE, "حبر", "灯塔 🗼"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None, max_examples=60)
def test_no_text_of_user_or_model_becomes_markup(text: str) -> None:
    first = example.coding()[0]
    start = first.model_copy(update={"prompt": text})
    pieces = [
        Drafted(attempt=1, text=text),
        Proposed(name=text, description=text),
        Stopped(why=text),
        *example.attempt(2, text, parent=1),
    ]
    view = view_of([start, *example.coding()[1:], *pieces])
    view = view._replace(now=Trajectory.model_validate(replaced(view.now.model_dump(exclude={"rubric"}), text)))
    view = view._replace(dropped=(text,), trouble=text, now=view.now.model_copy(update={"rubric": example.RUBRIC}))
    for now in (view.now, view.now.model_copy(update={"rubric": None}), view.now.model_copy(update={"error": text})):
        seen = view._replace(now=now)
        parts = (render.phase(seen), render.announcement(seen), render.card(seen), render.manuscript(seen))
        for part in (
            *parts,
            render.mark("id", 1, text, text, told=1),
            render.masthead(text),
            render.welcome(text, begun=False),
        ):
            page = parsed(part)
            assert not {"script", "img", "textarea", "a", "iframe"} & set(page.tags)
            assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip))
@settings(deadline=None)
def test_the_manuscript_shows_the_draft_to_the_letter(text: str) -> None:
    assert parsed(prose.prose(text)).text.split() == text.split()


def test_a_score_reads_from_1_to_10_and_a_missing_one_is_a_dash_never_a_number() -> None:
    assert [scores.ten(v) for v in (0.0, 0.5, 1.0, None)] == ["1.0", "5.5", "10.0", "—"]
    unscored = scores.bar(example.CRITERIA[5], example.SCORES[1].scores[5])
    assert "not scored" in unscored and ">—<" in unscored and "fill" not in unscored


def test_j2_a_change_within_the_judges_ranges_is_shown_as_none() -> None:
    before, near, far = example.score(0, 0.5), example.score(0, 0.55), example.score(0, 0.8)
    assert parsed(scores.change(before, near)).text == "=No clear difference"
    assert parsed(scores.change(before, far)).text == "+2.7"
    assert parsed(scores.change(far, before)).text == "−2.7"
    assert parsed(scores.change(None, far)).text == ""


# The view


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40))
@settings(deadline=None)
def test_events_may_come_in_any_batches(sizes: list[int]) -> None:
    whole = numbered(example.whole_run("run1"))
    view, at = View(Trajectory(id="run1", prompt=example.PROMPT)), 0
    for size in [*sizes, len(whole)]:
        view = advance(view, whole[at : at + size])
        at += size
    assert view == view_of(example.whole_run("run1"))


def test_the_manuscript_is_what_is_being_written_and_then_the_best() -> None:
    writing, done = shown(view_of(until(Drafted, 3)[:-1])), shown(view_of(example.whole_run("run1")))
    assert writing and writing.number == 3 and not writing.complete
    assert done and done.number == 2


@pytest.mark.parametrize("why", ENDINGS)
def test_every_ending_is_said_in_words(why: str) -> None:
    view = view_of([Stopped(why=why), Finished(trajectory_id="run1", best_attempt=None, rounds=0)])
    assert standing(view) == ENDINGS[why] and ENDINGS[why] in render.phase(view)


def test_what_is_read_aloud_changes_with_the_phases_alone() -> None:
    whole, said = example.whole_run("run1"), list[str]()
    for end in range(1, len(whole) + 1):
        now = render.announcement(view_of(whole[:end]))
        said += [] if said and said[-1] == now else [now]
    phases = sum(isinstance(e, Status) for e in whole)
    assert 3 < len(said) <= phases + 3 and not re.search(r"\d", "".join(said))
    assert "Judging, 2 of 6" in render.phase(view_of(until(Scored, 2)))  # for the eye
    judged = view_of([*until(Evaluated), Status(text=GIVING)])
    assert re.search(r"Giving reasons, \d of \d", render.phase(judged))


def test_a_run_whose_process_died_is_called_interrupted_and_its_text_safe() -> None:
    view = view_of(until(Drafted)[:-1])._replace(ended=True)
    assert standing(view) == INTERRUPTED
    assert "kept below" in render.card(view) and "unfinished" in render.manuscript(view)
    reasons = view_of([*until(Evaluated), Status(text=GIVING)])._replace(ended=True)
    assert "press “Ask why”" in render.card(reasons) and "write it anew" not in render.card(reasons)


def test_a_failed_run_says_what_happened_what_is_safe_and_what_to_do() -> None:
    card = render.card(view_of([*until(Drafted), Failed(message="The disk is full.")]))
    assert parsed(card).text.startswith("What happenedThe disk is full.What is safeEverything written so far")


# Which run a page follows


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


def stored(store: Store, run_id: str, events: list[Event], owner: str | None = None) -> None:
    store.begin(run_id, example.PROMPT, "fake", owner or this_process())
    store.append(run_id, events)


def place(piece: str = "", base: int = 0, run: str = "") -> str:
    return json.dumps({"piece": piece, "base": base, "run": run})


def shown_run(desk: Desk) -> str:
    return read_ticket(desk.follow)[1]


def test_a_page_opens_what_its_address_names_else_what_is_being_written_else_the_newest(workspace: Workspace) -> None:
    assert shown_run(on_load(workspace, None, None)) == ""
    stored(workspace.store, "older", example.whole_run("older"))
    stored(workspace.store, "going", example.coding())
    stored(workspace.store, "newer", example.whole_run("newer"))
    assert shown_run(on_load(workspace, None, "older")) == "older"
    assert shown_run(on_load(workspace, None, None)) == "going"
    workspace.store.append("going", [Finished(trajectory_id="going", best_attempt=None, rounds=0)])
    piece = workspace.store.new_piece("A brief.", "A text.")
    desk = on_load(workspace, None, None)
    assert (desk.brief, desk.text, shown_run(desk)) == ("A brief.", "A text.", "")
    assert piece.id in desk.piece and piece.id in desk.shelf
    assert shown_run(on_load(workspace, piece.id, None)) == "" and on_load(workspace, "nowhere", None).brief == ""


def test_a_run_from_the_command_line_becomes_a_piece_once_it_is_opened(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.whole_run("run1"))
    first, second = on_load(workspace, None, "run1"), on_load(workspace, None, "run1")
    [piece] = workspace.store.pieces()
    assert first.brief == second.brief == example.PROMPT == piece.brief and piece.rubric == example.RUBRIC


def test_a_follower_sends_only_what_changed_and_ends_with_the_run(workspace: Workspace) -> None:
    stored(workspace.store, "run1", until(Drafted))
    pages = follow(workspace, "/run1#1")
    written = next(pages)  # what is known comes first, never a blank page
    assert "Dear Ines" in written.sheet
    workspace.store.append("run1", [Failed(message="The disk is full.")])
    last = list(pages)
    assert "The disk is full." in last[0].trouble
    assert last[-1].sheet == {"__type__": "update"}  # the text did not change once more


def test_a_page_that_asks_for_something_else_stops_following(workspace: Workspace) -> None:
    stored(workspace.store, "run1", until(Drafted))
    follower = Follower(workspace)
    old = follower.follow("/run1#1", "page")
    next(old)
    assert next(follower.follow("/#2", "page")).start.value == "Start"
    assert list(old) == []
    assert next(follower.follow("/run1#3", "another page"))


def test_an_interrupted_run_is_shown_with_its_text_and_start_is_free_again(workspace: Workspace) -> None:
    stored(workspace.store, "run1", until(Drafted)[:-1], owner=DEAD)
    pages = list(follow(workspace, "/run1#1"))
    assert "was closed while this was being written" in pages[-1].trouble and "Dear Ines" in pages[0].sheet
    assert pages[-1].start.interactive and not pages[-1].stop.interactive


@pytest.mark.parametrize("brief", ["", "  \n"])
def test_an_empty_brief_is_answered_with_one_sentence_and_no_run(workspace: Workspace, brief: str) -> None:
    desk = write_tab.on_start(workspace, place(), brief, "My text.", write_tab.Wishes())
    assert "Say in a sentence what the piece should do." in desk.trouble and workspace.store.latest() is None


def test_a_run_takes_the_criteria_of_this_brief_and_only_what_is_the_users_own_for_another(
    workspace: Workspace,
) -> None:
    piece = workspace.store.new_piece(example.PROMPT)
    rubric = example.RUBRIC.model_copy(update={"prompt_id": prompt_id(example.PROMPT)})
    workspace.store.set_rubric(piece.id, rubric)
    piece = workspace.store.piece(piece.id)
    assert piece
    same = write_tab.task_of(piece, example.PROMPT, write_tab.Wishes(look_first=True))
    assert same.rubric == rubric and same.stop_after == "rounds"
    other = write_tab.task_of(piece, "Another brief.", write_tab.Wishes())
    assert other.rubric is None and other.kept == own(rubric) != ()
    assert write_tab.task_of(piece, example.PROMPT, write_tab.Wishes(anew=True)).rubric is None


def test_stop_from_another_page_reaches_the_run_through_the_store(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.coding())
    write_tab.on_stop(workspace, place(run="run1"))
    assert workspace.store.stop_asked("run1")


def test_a_round_enters_the_manuscript_and_what_stood_there_is_kept(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.whole_run("run1"))
    piece = workspace.store.adopt("run1")
    mine = place(piece.id, piece.revision, "run1")
    desk = write_tab.on_round(workspace, mine, piece.brief, "My own words.", {"act": "use", "attempt": "2"})
    best = workspace.store.trajectory("run1").attempt(2)
    assert best and desk.text == best.text == workspace.store.piece(piece.id).text  # type: ignore[union-attr]
    assert "My own words." in [v.text for v in workspace.store.versions(piece.id)]
    draft, now = workspace.store.trajectory("run1").attempt(1), workspace.store.piece(piece.id)
    assert draft and now
    mine, wish = place(piece.id, now.revision, "run1"), {"act": "use", "attempt": "1"}
    assert (
        write_tab.on_round(workspace, mine, " ", best.text, wish).text == draft.text
    )  # the brief is being written anew
    now = workspace.store.piece(piece.id)
    assert now and now.brief == " "
    mine = place(piece.id, now.revision, "run1")
    for wish in ({"act": "use", "attempt": "99"}, {"act": "use", "attempt": "x"}, {"act": "other"}):
        assert write_tab.on_round(workspace, mine, " ", draft.text, wish).text == {"__type__": "update"}


def test_a_stale_page_may_not_start_over_what_another_saved(workspace: Workspace) -> None:
    piece = workspace.store.new_piece("A brief.", "One.")
    workspace.store.save_piece(piece.id, "A brief.", "Two, elsewhere.", piece.revision)
    desk = write_tab.on_start(workspace, place(piece.id, piece.revision), "A brief.", "Two, here.", write_tab.Wishes())
    assert "changed in another tab" in desk.trouble and workspace.store.latest() is None


# What a page saves


@given(st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.dictionaries(st.text(), inner)))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_browser_sends_to_be_saved_is_answered(workspace: Workspace, sent: Any) -> None:
    assert isinstance(saver(workspace)(sent), dict)


def test_a_save_is_kept_a_stale_one_goes_back_and_a_deleted_piece_lives_on(workspace: Workspace) -> None:
    save = saver(workspace)
    assert save({"brief": " ", "text": ""}) == {"piece": "", "revision": 0}
    first = save({"brief": "A brief.", "text": "One."})
    second = save({"piece": first["piece"], "base": first["revision"], "brief": "A brief.", "text": "Two."})
    assert second["revision"] > first["revision"]
    stale = save({"piece": first["piece"], "base": first["revision"], "brief": "A brief.", "text": "Three."})
    assert stale["stale"]["text"] == "Two."
    copy = save({"copy_of": first["piece"], "brief": "A brief.", "text": "Three."})
    assert workspace.store.piece(copy["piece"]).title.endswith("(copy)")  # type: ignore[union-attr]
    workspace.store.delete_piece(first["piece"])
    again = save({"piece": first["piece"], "base": second["revision"], "brief": "A brief.", "text": "Four."})
    assert again["moved"] and workspace.store.piece(again["piece"]).text == "Four."  # type: ignore[union-attr]
    assert "into a new piece" in save({"text": "x" * 4_000_001})["error"]


# The app


def test_no_event_of_the_page_is_public_and_none_that_follows_a_run_writes_into_a_box(workspace: Workspace) -> None:
    app = create_app(workspace)
    assert app.fns and all(fn.api_visibility == "private" for fn in app.fns.values())
    boxes = {b for b in app.blocks.values() if getattr(b, "elem_id", None) in ("brief", "manuscript")}
    assert len(boxes) == 2
    followers = [fn for fn in app.fns.values() if inspect.isgeneratorfunction(fn.fn)]
    assert followers and not [fn for fn in followers if boxes & set(fn.outputs)]
    assert app.get_api_info()["named_endpoints"] == {}


def test_the_examples_are_short_requests_of_their_own() -> None:
    rows = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
    assert len({row["prompt"] for row in rows}) == 4 and all(len(row["prompt"].split()) < 40 for row in rows)


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_every_flag_and_loads_nothing_heavy() -> None:
    done = python("-X", "importtime", "app.py", "--help")
    assert done.returncode == 0
    for flag in ("--home", "--models", "--port", "--open", "--no-browser"):
        assert flag in done.stdout
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded and not {"gradio", "torch", "transformers", "llama_cpp", "writer_r1"} & loaded


CHILD = """
import sys, urllib.request
from pathlib import Path
from writer_r1.ui.app import serve
from writer_r1.workspace import Workspace
workspace = Workspace()
workspace.open_studio()
app, address = serve(workspace, 0, open_browser=False)
page = urllib.request.urlopen(address).read().decode()
assert "Writer-R1 Studio" in page and "window.studio" in page
print(sorted({"torch", "transformers", "llama_cpp", "gradio"} & set(sys.modules)))
sys.stdout.flush()
workspace.close()
import os; os._exit(0)
"""


def test_serving_the_first_page_loads_no_model_library() -> None:
    done = python("-c", CHILD)
    assert done.stdout.strip() == "['gradio']", done.stderr[-2000:]


@pytest.fixture
def studio() -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "app.py", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"Writer-R1 Studio: http://127\.0\.0\.1:(\d+)\n", line)
        assert found, line
        yield process, int(found[1])
        process.kill()


def status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    return connection.getresponse().status


def test_a_studio_answers_its_own_host_only_and_refuses_rivals_in_one_sentence(
    studio: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    process, port = studio
    assert status(port, f"127.0.0.1:{port}") == status(port, f"localhost:{port}") == 200
    assert status(port, "evil.example") == status(port, f"evil.example:{port}") == 400

    rival = python("app.py", "--port", "0")
    assert rival.returncode == 1 and re.fullmatch(r"Another studio is already open on .+\n", rival.stderr)

    taken = python("app.py", "--port", str(port), WRITER_R1_HOME=str(tmp_path / "second"))
    assert taken.returncode == 1 and re.fullmatch(rf"Port {port} cannot be used .+\n", taken.stderr), taken.stderr

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert process.stderr and "Traceback" not in process.stderr.read()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_home_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    began = time.monotonic()
    done = python("app.py", "--port", "0", "--home", str(tmp_path / "file" / "home"))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "cannot" in done.stderr
    assert time.monotonic() - began < 60


def test_a_server_elsewhere_is_never_said_to_be_this_machine() -> None:
    for here in (render.masthead("Tiny"), render.welcome("Tiny", begun=False)):
        assert "on this machine" in here
    for away in (render.masthead("Tiny on far.example", away=True), render.welcome("Tiny", begun=False, away=True)):
        assert "on another machine" in away and "on this machine" not in away


def test_a_draft_that_was_stopped_before_its_first_word_cannot_be_taken() -> None:
    rubric = rubric_of(criterion("Warmth"))
    for text, offered in (("", False), ("  \n", False), ("The lamp.", True)):
        now = Trajectory(id="t-1", prompt="A farewell.", rubric=rubric)
        now = now.model_copy(update={"attempts": (Attempt(number=1, text=text, complete=True),)})
        assert ("Use this round" in round_board.card(View(now), now.attempts[0], False, [""])) is offered
