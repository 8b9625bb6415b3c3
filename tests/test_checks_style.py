"""Checks of manner: variety, stock phrases and dialogue, worked by hand and on any text at all."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import dialogue, stock_phrases, variety
from writer_r1.checks.style import mattr, speech_share, worn_places
from writer_r1.places import data

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this checkout")

TEXTS = st.text() | st.text("aI .!?…\"'“”‘’«»„—-:[]\n\r\t。「」字かñ\u0301\u2028-5\ud83d", max_size=120)
STORY = (
    "The ferry was late, and the woman with the goose did not mind. She sat on a crate and fed it crusts. A boy asked "
    "what the goose was called. It had no name, she told him, since nobody names a supper. He went away and came back "
    "with his whole lunch, which he set down between them without a word."
)
WORN = (
    "Her heart pounding, she took a deep breath and stepped into the rich tapestry of the bustling city. It was a "
    "testament to the human spirit. Little did she know that a newfound sense of purpose would send shivers down her "
    "spine. At the end of the day, only time will tell whether the glimmer of hope would remain or vanish for good."
)


def pieces(text: str, spans: tuple[tuple[int, int], ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


@settings(deadline=None)  # time has tests of its own
@given(TEXTS)
def test_any_text_gives_values_in_range_spans_inside_it_and_the_same_twice(text: str):
    for check in (
        lambda: variety(text),
        lambda: stock_phrases(text),
        lambda: dialogue(text, "speech"),
        lambda: dialogue(text, "none"),
        lambda: dialogue(text, None),
    ):
        found = check()
        assert found.value is None or 0 <= found.value <= 1
        assert all(0 <= start < end <= len(text) for start, end in found.spans)
        assert list(found.spans) == sorted(found.spans)
        assert found.reason.endswith(".")
        assert check() == found
    assert 0 <= speech_share(text) <= 1


def test_mattr_is_the_mean_over_all_windows():
    assert mattr(["a", "b", "a", "b", "a", "c"], 3) == pytest.approx((2 + 2 + 2 + 3) / 4 / 3)
    assert mattr(["a", "b"], 100) == 1.0  # a window cannot be longer than the text
    assert mattr([], 100) == 0.0


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=60), st.integers(1, 20))
def test_mattr_equals_the_slow_way(words: list[str], window: int):
    window_ = min(window, len(words))
    slow = fmean(len(set(words[i : i + window_])) / window_ for i in range(len(words) - window_ + 1))
    assert mattr(words, window) == pytest.approx(slow)


def test_varied_prose_stands_above_a_text_of_few_words():
    rich = variety(STORY)
    poor = variety("The man saw the man and the man saw the dog and the dog saw the man. " * 8)
    assert rich.value is not None and rich.value > 0.8
    assert poor.value == 0.0
    assert poor.spans and poor.reason.startswith("Few words")
    assert variety("Too short to tell.").value is None
    assert variety("月亮很圆，孩子们在院子里唱歌。" * 10).value is None


def test_the_poorest_stretch_is_shown():
    numbers = " ".join(f"word{i}" for i in range(150))
    found = variety(f"{numbers} {'la ' * 120}{numbers}")
    ((start, end),) = found.spans
    assert set(f"{numbers} {'la ' * 120}{numbers}"[start:end].split()) == {"la"}


def test_worn_prose_loses_and_plain_prose_keeps_its_value():
    plain, worn = stock_phrases(STORY), stock_phrases(WORN)
    assert (plain.value, plain.spans) == (1.0, ())
    assert worn.value == 0.0
    assert pieces(WORN, worn.spans)[:3] == ["Her heart pounding", "took a deep breath", "rich tapestry"]
    assert "“took a deep breath”" in worn.reason
    assert stock_phrases("Time will tell.").value is None
    assert stock_phrases("Der Kahn war alt und die Frau wartete nicht auf ihn. " * 12).value is None


def test_one_stock_phrase_is_forgiven_and_every_further_one_counts_by_length():
    filler = " ".join(f"word{i} of the {i}" for i in range(100))  # 400 words, in English by its small words
    assert stock_phrases(f"{filler} took a deep breath").value == 1.0
    three = stock_phrases(f"{filler} time stood still, took a deep breath, time will tell").value
    assert three == pytest.approx(1 - (1000 * 2 / 410 - 1) / 8, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("She delved into it; he delves into it.", ["delved into", "delves into"]),
        ("They couldn’t help but laugh.", ["couldn’t help but"]),
        ("A chill ran down my spine, down his spine.", ["chill ran down"]),
        ("The knot in their stomachs", []),
        ("a knot in our stomach", ["knot in our stomach"]),
        ("In the real world of men", []),
        ("TIME STOOD\nSTILL", ["TIME STOOD\nSTILL"]),
        ("time stood", []),
    ],
)
def test_phrases_are_found_in_their_forms_and_only_whole(text: str, found: list[str]):
    assert pieces(text, tuple(worn_places(text))) == found


def test_the_list_of_stock_phrases_is_clean():
    lines = (data("assets") / "stock_phrases.txt").read_text("utf-8").splitlines()
    phrases = [line for line in lines if line and not line.startswith("#")]
    assert 200 <= len(phrases) <= 400
    assert len(set(phrases)) == len(phrases)
    assert all(line == " ".join(line.lower().split()) for line in phrases)
    for line in phrases:  # each can be met: written out, it is found whole
        written = " ".join("his" if part == "one's" else part.rstrip("~").split("/")[0] for part in line.split())
        assert pieces(written, tuple(worn_places(written))) == [written], line


@needs_data
def test_published_prose_has_hardly_a_stock_phrase_and_keeps_its_variety():
    rows = [json.loads(line) for line in (DATA / "public_domain_sample.jsonl").read_text("utf-8").splitlines()]
    worn = [v for row in rows if (v := stock_phrases(row["text"]).value) is not None]
    assert len(worn) >= 50 and min(worn) >= 0.8
    varied = [v for row in rows if (v := variety(row["text"]).value) is not None]
    assert len(varied) >= 50 and fmean(varied) > 0.8


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("“Come in,” she said.", 2 / 4),
        ('He said, "Not now." Then silence.', 2 / 6),
        ("„Komm rein“, sagte sie, „es ist kalt.“", 3 / 7),
        ("« Entrez donc ici maintenant », dit-elle.", 4 / 5),
        ("— Where is it?\nNobody knew.", 3 / 5),
        ("「走吧。」他说", 2 / 4),
        ("The “so-called” expert left.", 0.0),
        ("It wasn't the boys' boat.", 0.0),
        ("‘Stay,’ he said, and it wasn’t a wish.", 1 / 8),
        ("", 0.0),
    ],
)
def test_speech_is_told_from_quoted_words(text: str, share: float):
    assert speech_share(text) == pytest.approx(share)


def test_dialogue_has_a_value_only_where_it_was_asked_for_or_against():
    talk = "“Is it far?” she asked.\n“Far enough,” he said, and took the bags.\n" * 3
    assert dialogue(talk, "speech").value == 1.0
    assert dialogue(talk, "none").value == 0.0
    assert dialogue(STORY, "speech").value == 0.0
    assert dialogue(STORY, "none").value == 1.0
    assert dialogue(talk, None).value is None
    assert len(dialogue(talk, None).spans) == 6
    five = dialogue("“Yes.” " + "word " * 19, "speech")
    assert five.value == pytest.approx(0.5)  # one word of twenty, where a tenth is enough
