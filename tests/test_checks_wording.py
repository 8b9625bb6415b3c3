"""Checks of words: what must be there, what must not, the language, the person, the tense, and the request."""

import time

import pytest

from writer_r1.checks import (
    copied_share,
    faults,
    is_looping,
    language,
    measure,
    must_include,
    must_not,
    person,
    relevance,
    tense,
)
from writer_r1.trajectory import Check

PAST = (
    "She walked to the pier and looked at the boats. He was late, and it had begun to rain. She went home and slept. "
)
PRESENT = (
    "She walks to the pier, and there is no boat. He is late, and it has begun to rain. She goes home; he says no. "
)
FIRST = "I walked to the pier, and my coat was wet. We had no boat. I went home with my dog. "
GERMAN = "Die Sonne ging unter und die Boote kamen mit der Flut nach Hause. Es war nicht spät, und sie schliefen."
ENGLISH = "The sun went down and the boats came home with the tide. It was not late, and they slept."


@pytest.mark.parametrize(
    ("text", "item", "there"),
    [
        ("Two lanterns burned.", "lantern", True),
        ("She danced.", "dance", True),
        ("They were dancing", "dance", True),
        ("He stopped", "stop", True),
        ("He carries it", "carry", True),
        ("a carriage", "car", False),
        ("LANTERN", "lantern", True),
        ("the art of war", "art", True),
        ("party", "art", False),
        ("said not\nyet, he", "not yet", True),
        ("don’t go", "don't go", True),
        ("月亮很圆", "月亮", True),
        ("sunlit", "sun", False),
        ("the sun's edge", "sun", True),
        ("a dancer", "dance", False),
        ("กินข้าวแล้ว", "ข้าว", True),
        ("והירח עלה", "ירח", True),
        ("C++ and C", "C++", True),
    ],
)
def test_words_are_found_in_their_plain_forms_and_only_as_words(text: str, item: str, there: bool):
    found = must_include(text, [item])
    assert found.value == float(there)
    assert bool(found.spans) == there
    assert must_not(text, [item]).value == 1 - float(there)


def test_missing_words_are_named_and_the_share_is_counted():
    found = must_include("The tide turned.", ["tide", "rope", "salt"])
    assert found.value == pytest.approx(1 / 3)
    assert found.reason == "Missing: “rope”, “salt”."
    assert found.spans == ((4, 8),)


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        ("It was late. The tide turned.", "start", 1.0),
        ("“It was late,” he said.", "start", 1.0),
        ("The Tide\n\nIt was late.", "start", 1.0),
        ("Then it was late.", "start", 0.0),
        ("A Title\nA subtitle\nIt was late", "start", 0.0),
        ("He said it was late.”", "end", 1.0),
        ("It was late. Very.", "end", 0.0),
    ],
)
def test_first_and_last_words_must_stand_at_that_end(text: str, where: str, value: float):
    assert must_include(text, ["it was late"], where).value == value


def test_a_banned_letter_costs_ten_times_its_share():
    assert must_not("A high sky", ["e"], letters=True).value == 1.0
    text = "sky " * 19 + "sea"
    found = must_not(text, ["e"], letters=True)
    assert found.value == pytest.approx(0.5)  # 1 of 20 words
    assert found.spans == ((76, 79),)
    assert measure(Check(type="must_not", items=("e",), value="letters"), text, "").value == found.value


def test_language_is_the_share_in_the_language_asked_for():
    assert language(ENGLISH, "en").value == 1.0
    assert language(GERMAN, "en").value == 0.0
    half = language(f"{ENGLISH}\n\n{GERMAN}", "en")
    assert half.value == pytest.approx(len(ENGLISH) / (len(ENGLISH) + len(GERMAN)))
    assert half.spans == ((len(ENGLISH) + 2, len(ENGLISH) + 2 + len(GERMAN)),)
    assert "German" in half.reason
    assert language("Hm!", "en").value is None


def test_person_is_counted_in_the_narration_only():
    assert person(FIRST, "first").value == 1.0
    assert person(FIRST, "third").value == 0.0
    assert person(PAST + "“I am cold, and my feet hurt, and I want my tea,” she said.", "third").value == 1.0
    assert person("Rain fell on the pier.", "first").value is None
    assert person(GERMAN, "third").value is None


SPOKEN = "“I am cold, and I’m late, and it is my coat,” she said. "


@pytest.mark.parametrize(
    ("check", "text", "words"),
    [
        (Check(type="person", value="third"), SPOKEN + FIRST, ["I", "my", "We", "I", "my"]),
        (Check(type="person", value="second"), SPOKEN + FIRST, ["she", "I", "my", "We", "I", "my"]),
        (Check(type="person", value="first"), SPOKEN + PAST, ["she", "She", "He", "it", "She"]),
        (Check(type="person", value="third"), "I’m at the pier. " + FIRST, ["I’m", "I", "my", "We", "I", "my"]),
        (
            Check(type="tense", value="present"),
            SPOKEN + PAST * 2,
            ["said", *["walked", "looked", "was", "had", "went"] * 2],
        ),
        (Check(type="tense", value="past"), PRESENT * 2, ["is", "is", "has", "goes", "says"] * 2),
        (
            Check(type="tense", value="future"),
            "We’ll go, and she will. " + PAST * 2,
            ["walked", "looked", "was", "had", "went"] * 2,
        ),
    ],
    ids=lambda value: f"{value.type}-{value.value}" if isinstance(value, Check) else "",
)
def test_a_low_person_or_tense_shows_the_words_that_break_the_wish(check: Check, text: str, words: list[str]):
    found = measure(check, text, "")
    assert found.value is not None and found.value < 0.7
    assert [text[start:end] for start, end in found.spans] == words


