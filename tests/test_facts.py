"""Facts: what a request states is found with its words, and what it does not state is not."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.facts import Facts, codes, detect_language, measured_criteria, read_facts
from writer_r1.trajectory import Rubric

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this checkout")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("request_text", "form"),
    [
        ("Write a short story about rain", "short story"),
        ("You are a reviewer of novels. Write an email to the author.", "email"),
        ("Write an outline for a blog post", "outline"),
        ("Compose a free-verse poem", "poem"),
        ("Draft a cover letter", "cover letter"),
        ("Keep a diary entry in the voice of a cat", "diary entry"),
        ("请写一封信", "letter"),
        ("写一首关于月亮的诗", "poem"),
        ("写一场史诗感的战斗", None),
        ("Write without the letter e", None),
        ("Tell me about Paris", None),
    ],
)
def test_the_form_is_the_one_asked_for(request_text: str, form: str | None):
    fact = read_facts(request_text).form
    assert (fact.value if fact else None) == form


@pytest.mark.parametrize(
    ("request_text", "field", "value"),
    [
        ("Write it in the first person.", "person", "first"),
        ("a first-person sketch", "person", "first"),
        ("First person, past tense, 600-800 words.", "person", "first"),
        ("told in second person", "person", "second"),
        ("about 1,000 words, third person and close to one woman", "person", "third"),
        ("用第一人称写", "person", "first"),
        ("a story about the first person to land on Mars", "person", None),
        ("Avoid the first person.", "person", None),
        ("First person, past tense.", "tense", "past"),
        ("in the present tense", "tense", "present"),
        ("a tense scene in the present", "tense", None),
        ("do not use present tense", "tense", None),
        ("a bedtime story for a five-year-old", "audience", "a five-year-old"),
        ("a poem for very young children", "audience", "very young children"),
        ("a search for children lost in the wood", "audience", "children"),
        ("The target audience is tech enthusiasts.", "audience", "tech enthusiasts"),
        ("Write a letter for my sister", "audience", None),
        ("a poem in French", "language", "fr"),
        ("Introduce in English the customs of Shandong", "language", "en"),
        ("a story set in French Polynesia", "language", "en"),
        ("用中文写", "language", "zh"),
        ("用英语写一首诗", "language", "en"),
        ("Write a story of the sea", "language", "en"),
        ("Schreibe ein Gedicht über den Regen und das Meer", "language", "de"),
        ("写一首诗", "language", "zh"),
    ],
)
def test_manner_is_read_only_where_it_is_asked(request_text: str, field: str, value: str | None):
    fact = getattr(read_facts(request_text), field)
    assert (fact.value if fact else None) == value
    assert fact is None or fact.span is None or fact.span in request_text


def literal(facts: Facts, field: str) -> list[str]:
    return [f.value for f in getattr(facts, field) if f.literal]


@pytest.mark.parametrize(
    ("request_text", "wanted", "unwanted", "letters"),
    [
        ("Include the words 'lantern' and 'tide'.", ["lantern", "tide"], [], []),
        ("Include the words lantern, tide and rope.", ["lantern", "tide", "rope"], [], []),
        ("a poem that includes the word lantern", ["lantern"], [], []),
        ("a poem using the words “sea glass”, “salt”", ["sea glass", "salt"], [], []),
        ("Use the phrase “not yet. Never.” twice.", ["not yet. Never."], [], []),
        ("You must mention the lighthouse and the storm.", ["lighthouse", "storm"], [], []),
        ('Mention "Paris" but never use the word "love".', ["Paris"], ["love"], []),
        ("Do not mention the war.", [], ["war"], []),
        ("Don't use the words very and suddenly", [], ["very", "suddenly"], []),
        ("Avoid the words 'very' or 'just'.", [], ["very", "just"], []),
        ("Write it without using the letter e.", [], [], ["e"]),
        ("without the letters a, e and i", [], [], ["a", "e", "i"]),
        ("without ever mentioning the word 'death'", [], ["death"], []),
        ("必须包含“月亮”、“故乡”，不要出现“思念”", ["月亮", "故乡"], ["思念"], []),
        ("Include a surprise ending and vivid detail.", [], [], []),
        ("do not state a moral", [], [], []),
        ("Avoid preachiness.", [], [], []),
        ("Face-changing techniques include “wiping face”.", [], [], []),
        ("Quixote is obsessed with “chivalry”.", [], [], []),
        ("use the words of a dying man", [], [], []),
        ("in 200 words, using 3 words a line", [], [], []),
        ("a pair who do not use words", [], [], []),
        ("他写道：“不会出现了”", [], [], []),
    ],
)
def test_only_words_given_as_words_become_literal(
    request_text: str, wanted: list[str], unwanted: list[str], letters: list[str]
):
    facts = read_facts(request_text)
    assert literal(facts, "must_include") == wanted
    assert literal(facts, "must_not") == unwanted
    assert literal(facts, "letters_not") == letters


def test_what_no_rule_can_measure_is_kept_for_the_coding_model():
    facts = read_facts("Write a fable; do not state a moral. Avoid excessive imagery, please.")
    assert [f.value for f in facts.must_not] == ["state a moral", "excessive imagery"]
    assert "Left out" not in [c.name for c in measured_criteria(facts)]
    assert "to avoid: state a moral" in [c.label for c in codes(facts)]


@pytest.mark.parametrize(
    ("request_text", "wanted", "form"),
    [
        ("Include a lighthouse, a storm and a lost letter.", ["a lighthouse", "a storm", "a lost letter"], None),
        ("Write a story. Include a dog, an old key, and the word “snow”.", ["a dog", "an old key", "snow"], "story"),
        ("Include dialogue and make it sad.", ["dialogue"], None),
        ("Include a twist that nobody sees coming, and a dog.", ["a twist that nobody sees coming", "a dog"], None),
        ("Write a birthday card. Include a short poem.", ["a short poem"], None),
        ("Include a set of rules.", ["a set of rules"], None),
    ],
)
def test_each_thing_of_a_list_is_wanted_and_none_of_them_is_the_form(
    request_text: str, wanted: list[str], form: str | None
):
    facts = read_facts(request_text)
    assert [f.value for f in facts.must_include] == wanted
    assert all(f.span and f.span in request_text for f in facts.must_include)
    assert (facts.form.value if facts.form else None) == form


def test_first_and_last_words_are_read_once():
    facts = read_facts("Start with \"It was late.\" and end the story with the words 'so be it'.")
    assert facts.opening and facts.opening.value == "It was late."
    assert facts.ending and facts.ending.value == "so be it"
    names = [c.name for c in measured_criteria(facts)]
    assert {"Opening words", "Closing words"} <= set(names)
    assert "Must include" not in names


@needs_data
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("writingbench_literature", "query"),
        ("writingbench_short_other", "query"),
        ("hellobench_htg_prompts", "instruction"),
    ],
)
def test_no_words_are_demanded_by_requests_that_demand_none(name: str, field: str):
    for row in rows(name):
        facts = read_facts(row[field])
        assert not literal(facts, "must_include") + literal(facts, "must_not") + literal(facts, "letters_not")


def test_three_criteria_are_always_there_and_the_rest_only_when_asked():
    plain = measured_criteria(read_facts("Write about the sea."))
    assert [c.name for c in plain] == ["Complete ending", "No repetition", "On topic"]
    full = measured_criteria(
        read_facts(
            "Write a 200-word story in French for children, first person, past tense. Include the word 'mer'. "
            "Never use the word 'eau'. Do not use the letter z. Begin with 'Hier'."
        )
    )
    assert [c.name for c in full][3:] == [
        "Length",
        "Opening words",
        "Must include",
        "Left out",
        "Letters left out",
        "Language",
        "Point of view",
        "Tense",
    ]
    assert all(c.kind == "measured" and c.check and c.source.stage == "rule" for c in full)
    assert full[3].description == "The piece is about 200 words long."
    assert full[3].source.span == "200-word"


def test_a_request_in_another_language_asks_for_that_language():
    (language,) = [c for c in measured_criteria(read_facts("写一首关于大海的诗")) if c.name == "Language"]
    assert language.check and language.check.value == "zh"
    assert language.source.span is None


def test_codes_are_short_and_come_from_the_request():
    request_text = (
        "Write a 200-word fable for children in the past tense; mention the fox, without using the word 'moral'."
    )
    found = codes(read_facts(request_text))
    assert [c.label for c in found] == [
        "about 200 words",
        "written as: fable",
        "told in past tense",
        "written for children",
        "to include: fox",
        "to avoid: moral",
    ]
    assert all(c.stage == "rule" and c.span and c.span in request_text for c in found)
    assert all(2 <= len(c.label.split()) <= 6 for c in found)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The sun went down and the boats came in with the tide.", "en"),
        ("Die Sonne ging unter und die Boote kamen mit der Flut.", "de"),
        ("Le soleil se couchait et les bateaux rentraient avec la marée.", "fr"),
        ("El sol se ponía y los barcos volvían con la marea.", "es"),
        ("Il sole tramontava e le barche tornavano con la marea, che non era alta.", "it"),
        ("O sol se punha e os barcos voltavam com a maré, que não era alta.", "pt"),
        ("De zon ging onder en de boten kwamen met het getij.", "nl"),
        ("Солнце село, и лодки вернулись.", "ru"),
        ("Сонце сіло, і човни повернулися.", "uk"),
        ("太阳落山了，船回来了。OpenStack和Ceph", "zh"),
        ("太陽が沈み、舟が戻ってきた。", "ja"),
        ("東京都庁舎で会議開催予定です", "ja"),
        ("해가 지고 배들이 돌아왔다.", "ko"),
        ("غربت الشمس وعادت القوارب.", "ar"),
        ("השמש שקעה והסירות חזרו.", "he"),
        ("सूरज डूब गया और नावें लौट आईं।", "hi"),
        ("Ο ήλιος έδυσε και οι βάρκες γύρισαν.", "el"),
        ("พระอาทิตย์ตกแล้ว", "th"),
        ("Xyzzy plugh", None),
        ("", None),
        ("1984 !!! ...", None),
    ],
)
def test_languages_are_told_apart(text: str, code: str | None):
    assert detect_language(text) == code


FRAGMENTS = st.sampled_from(
    [
        "200 words ",
        "include the word 'x' ",
        "不少于",
        "八百字",
        "“",
        '"',
        "'",
        "without ",
        "use ",
        "the letter ",
        "first person",
    ]
)


@settings(deadline=None)  # time has tests of its own
@given(st.text() | st.lists(FRAGMENTS | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_gives_facts_whose_spans_are_in_it_and_a_valid_rubric(text: str):
    facts = read_facts(text)
    stated = [facts.form, facts.person, facts.tense, facts.audience, facts.language, facts.opening, facts.ending]
    for fact in (*stated, *facts.must_include, *facts.must_not, *facts.letters_not, facts.length):
        assert fact is None or fact.span is None or fact.span in text
    assert all(len(c.label) <= 120 for c in codes(facts))
    Rubric(prompt_id="p", criteria=measured_criteria(facts))


def test_half_an_emoji_does_not_break_it():
    facts = read_facts("Include the word '\ud83d' and 200 words \udc00")
    assert facts.length and facts.length.low == 180


def test_both_ends_of_a_very_long_request_are_read():
    middle = "The tide came in. " * 5_000
    assert read_facts("Write 200 words on this: " + middle).length
    assert read_facts(middle + "Sum it up in 200 words.").length
    assert read_facts(middle + "It had 200 words." + middle).length is None


@pytest.mark.parametrize(
    "text",
    [
        "word " * 100_000,
        "1" * 500_000,
        "1," * 200_000,
        "a hundred " * 50_000,
        "include " * 50_000,
        "use the words a, " * 20_000,
        "without using " * 30_000,
        '"' * 300_000,
        "“" * 300_000,
        "'a" * 150_000,
        " " * 500_000,
        "write a story " * 30_000,
        "一" * 300_000,
        "five year old-" * 30_000,
        "包含“" * 100_000,
    ],
    ids=lambda text: text[:14],
)
def test_hostile_requests_are_read_in_linear_time(text: str):
    begun = time.process_time()
    read_facts(text)
    assert time.process_time() - begun < 5  # measured below 0.3 s; a quadratic pattern takes minutes
