"""What the page says of a judge: the word beside every score, the table behind it, and nothing of it as markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import example_run as example
import pytest
from conftest import ROOT
from judges import HANNA, READERS, qualification

from writer_r1.calibration import NO_MODEL, NOT_FITTED
from writer_r1.calibration import read as read_fit
from writer_r1.cli import main
from writer_r1.events import Evaluated, Event
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import ALL, Accuracy, Agreement, Ladder, Qualification, missed, result_at, sentence
from writer_r1.store import this_process
from writer_r1.trajectory import Evaluation, JudgeInfo, Trajectory
from writer_r1.ui.compare_tab import Side, comparison, on_compare
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.files import report_of
from writer_r1.ui.following import criteria_now, follow
from writer_r1.ui.passage_board import scores as passage_scores
from writer_r1.ui.passage_board import shown_of
from writer_r1.ui.report import report
from writer_r1.ui.round_board import round_board
from writer_r1.ui.scores import GUIDE, guide
from writer_r1.ui.trust import LABEL, MEANING, UNFITTED, Trust, day, known, page
from writer_r1.ui.view import View, advance
from writer_r1.workspace import Workspace

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)> \"' & ${1+1} {{x}}"


class Read(HTMLParser):
    """The text, the tags and the rows of a page; what only a screen reader is told apart from what is seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", list[str](), list[tuple[str, str | None]]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("tr", "p", "caption"):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data if data.strip() else ""

    def rows(self) -> list[str]:
        return [line for line in self.text.split("\n") if line.strip()]


def judged(trust: str, fit: str = "") -> View:
    """Return the example run, judged by somebody of this trust and fit."""

    def by(event: Event) -> Event:
        if not isinstance(event, Evaluated):
            return event
        info = JudgeInfo(model="fake", trust=trust, calibration=fit)  # type: ignore[arg-type]
        return event.model_copy(update={"evaluation": event.evaluation.model_copy(update={"judge": info})})

    events = [by(e) for e in example.whole_run("run1")]
    return advance(View(Trajectory(id="run1", prompt=example.PROMPT)), list(enumerate(events, 1)))


# Beside a score


@pytest.mark.parametrize("trust", get_args(Trust))
def test_every_overall_score_says_how_far_its_judge_can_be_trusted(trust: Trust) -> None:
    view = judged(trust)
    boards = [criteria_board(view, rubric=example.RUBRIC, busy=False), round_board(view, busy=False)]
    run: Any = type("Run", (), {"id": "run1", "model": "fake", "created": 0.0})
    sides = [Side("Piece", run, view.now, attempt) for attempt in view.now.attempts[:2]]
    boards.append(comparison(*sides))
    for html in boards:
        scores = html.count(f'<span class="guide">{GUIDE}')
        assert scores > 0 and html.count(f"{GUIDE} · ") == scores == html.count(
            f'title="{MEANING[trust]}">{LABEL[trust]}'
        )
        assert html.count(f'<span class="unseen">. {MEANING[trust]}</span>') == scores


@pytest.mark.parametrize("fit", [f"{NO_MODEL}-2c414ea4a146", f"{NO_MODEL}-such-2c414ea4a146", "fake-2c414ea4a146", ""])
def test_a_judge_that_was_never_fitted_to_readers_says_so_beside_every_overall_score(fit: str) -> None:
    view, unfitted = judged("low", fit), fit == f"{NO_MODEL}-2c414ea4a146"
    run: Any = type("Run", (), {"id": "run1", "model": "fake", "created": 0.0})
    sides = [Side("Piece", run, view.now, attempt) for attempt in view.now.attempts[:2]]
    shown = shown_of("run1", "", "finished", [])._replace(now=view.now)
    for html in (
        criteria_board(view, rubric=example.RUBRIC, busy=False),
        round_board(view, busy=False),
        comparison(*sides),
        passage_scores(shown, view.now.attempt(2), 2),
        report(view, "Piece", 0.0),
    ):
        said = html.count(f"low trust · {NOT_FITTED}")
        assert said == (html.count("low trust") if unfitted else 0) and (UNFITTED in html) is unfitted
    assert (UNFITTED in page("A judge", None, fit)) is (UNFITTED in page("A judge", qualification(), fit)) is unfitted


