"""Runs afterwards: named and noted, laid over each other, taken along as a file, and the better adapter tried first."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_run_board import HOSTILE, shown

from writer_r1 import places
from writer_r1.cli import main
from writer_r1.errors import TrainingError
from writer_r1.training import job, run_folder
from writer_r1.training.best import Best
from writer_r1.training.config import configured, read_config
from writer_r1.training.deletion import delete
from writer_r1.training.report import Report, as_json, report
from writer_r1.training.run_note import FILE, RunNote, keep_note, run_note
from writer_r1.training.status import Status
from writer_r1.ui.run_board import config_link, run_board
from writer_r1.ui.run_list import run_list
from writer_r1.ui.run_overlay import METRICS, MOST, Curve, Picked, pick, run_overlay
from writer_r1.ui.train_tab import look, on_act
from writer_r1.workspace import Workspace


def made(home: Path, name: str, kind: Any = "sft", steps: int = 5, metric: str = "loss") -> Path:
    """Make the folder of a run that has ended."""
    folder = job.runs_in(home) / name
    run_folder.create(folder, configured(kind, name=name, base="starter", data="/rows.jsonl", steps=steps))
    for step in range(1, steps + 1):
        run_folder.add_metrics(folder, {"step": step, metric: 3.0 - 0.1 * step})
        run_folder.add_metrics(folder, {"step": step, "split": "held_out", metric: 3.1 - 0.1 * step})
    run_folder.end(folder, run_folder.Exit(outcome="finished", sentence="Done."))
    return folder


# a name and a note


def test_a_run_is_called_and_noted_as_its_user_likes_and_its_folder_stays(tmp_path: Path) -> None:
    folder = made(tmp_path, "sea")
    assert run_note(folder) == RunNote() and report(folder).title == "sea"
    keep_note(folder, "  Short   and salty ", " More rank next time. \ud83d\n")
    found = report(folder)
    assert (found.name, found.title, found.note.note) == ("sea", "Short and salty", "More rank next time. \ufffd")
    assert as_json(found)["title"] == "Short and salty"
    for faulty in ("x" * 81, "y"):
        with pytest.raises(TrainingError, match="80 characters at most and a note 4,000; shorten what you typed"):
            keep_note(folder, faulty, "n" * 4001)
    assert run_note(folder).title == "Short and salty"
    keep_note(folder, "", "")
    assert report(folder).title == "sea"
    (folder / FILE).write_text("{torn")
    assert run_note(folder) == RunNote()


def test_the_list_of_runs_says_the_name_that_commands_take_and_the_one_that_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_note(made(places.home(), "sea"), "Salty", "")
    assert main(["runs", "list"]) == 0
    assert re.fullmatch(r"sea +sft +finished +5 of 5  “Salty”\n", capsys.readouterr().out)


def test_the_page_keeps_a_note_says_what_it_refuses_and_shows_it_in_both_places(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, tmp_path / "models")
    made(tmp_path, "sea")
    wish = {"act": "note", "name": "sea", "title": "Salty", "note": "First line.\nSecond.", "ticket": "7-1"}
    page = on_act(workspace, "", wish)
    assert page[8] == '<span data-ticket="7-1"></span>'
    assert ">Salty</h2>" in page[0] and "Second." in page[0] and "First line. …" in page[1] and "Second." not in page[1]
    page = on_act(workspace, "", wish | {"title": "x" * 90})
    assert "shorten what you typed" in page[8] and ">Salty</h2>" in page[0]
    assert run_note(job.runs_in(tmp_path) / "sea").title == "Salty"


@pytest.mark.parametrize("text", HOSTILE)
def test_names_notes_and_settings_are_shown_as_words(text: str) -> None:
    noted = shown(Status("finished"), adapter=True)
    config = configured("sft", name="sea", base=text, data=text)
    noted = noted._replace(report=noted.report._replace(note=RunNote(title=text[:80], note=text), config=config))
    html = run_board(noted) + run_list([noted.report, noted.report], "sea", {}, ["sea"])
    html += run_overlay([Curve(text, [{"step": 1, "loss": 2.0}]), Curve(text, [{"step": 1, "loss": 2.0}])], text)
    html += run_overlay([Curve(text, []), Curve(text, [])], "")
    assert not re.search(r"<script|<img|</pre><b>", html)


# curves over each other


def test_runs_are_laid_over_each_other_by_the_same_metric(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, tmp_path / "models")
    for name in ("a", "b"):
        made(tmp_path, name)
    made(tmp_path, "c", kind="mrpo", metric="reward")
    keep_note(job.runs_in(tmp_path) / "a", "Salty", "")
    page = on_act(workspace, "", {"act": "pick", "name": "a", "value": "true"})
    assert "Tick another run" in page[2] and page[5] == Picked(("a",), "")
    page = on_act(workspace, "", {"act": "pick", "name": "b", "value": "true"}, page[5])
    assert page[1].count('aria-pressed="true"') == 2
    assert 'aria-label="Loss on held-out pieces. Salty: 3 at first, 2.6 now; b: 3 at first, 2.6 now."' in page[2]
    assert len(set(re.findall(r'<polyline class="(s\d)"', page[2]))) == 2  # dashes of their own
    page = on_act(workspace, "", {"act": "metric", "metric": "loss"}, page[5])
    assert "Loss in training, smoothed" in page[2] and page[5].metric == "loss"
    same = look(workspace, page[4], page[6], page[5])
    assert same.overlay == same.run == same.runs and same.picked == page[5]  # all skipped
    page = on_act(workspace, "", {"act": "pick", "name": "c", "value": "true"}, page[5])
    assert "Not measured in c." in page[2] and "Reward" not in page[2]
    delete(job.runs_in(tmp_path) / "b")
    page = on_act(workspace, "", {"act": "pick", "name": "x", "value": "true"}, page[5])
    assert page[5].runs == ("a", "c") and "no metric in common" in page[2]
    assert on_act(workspace, "", {"act": "unpick"}, page[5])[2] == ""


def test_runs_that_practise_thoughts_are_laid_over_each_other() -> None:
    rows = [
        {"step": step, "thoughts/reflection_tokens": 90.0 - step, "thoughts/useful": 0.5, "thoughts/well_formed": 0.8}
        for step in range(3)
    ]
    for metric, title in (
        ("reflection_tokens", "Tokens of reflections and revisions, smoothed"),
        ("useful", "Share of reflections that were useful, smoothed"),
        ("well_formed", "Share of replies that were thoughts, smoothed"),
    ):
        html = run_overlay([Curve("outcome", rows), Curve("credits", rows)], metric)
        assert f'aria-label="{title}. outcome: ' in html and html.count("data-metric=") == 3


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans())))
def test_a_picture_never_has_more_runs_than_can_be_told_apart(wishes: list[tuple[str, bool]]) -> None:
    now = Picked()
    for name, on in wishes:
        now, refusal = pick(now, {"act": "pick", "name": name, "value": str(on).lower()})
        assert len(set(now.runs)) == len(now.runs) <= MOST
        assert bool(refusal) == (on and name not in now.runs)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["step", "loss", "reward", "split"]), st.one_of(st.none(), st.floats(), st.text(max_size=3))
        ),
        max_size=6,
    )
)
def test_any_rows_make_a_picture_or_a_sentence(rows: list[dict[str, Any]]) -> None:
    for metric in ("", "loss", "kl"):
        html = run_overlay([Curve("a", rows), Curve("b", rows)], metric)
        assert html.count("<section") == html.count("</section>") == 1
    assert set(METRICS) >= {"held_out_loss", "held_out_reward", "kl"}


# a file of the settings


def test_the_file_of_a_runs_settings_begins_the_same_run_from_a_shell(tmp_path: Path) -> None:
    config = configured(
        "mrpo", preset="thorough", name="sea ü", base="starter", data="/x.jsonl", replay={"weight": 0.0}
    )
    link = re.search(r'download="([^"]*)" href="data:application/json;charset=utf-8,([^"]*)"', config_link(config))
    assert link and unescape(link[1]) == "sea ü.json"
    file = tmp_path / "sea.json"
    file.write_text(unquote(link[2]), "utf-8")
    settings = read_config(file)
    assert configured(settings.pop("kind"), **settings) == config
    assert json.loads(file.read_text("utf-8"))["replay"]["weight"] == 0.0
    assert "Download config" in run_board(shown(Status("finished")))


# the better of two adapters


def test_it_is_said_which_adapters_there_are_and_the_last_can_still_be_tried() -> None:
    one = shown(Status("finished"), adapter=True, last=True)
    found = one.report._replace(
        step=33, headline=(3.2, 2.5), best=Best(Path("b"), 20, 2.5)
    )  # stopped before it was tested
    html = run_board(one._replace(report=found))
    assert "the best on what was held out, after step 20 (2.5), and the last." in html
    assert re.findall(r'data-act="(try|blind|last)"', html) == ["try", "blind", "last"]
    same = run_board(one._replace(report=found._replace(step=40, best=Best(Path("b"), 40, 2.9)), last=False))
    assert "after step 40 is the best on what was held out, and the last" in same and 'data-act="last"' not in same
    training = run_board(one._replace(report=found._replace(status=Status("training"))))
    assert "Two adapters" not in training and 'data-act="last"' not in training


def test_a_run_that_has_only_a_best_adapter_can_be_tried(tmp_path: Path) -> None:
    folder = made(tmp_path, "sea")
    workspace = Workspace(tmp_path, tmp_path / "models")
    assert 'data-act="try"' not in look(workspace, "").run
    best = folder / "best" / "step-000003"
    best.mkdir(parents=True)
    (best / "figure.json").write_text('{"step": 3, "figure": 2.8}')
    assert 'data-act="try"' in look(workspace, "").run and 'data-act="last"' not in look(workspace, "").run
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").touch()
    assert 'data-act="last"' in look(workspace, "").run
    assert isinstance(report(folder), Report)
