"""The critique report: all of a run on one page that needs nothing else, every word of it escaped."""

import re
from html.parser import HTMLParser

import example_run as example
import pytest

from writer_r1.events import EVENT, Evaluated, Event, Scored
from writer_r1.store import OwnScore
from writer_r1.trajectory import Trajectory
from writer_r1.ui.report import report
from writer_r1.ui.view import View, advance

HOSTILE = "</style></p><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)> & \"'"


def view_of(events: list[Event]) -> View:
    return advance(View(Trajectory(id="run1", prompt=example.PROMPT), ended=True), list(enumerate(events, 1)))


def whole() -> View:
    given = OwnScore("run1", 2, example.CRITERIA[0], 4, 0.71, "fake", example.PROMPT, 1.0)
    return view_of(example.whole_run("run1"))._replace(own=(given,))


class Seen(HTMLParser):
    """The words a reader sees, the tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.tags, self.attributes = "", set[str](), dict[str, set[str]]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_j3_the_report_tells_all_of_a_run() -> None:
    words = Seen(report(whole(), "The lamp", 1e9)).words
    assert example.PROMPT in words
    for criterion in example.CRITERIA:
        assert criterion.name in words and criterion.description in words
    for text in (example.FIRST, example.SECOND, example.THIRD):
        assert all(paragraph in words for paragraph in text.split("\n\n"))
    for said in (
        "Round 1 (best)",
        "One voice to one girl fell by 3.1",
        "Lens, cloth and log book can be done from this.",
        "“Wipe the lens from the top”",
        "the judge's range 6.8 to 7.9",
        "yours 4",
        "not scored",
        "The judge's answer could not be read.",
        "Show the lens being cleaned and one thing she writes down.",
        "a guide, not a verdict · trust not measured yet",
        "Nobody has measured how far this judge can be trusted",
        "Worn phrases",
        "9 September 2001",
    ):
        assert said in words, said


@pytest.mark.parametrize(("trust", "says"), [("high", "High trust."), ("none", "No trust."), ("low", "low trust")])
def test_the_label_is_that_of_the_judge_at_that_time(trust: str, says: str) -> None:
    lines = [e.model_dump_json().replace('"trust":"unmeasured"', f'"trust":"{trust}"') for e in example.whole_run("r")]
    assert says in Seen(report(view_of([EVENT.validate_json(line) for line in lines]), "x", 1e9)).words


def test_a_quote_that_is_not_in_the_text_is_marked() -> None:
    lines = [e.model_dump_json().replace('"quote_found":true', '"quote_found":false') for e in example.whole_run("r")]
    words = Seen(report(view_of([EVENT.validate_json(line) for line in lines]), "x", 1e9)).words
    assert "“Wipe the lens from the top” (not found in the text)" in words


def test_every_word_is_escaped_and_nothing_is_fetched() -> None:
    names = (
        "reason",
        "quote",
        "text",
        "prompt",
        "description",
        "name",
        "edit",
        "fault",
        "why",
        "model",
        "judge",
        "said",
    )
    fields = re.compile(rf'"({"|".join(names)})":"(?=[^"])')
    evil = HOSTILE.replace('"', '\\"')
    events = []
    for event in example.whole_run("run1"):
        if event.event in ("started", "draft", "score", "evaluation", "reflection", "accepted", "rejected"):
            line = fields.sub(lambda m: f'"{m[1]}":"{evil}', event.model_dump_json())
            event = EVENT.validate_json(line)
        events.append(event)
    html = report(view_of(events), HOSTILE, 1e9)
    seen = Seen(html)
    assert not seen.tags & {"script", "img", "iframe", "link", "object", "a", "form"}
    assert not {name for name in seen.attributes if name.startswith("on")} | ({"src", "href"} & set(seen.attributes))
    assert "url(" not in html and "@import" not in html and seen.words.count("<script>alert(1)</script>") > 10


def test_a_run_that_hardly_began_has_a_report_too() -> None:
    for events in ([], example.coding()[:3], example.coding(), example.whole_run("r")[:25]):
        assert "Critique report" in Seen(report(view_of(events), "x", 1e9)).words


def test_the_same_run_makes_the_same_report() -> None:
    assert report(whole(), "x", 1e9) == report(whole(), "x", 1e9)


def test_a_radar_repeats_its_table_and_is_there_only_where_it_was_asked_for() -> None:
    assert "<svg" not in report(whole(), "The lamp", 1e9)
    html = report(whole(), "The lamp", 1e9, picture=True)
    section = html.split('<section class="radar">')[1].split("</section>")[0]
    assert section.count("<svg") == 1 and "not the area" in section
    seen = Seen(section)
    rows = re.findall(r'<th scope="row" dir="auto">(\d+)\. ', section)
    assert rows == [str(n + 1) for n in range(len(rows))] and len(rows) >= 3
    assert section.count("<polygon") == 3 + 2 and section.count("<circle") == section.count("<rect") == len(rows)
    numbers = [float(n) for n in re.findall(r"<td>([\d.]+)</td>", section)]
    assert len(numbers) == 2 * len(rows) and all(1 <= n <= 10 for n in numbers)
    assert seen.attributes["stroke-dasharray"] == {"5 4"}  # told apart by more than a colour


def test_a_radar_says_when_there_are_too_few_scores_for_one() -> None:
    events = [e for e in example.whole_run("run1") if not isinstance(e, Scored | Evaluated)]
    assert "No radar: it needs 3 criteria" in report(view_of(events), "The lamp", 1e9, picture=True)
