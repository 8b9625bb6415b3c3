"""The sample set: every row can be used, keeps what its request asks for, and is nobody's stock phrase."""

from collections import Counter

import pytest

from writer_r1.checks import measure, stock_phrases, word_count
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.places import data
from writer_r1.training.data import Example, read, read_prompts, split

PIECES = read(data("assets/sample_pieces.jsonl"))
PROMPTS = read_prompts(data("assets/sample_prompts.jsonl"))
MANNER = ("person", "tense")  # these are estimated, see `checks.wording`


def test_every_row_is_read_and_none_is_said_twice() -> None:
    assert PIECES.dropped == PROMPTS.dropped == ()
    assert len(PIECES.examples) >= 90 and len(PROMPTS.examples) >= 50
    openings = Counter(e.text[:20] for e in PIECES.examples)
    assert openings.most_common(1)[0][1] == 1
    train, held_out = split(PROMPTS.examples, 0.34)
    assert len(train) >= 30 and len(held_out) >= 20


@pytest.mark.parametrize("example", PIECES.examples, ids=lambda e: e.id)
def test_a_piece_keeps_what_its_request_asks_for(example: Example) -> None:
    assert 60 <= word_count(example.text) <= 220
    for criterion in measured_criteria(read_facts(example.prompt)):
        assert criterion.check is not None
        if criterion.check.type == "relevance":  # needs the embedding model
            continue
        found = measure(criterion.check, example.text, example.prompt)
        least = 0.9 if criterion.check.type in MANNER else 1.0
        assert found.value is None or found.value >= least, f"{criterion.name}: {found.reason}"


def test_no_piece_has_a_stock_phrase() -> None:
    found = {e.id: stock_phrases(e.text) for e in PIECES.examples}
    assert {id_: m.reason for id_, m in found.items() if m.value is not None and m.value < 1} == {}


def test_the_pieces_differ_in_form_person_tense_and_length() -> None:
    facts = [read_facts(e.prompt) for e in PIECES.examples]
    assert len({f.form.value for f in facts if f.form}) >= 8
    assert {f.person.value for f in facts if f.person} == {"first", "second", "third"}
    assert {f.tense.value for f in facts if f.tense} == {"past", "present", "future"}
    assert sum(bool(f.must_include) for f in facts) >= 20 and sum(bool(f.must_not) for f in facts) >= 5
    assert sum(f.length is not None for f in facts) >= 40


def test_what_a_request_to_practise_on_asks_for_can_be_measured_without_a_model() -> None:
    for example in PROMPTS.examples:
        types = {c.check.type for c in measured_criteria(read_facts(example.prompt)) if c.check}
        assert "length" in types and types & {"must_include", "must_not"}, example.prompt
    assert not {e.prompt for e in PROMPTS.examples} & {e.prompt for e in PIECES.examples}
