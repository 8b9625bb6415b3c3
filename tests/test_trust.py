"""What the page says of a judge: the word beside every score, the table behind it, and nothing of it as markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import example_run as example
import pytest
from conftest import ROOT
from judges import HANNA, READERS, qualification

from writer_r1.calibration import read as read_fit
from writer_r1.events import Evaluated, Event
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import ALL, Accuracy, Agreement, Ladder, Qualification, sentence
from writer_r1.trajectory import Evaluation, JudgeInfo, Trajectory
from writer_r1.ui.compare_tab import Side, comparison
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.round_board import round_board
from writer_r1.ui.scores import GUIDE, guide
from writer_r1.ui.trust import LABEL, MEANING, Trust, day, known, page
from writer_r1.ui.view import View, advance

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


def judged(trust: str) -> View:
    """Return the example run, judged by somebody of this trust."""

    def by(event: Event) -> Event:
        if not isinstance(event, Evaluated):
            return event
        info = JudgeInfo(model="fake", trust=trust)  # type: ignore[arg-type]
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
        "Stories rated by teachers (WP-A)0.450.36 to 0.54",
        "Likability0.18−0.04 to 0.38",
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
    assert "Stories rated by readers (HANNA)0.28" in rows and "Paragraphs scored by experts (LAMP)—" in rows
    assert "All steps down—" in rows and "mine—" in rows
    assert "orders no texts" in known(found)


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
