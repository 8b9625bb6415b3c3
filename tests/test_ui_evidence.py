"""What the page says a score rests on: words, sentences, expected readers, escaped."""

from html.parser import HTMLParser

import example_run as example
from hypothesis import given
from hypothesis import strategies as st

from writer_r1.trajectory import Attempt, Evaluation, JudgeInfo, Note
from writer_r1.ui.evidence import READERS, UNFITTED, noted, rests_on


def attempt(*notes: Note, calibration: str = "m-1", readers: dict[str, float] | None = None) -> Attempt:
    judge = JudgeInfo(model="m", calibration=calibration)
    found = Evaluation(rubric_id="r", reward=0.5, scores=(), judge=judge, notes=notes, readers=readers or {})
    return Attempt(number=2, text="x", complete=True, evaluation=found)


def note(said: str, value: float, quote: str | None = None) -> Note:
    return Note(check="c", value=value, said=said, reason=f"{said.capitalize()}.", quote=quote)


def test_a_line_says_what_was_measured_and_marks_what_is_wrong_by_more_than_colour() -> None:
    assert noted(attempt(note("repeats itself", 0.2), note("on topic", 0.9))) == (
        '<p class="noted"><b>repeats itself</b> · on topic</p>'
    )
    assert noted(None) == noted(attempt()) == "" and rests_on(attempt()) == ""


def test_opened_it_gives_sentences_quotes_and_what_readers_are_expected_to_say() -> None:
    html = rests_on(attempt(note("some worn phrases", 0.4, "heart skipped"), readers={"likability": 0.5}))
    assert "What this rests on" in html and READERS in html and UNFITTED not in html
    assert "Some worn phrases." in html and "“heart skipped”" in html
    assert 'aria-label="likability: 5.5 of 10"' in html and ">Likability<" in html


def test_a_model_that_was_never_calibrated_is_told_so() -> None:
    html = rests_on(attempt(calibration="none-1", readers={"likability": 0.5}))
    assert UNFITTED in html and READERS not in html


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_stands_in_a_note_stays_text(said: str, quote: str) -> None:
    made = attempt(note(f"<script>{said}", 0.1, f"<img onerror=x>{quote}"), readers={"<i>x": 0.2})
    assert Tags(noted(made) + rests_on(made)).names <= {
        "p", "b", "details", "summary", "ul", "li", "span", "i", "blockquote",
    }  # fmt: skip


def test_the_example_run_shows_its_notes_on_the_board() -> None:
    first = example.SCORES[1]
    assert [n.said for n in first.notes] == ["some worn phrases", "on topic", "complete"]