def test_a_person_or_tense_that_is_met_shows_no_words():
    assert (
        person(FIRST + "He waved.", "first").spans == person(PAST, "third").spans == tense(PAST * 2, "past").spans == ()
    )


def test_words_that_only_look_like_past_verbs_change_no_tense():
    text = (
        "A hundred geese are on the lawn, and indeed there is one naked tree. I would count them, but they run at "
        "speed and I am slow. My sister says it is a wicked waste of seed. She has a ragged coat, gets one arm out of "
        "it and goes on."
    )
    found = tense(text, "present")
    assert found.value == 1.0 and "0 verbs look past" in found.reason
    assert (
        tense("They agreed. He walked. I was there. We sat. She had gone. It ended. He came. You were.", "past").value
        == 1
    )


def test_tense_is_counted_in_the_narration_only():
    assert tense(PAST * 2, "past").value == 1.0
    assert tense(PAST * 2, "present").value == 0.0
    assert tense(PRESENT * 2, "present").value == 1.0
    assert tense(PAST * 2 + "“It is, it is, he says it is, and she goes and sees,” he said.", "past").value == 1.0
    assert tense(PAST + PRESENT, "past").value is None
    assert tense("Rain.", "past").value is None


@pytest.mark.parametrize(("likeness", "value"), [(-0.1, 0.0), (0.05, 0.0), (0.25, 0.5), (0.45, 1.0), (0.9, 1.0)])
def test_relevance_runs_straight_between_its_two_ends(likeness: float, value: float):
    assert relevance(ENGLISH, "Write of boats and the tide.", lambda q, texts: [likeness]).value == pytest.approx(value)


def test_relevance_is_not_measured_where_it_would_say_nothing():
    def never(query: str, texts: object) -> list[float]:
        raise AssertionError("must not be asked")

    assert relevance(ENGLISH, "boats", None).value is None
    assert relevance("太阳落山了，船回来了。", "写一首关于大海的诗", never).value is None
    assert relevance("", "boats", never).value == 0.0


def test_faults_of_a_draft():
    assert faults(" \n…", "en", True) == ("empty",)
    assert faults(ENGLISH, "en", False) == ()
    assert faults(ENGLISH, "en", True) == ("truncated",)
    assert faults(GERMAN, "en", False) == ("off-language",)
    assert faults(GERMAN, None, False) == ()
    assert faults(GERMAN + " und so" * 30, "en", True) == ("truncated", "looping", "off-language")


def test_copied_share_is_the_share_of_five_word_runs():
    source = "one two three four five six seven"
    assert copied_share(source, source) == 1.0
    assert copied_share("One, two three four five! And then eight nine ten", source) == pytest.approx(1 / 6)
    assert copied_share("nothing of it is in there at all", source) == 0.0
    assert copied_share("one two", source) == 0.0
    chinese = "太阳落山了船回来了海很静"
    assert copied_share(chinese, chinese) == 1.0


HOSTILE = {
    "words": "word " * 100_000,
    "new words": " ".join(f"w{i}" for i in range(100_000)),
    "dots": "." * 300_000 + "x",
    "dots and quotes": ".'" * 150_000,
    "quotes": '"' * 300_000,
    "open quotes": "“" * 100_000,
    "spaces": "a" + " " * 400_000 + "b",
    "blank lines": "a\n \n" * 50_000,
    "spaced lines": (" " * 50 + "\n") * 8_000,
    "capitals": "A. " * 100_000,
    "chinese": "月" * 100_000,
    "marks": "a" + "\u0301" * 300_000,
    "apostrophes": "'" * 300_000,
    "joined": "a-" * 100_000,
    "sentences": "The boat came in. " * 25_000,
    "one item": "tide " * 60_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize(
    "check",
    [
        Check(type="length", low=5, high=10),
        Check(type="length", high=10, unit="sentences"),
        Check(type="completeness"),
        Check(type="repetition"),
        Check(type="must_include", items=("tide", "not yet", "one two"), value="start"),
        Check(type="must_not", items=("tide", "a b")),
        Check(type="language", value="fr"),
        Check(type="person", value="first"),
        Check(type="tense", value="past"),
    ],
    ids=lambda check: f"{check.type}-{check.unit}",
)
def test_a_hundred_thousand_words_take_linear_time(check: Check, text: str):
    begun = time.process_time()
    measure(check, text, "")
    assert time.process_time() - begun < 10  # measured below 0.8 s; a quadratic pattern takes minutes


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_asking_for_loops_is_cheap_however_long_the_text(text: str):
    begun = time.process_time()
    for _ in range(20):
        is_looping(text)
    assert time.process_time() - begun < 2  # measured below 0.1 s: 5 ms a time; a token takes longer to write
