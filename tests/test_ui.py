"""The page without a browser: what is rendered, which run is followed, how the studio starts, refuses and ends."""

import http.client
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
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.events import Drafted, Event, Failed, Finished, Proposed, Scored, Stopped
from writer_r1.store import Store, this_process
from writer_r1.trajectory import Trajectory
from writer_r1.ui import render, scores, write_tab
from writer_r1.ui.app import create_app
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
        for part in render.screen(view._replace(now=now)):
            page = parsed(part)
            assert not {"script", "img", "textarea", "a", "iframe"} & set(page.tags)
            assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip))
@settings(deadline=None)
def test_the_manuscript_shows_the_draft_to_the_letter(text: str) -> None:
    assert parsed(render.prose(text)).text.split() == text.split()


def test_a_score_reads_from_1_to_10_and_a_missing_one_is_a_dash_never_a_number() -> None:
    assert [scores.ten(v) for v in (0.0, 0.5, 1.0, None)] == ["1.0", "5.5", "10.0", "—"]
    unscored = scores.bar(example.CRITERIA[5], example.SCORES[1].scores[5])
    assert "not scored" in unscored and ">—<" in unscored and "fill" not in unscored


def test_a_change_within_the_judges_ranges_is_shown_as_none() -> None:
    before, near, far = example.score(0, 0.5), example.score(0, 0.55), example.score(0, 0.8)
    assert parsed(scores.change(before, near)).text == "="
    assert parsed(scores.change(before, far)).text == "+2.7"
    assert parsed(scores.change(far, before)).text == "−2.7"
    assert parsed(scores.change(None, far)).text == ""


def test_a_whole_run_shows_each_attempt_with_what_was_asked_what_became_of_it_and_one_best() -> None:
    board = render.rounds(view_of(example.whole_run("run1")))
    text = parsed(board).text
    assert [title for title in ("First draft", "Round 1", "Round 2") if title in text] == [
        "First draft",
        "Round 1",
        "Round 2",
    ]
    assert board.count('class="badge"') == 1 and 'aria-label="Round 1, 7.8 of 10, best"' in board
    assert "Not accepted: One voice to one girl fell by 3.1" in text
    assert example.ADVICE[2][0].edit in text and "a guide, not a verdict" in text


def test_the_criteria_say_where_they_came_from_and_what_was_left_out() -> None:
    text = parsed(render.criteria(view_of(example.whole_run("run1")))).text
    for words in ("worded by the model", "read in your request", "true of most good writing", "weight 2", "locked"):
        assert words in text
    assert "Emotional depth: could be said of any text" in text and "Recalled from earlier work (1)" in text


def test_a_criterion_not_yet_judged_has_no_bar() -> None:
    assert render.criteria(view_of(until(Scored, 2))).count('class="bar"') == 2
    assert render.rounds(view_of(until(Scored, 2))).count('class="bar"') == 2


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


def test_a_run_whose_process_died_is_called_interrupted_and_its_text_safe() -> None:
    view = view_of(until(Drafted)[:-1])._replace(ended=True)
    assert standing(view) == INTERRUPTED
    assert "kept below" in render.card(view) and "unfinished" in render.manuscript(view)


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


def test_a_page_follows_the_run_it_asks_for_else_the_running_one_else_the_newest(workspace: Workspace) -> None:
    assert next(write_tab.on_load(workspace, None))[0] is None
    stored(workspace.store, "older", example.whole_run("older"))
    stored(workspace.store, "going", example.coding())
    stored(workspace.store, "newer", example.whole_run("newer"))
    assert next(write_tab.on_load(workspace, "older"))[0] == "older"
    assert next(write_tab.on_load(workspace, None))[0] == "going"
    workspace.store.append("going", [Finished(trajectory_id="going", best_attempt=None, rounds=0)])
    assert next(write_tab.on_load(workspace, None))[0] == "newer"
    with pytest.warns(UserWarning, match="no run 'nowhere'"):
        assert next(write_tab.on_load(workspace, "nowhere"))[0] == "newer"


def test_a_follower_sends_only_what_changed_and_ends_with_the_run(workspace: Workspace) -> None:
    stored(workspace.store, "run1", until(Drafted))
    pages = write_tab.follow(workspace, "run1")
    next(pages)  # before the first event
    written = next(pages)
    assert "Dear Ines" in written[4]
    workspace.store.append("run1", [Failed(message="The disk is full.")])
    last = list(pages)
    assert "The disk is full." in last[0][3]
    assert last[0][5] == {"__type__": "update"}  # the criteria did not change


def test_an_interrupted_run_is_shown_with_its_text_and_start_is_free_again(workspace: Workspace) -> None:
    stored(workspace.store, "run1", until(Drafted)[:-1], owner=DEAD)
    pages = list(write_tab.follow(workspace, "run1"))
    assert "was closed while this was being written" in pages[-1][3] and "Dear Ines" in pages[0][4]
    assert pages[-1][7].interactive and not pages[-1][8].interactive


@pytest.mark.parametrize("brief", ["", "  \n"])
def test_an_empty_brief_is_answered_with_one_sentence_and_no_run(workspace: Workspace, brief: str) -> None:
    with pytest.warns(UserWarning, match="Say in a sentence"):
        [page] = write_tab.on_start(workspace, brief, 1)
    assert "Say in a sentence what the piece should do." in page[3] and workspace.store.latest() is None


def test_stop_from_another_page_reaches_the_run_through_the_store(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.coding())
    write_tab.on_stop(workspace, "run1")
    assert workspace.store.stop_asked("run1")


# The app


def test_no_event_of_the_page_is_public_and_the_brief_is_no_output_of_the_server(workspace: Workspace) -> None:
    app = create_app(workspace)
    assert app.fns and all(fn.api_visibility == "private" for fn in app.fns.values())
    [brief] = [b for b in app.blocks.values() if getattr(b, "elem_id", None) == "brief"]
    assert not [fn for fn in app.fns.values() if fn.fn is not None and brief in fn.outputs]
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
assert "Writer-R1 Studio" in page and "studio.restore" in page
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
    assert process.wait(timeout=20) == 0
    assert process.stderr and "Traceback" not in process.stderr.read()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_home_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    began = time.monotonic()
    done = python("app.py", "--port", "0", "--home", str(tmp_path / "file" / "home"))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "cannot" in done.stderr
    assert time.monotonic() - began < 20