def test_scores_say_how_far_to_trust_them_while_others_are_still_to_come() -> None:
    view = judged("low")
    changed = example.RUBRIC.model_copy(update={"criteria": example.CRITERIA[:-1]})
    board = criteria_board(view, rubric=changed, busy=False)
    assert "of 10 overall" not in board and board.count(f"{GUIDE} · ") == 1 and "low trust" in board
    events = example.whole_run("run1")
    at = next(i for i, e in enumerate(events) if e.event == "score")
    begun = advance(View(Trajectory(id="run1", prompt=example.PROMPT)), list(enumerate(events[: at + 1], 1)))
    assert f"Being judged … · {guide(None)}" in criteria_board(begun, rubric=None, busy=True)


def test_a_test_of_a_judge_tells_of_the_scores_given_before_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace()
    piece = workspace.store.new_piece(example.PROMPT, example.FIRST)
    workspace.store.begin("run1", example.PROMPT, "fake", this_process(), piece.id)
    workspace.store.append("run1", example.whole_run("run1"))
    workspace.store.set_rubric(piece.id, example.RUBRIC)

    def places() -> dict[str, str]:
        pages = list(follow(workspace, f"{piece.id}/run1#1"))
        assert main(["history", "show", "run1"]) == 0
        return {
            "criteria followed": next(p.criteria for p in reversed(pages) if isinstance(p.criteria, str)),
            "rounds followed": next(p.rounds for p in reversed(pages) if isinstance(p.rounds, str)),
            "criteria": criteria_now(workspace, piece.id, "run1"),
            "compare": on_compare(workspace, "run1/1", "run1/2"),
            "report": report_of(workspace, "run1"),
            "shell": capsys.readouterr().out.replace("trust: unmeasured", LABEL["unmeasured"]),
        }

    assert {name for name, html in places().items() if LABEL["unmeasured"] not in html} == set()
    path = result_at("fake", workspace.home)
    path.parent.mkdir()
    path.write_text(qualification(prompt_hash="").model_dump_json())  # the example's judge had none
    for name, html in places().items():
        assert LABEL["unmeasured"] not in html and ("some trust" in html.lower() or "trust: some" in html), name
    workspace.close()


def test_where_nobody_judged_yet_nothing_is_said_of_a_judge() -> None:
    assert guide(None) == f'<span class="guide">{GUIDE}</span>'


def test_each_word_has_a_label_and_a_sentence_that_says_what_it_means() -> None:
    assert set(LABEL) == set(MEANING) == {*get_args(JudgeInfo.model_fields["trust"].annotation)}
    assert len(set(LABEL.values())) == len(set(MEANING.values())) == len(LABEL)
    assert all(said[0].isupper() and said.endswith(".") and said.count(".") == 1 for said in MEANING.values())


def test_an_evaluation_stored_before_trust_was_measured_is_not_measured_yet() -> None:
    old = Evaluation.model_validate({"rubric_id": "r", "reward": 0.5, "scores": [], "judge": {"model": "old"}})
    assert "trust not measured yet" in guide(old.judge)


# The page


def test_the_page_has_a_row_with_interval_for_every_ladder_and_every_rated_set() -> None:
    read = Read(page("A judge", qualification()))
    assert read.rows()[1].startswith("A judge judges, with some trust. Agrees with readers on grammar (0.38), cohesion")
    rows = read.rows()
    for row in (
        "All steps down9388 to 96",
        "Something asked for left out8171 to 87",
        "Another text put in10090 to 100",
        "Not taken in by texts made to please9075 to 100",
        "with length held fixed",
        "Stories rated by teachers (WP-A)0.450.36 to 0.540.45",
        "Likability0.18−0.04 to 0.380.17",
        "Paragraphs edited by experts (LAMP)7158 to 83",
    ):
        assert row in rows, row
    assert "Measured 3 Nov 2025 on 430 texts; two wordings of the question agree on 86 of 100 steps" in read.text
    assert "a guide, not a verdict" in read.text and all(said in read.text for said in MEANING.values())


