"""Acceptance checks of the page's design that no test of one module makes, each by its number there.

The others are made where their module is tested: look for "of the page's design".
"""

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, criterion, of, revision, rubric_of, script, task, team

from writer_r1.events import Accepted, Event
from writer_r1.folding import fold
from writer_r1.llm import Cancel, Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import write
from writer_r1.reasons import UNQUOTED, occurs
from writer_r1.trajectory import Attempt, Check, Rubric, Trajectory, weighted_reward
from writer_r1.ui.round_board import round_board
from writer_r1.ui.view import View, advance

MARKS = ("", "alpha", "beta", "gamma", "delta", "epsilon")  # of a first draft and its revisions
NAMES = ("Warmth", "Salt", "Voice")

Digits = tuple[float | None, ...]  # of the criteria, in order; None is an answer that is no digit


class Judging(FakeLLM):
    """Gives each text, known by its mark, the digits it is told to; revisions come in the order of the marks."""

    def __init__(self, digits: Sequence[Digits], **replies: str) -> None:
        texts = iter([revision(mark) for mark in MARKS[1:]])
        super().__init__(script(**({"revise": lambda request: next(texts)} | replies)))  # type: ignore[arg-type]
        self.digits = dict(zip(MARKS, digits, strict=False))

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        draft = request.messages[-1].content
        mark = next((m for m in MARKS[1:] if f"stairs, {m} as" in draft), "")
        told = [self.digits[mark][next(i for i, n in enumerate(NAMES) if n in s)] for s in suffixes]
        self.judge = lambda _, suffix: told[suffixes.index(suffix)] or 1.0
        rows = super().choice_logprobs(request, suffixes, choices, cancel) or []
        return [row if d is not None else dict.fromkeys(row, -30.0) for row, d in zip(rows, told, strict=True)]


class Played(NamedTuple):
    events: list[Event]
    run: Trajectory


def played(llm: FakeLLM, rubric: Rubric, rounds: int, text: str = "") -> Played:
    events = list(write(task(rubric=rubric, rounds=rounds, text=text, patience=rounds, target=2.0), team(llm)))
    return Played(events, fold(events, Trajectory(id="t-1", prompt=PROMPT)))


DIGIT = st.one_of(st.none(), st.integers(1, 9).map(float), st.floats(1, 9))
SCORED = st.lists(st.tuples(DIGIT, DIGIT, DIGIT), min_size=2, max_size=len(MARKS))
RUBRICS = st.tuples(*[st.tuples(st.sampled_from([0.5, 1.0, 4.0]), st.booleans())] * 3).map(
    lambda rows: rubric_of(*(criterion(n, weight=w, locked=lock) for n, (w, lock) in zip(NAMES, rows, strict=True)))
)


@pytest.mark.parametrize("check", range(1, 17))
def test_each_acceptance_check_is_made_by_a_test_that_says_so(check: int) -> None:
    told = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    by_docstring = rf'"""Acceptance {check}\b[^"]*of the page\'s design'
    assert any(re.search(by_docstring, text) or f"def test_{check}_" in text for text in told)


# Acceptance 10


def rows(html: str) -> list[tuple[float | None, str]]:
    """Return the score that stands in each row of a board, and all the words of the row."""
    found = []
    for part in html.split('<li class="row')[1:]:
        row = part.split("</li>")[0]
        if value := re.search(r'class="value">([^<]+)<', row):
            number = None if value[1] == "—" else float(value[1])
            found.append((number, unescape(re.sub(r"<[^>]+>", " ", row))))
    return found


REASONS = (
    'my left boot" show a lived detail.',
    "my left boot show a lived detail",
    'golden sunset" is a cliché.',
    'golden sunset" is worse than "the kettle".',
    "",
    'a" is short.',
    "   ",
    'winters, and you have kept nothing of mine." ' + "It goes on and on, " * 20,
)


@given(SCORED, st.sampled_from(REASONS), st.booleans())
@settings(max_examples=60)
def test_10_j1_every_score_below_3_has_a_quote_that_occurs_in_the_text_or_is_flagged(
    digits: list[Digits], reason: str, own: bool
) -> None:
    """A count is its own evidence: what was counted stands there."""
    length = criterion("Length", check=Check(type="length", low=4000, high=5000))
    rubric = rubric_of(*(criterion(name) for name in NAMES), length)
    llm = Judging(digits, reason=reason, extend="He wrote it all down, and then the last of the oil was gone.")
    events, run = played(llm, rubric, len(digits) - 1, FIRST if own else "")
    view = advance(View(Trajectory(id="t-1", prompt=PROMPT)), list(enumerate(events, 1)))
    low = 0
    for attempt in run.attempts:
        card = round_board(view, busy=False).split(f'data-attempt="{attempt.number}"', 1)[1].split("</article>")[0]
        for value, said in rows(card):
            if value is None or value >= 3:
                continue
            low += 1
            quotes = re.findall(r"“([^”]+)”", said)
            found = any(occurs(q, attempt.text) for q in quotes) and "not found in the text" not in said
            assert found or "not found in the text" in said or UNQUOTED in said or "4,000 to 5,000 asked" in said, said
    assert low >= 1


# Acceptance 11


def values_of(attempt: Attempt) -> dict[str, float | None]:
    return {s.criterion_id: s.value for s in attempt.evaluation.scores} if attempt.evaluation else {}


@given(SCORED, RUBRICS, st.booleans())
@settings(max_examples=150)
def test_11_j5_a_round_worse_than_its_parent_is_never_chosen_as_best(
    digits: list[Digits], rubric: Rubric, own: bool
) -> None:
    events, run = played(Judging(digits), rubric, len(digits) - 1, FIRST if own else "")
    chosen = [e.attempt for e in of(Accepted, events)]
    assert run.best == (chosen[-1] if chosen else None)
    for number in chosen:
        new = run.attempt(number)
        parent = run.attempt(new.parent) if new and new.parent is not None else None
        assert new and new.evaluation and new.evaluation.reward is not None
        if parent is None:
            continue
        before, after = values_of(parent), values_of(new)
        both = [k for k, v in after.items() if v is not None and before[k] is not None]
        now = weighted_reward(rubric, {k: after[k] for k in both})
        then = weighted_reward(rubric, {k: before[k] for k in both})
        assert now is not None and then is not None and now > then
        for c in rubric.criteria:
            was, is_ = before[c.id], after[c.id]
            assert was is None or is_ is not None, "what was scored is scored still"
            assert was is None or is_ is None or is_ >= was - (0 if c.locked else 1 / 9) - 1e-9