def test_bars_stay_on_their_track_and_intervals_lie_where_their_numbers_say() -> None:
    html = page("A judge", qualification())
    assert 'style="left:53.0%;width:22.0%"' in html  # relevance, 0.53 to 0.75
    assert 'style="left:0.0%;width:38.0%"' in html  # likability begins below zero
    assert 'class="fill" style="width:65.0%"' in html


def test_a_set_with_one_mean_and_no_interval_and_a_figure_that_is_not_known_are_shown_as_such() -> None:
    none = Agreement(rho=None, lo=None, hi=None, rho_given_length=None, texts=2)
    nothing = Ladder(il=None, lo=None, hi=None, pl=None, pairs=0)
    unsure = Accuracy(accuracy=None, lo=None, hi=None, pairs=0)
    sets = {"hanna": HANNA, "lamp": {"Quality of the writing": none}, "mine": {"pairs": unsure}}
    found = qualification(
        sets=sets, ladders={"cut_tail": nothing, ALL: nothing}, entropy=None, position_consistency=None
    )
    rows = Read(page("A judge", found)).rows()
    assert "Stories rated by readers (HANNA)0.280.20" in rows and "Paragraphs scored by experts (LAMP)——" in rows
    assert "All steps down—" in rows and "mine—" in rows
    assert "could not be brought to put texts in order" in known(found)


def test_what_misses_its_mark_is_named_and_a_column_that_would_be_empty_is_left_out() -> None:
    html = page("A judge", qualification(failing=("ladders", "adversarial"), sets={}))
    assert "Below the pass mark: spoiled texts in order, never taken in by texts made to please." in html
    assert "with length held fixed" not in html
    assert "Below the pass mark" not in page("A judge", qualification(failing=()))


def test_an_unmeasured_judge_is_said_to_be_so_with_the_way_to_its_test() -> None:
    html = page("A judge", None)
    assert MEANING["unmeasured"] in html and 'data-tab="models"' in html and "<table" not in html


def test_no_name_or_figure_becomes_markup() -> None:
    sets = {
        HOSTILE: READERS | {HOSTILE: READERS["relevance"]},
        "wp_a": {HOSTILE: READERS["relevance"], "mean_rho": 0.1},
    }
    hostile = qualification(judge=HOSTILE, sets=sets, measured=HOSTILE, left_out={HOSTILE: HOSTILE})
    for html in (page(HOSTILE, hostile), page(HOSTILE, None)):
        read = Read(html)
        assert not {"script", "img"} & set(read.tags)
        assert not {name for name, _ in read.attributes if name.startswith("on") or name in ("src", "href")}
        assert "<script>alert(1)</script>" in read.text
    assert HOSTILE in sentence(hostile)  # plain text, escaped where it enters a page


def test_a_day_is_told_as_people_tell_it() -> None:
    from datetime import date

    this = date.today().year
    assert day(f"{this}-03-09") == "9 Mar" and day("2019-11-30") == "30 Nov 2019" and day("x") == "on a day unknown"


@pytest.mark.parametrize("path", sorted((ROOT / "assets" / "judges").glob("*.qualified.json")), ids=lambda p: p.stem)
def test_what_is_shipped_of_a_judge_was_measured_with_its_shipped_fit(path: Path) -> None:
    found = Qualification.model_validate_json(path.read_bytes())
    fit = read_fit(path.with_name(f"{found.judge}.json"))
    assert (found.calibration, found.prompt_hash) == (fit.id, prompt_hash("judge")), "run writer-r1 qualify anew"
    assert found.sets["wp_a"]["mean_rho"] == fit.overall.rho and found.texts > 100
    order, resisted = found.ladders[ALL].il, found.adversarial[ALL].accuracy
    assert found.failing == missed(found.sets, order, found.position_consistency, resisted)
