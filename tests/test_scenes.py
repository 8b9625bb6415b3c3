"""Chapters and scenes by where they stand: read as the manuscript is, found again, put back with the rest untouched."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from manuscripts import HARD, PLAIN, chaptered

from writer_r1.manuscript import blocks
from writer_r1.scenes import Chapter, chapters, find_scene, joined, label, scenes

LINES = (
    "# One",
    "## Two",
    "###### Six",
    "#",
    "***",
    "---",
    "* * *",
    "    ***",
    "⁂",
    "#tag",
    "\t# Tab",
    "    # Four",
    "*",
)
WORDS = st.text(st.sampled_from("ab ÄØ灯👩\u200d👧e\u0301שלום\x07\x0b#*-\t"), max_size=8)
TEXTS = st.lists(
    st.tuples(st.sampled_from(LINES) | WORDS, st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\n \n"])),
    max_size=14,
).map(lambda rows: "".join(a + b for a, b in rows))
NOVEL = chaptered(6_000, chapters=6)


def words(found: list[Chapter], text: str) -> list[list[str]]:
    return [[text[s.start : s.end] for s in c.scenes] for c in found]


def test_headings_begin_chapters_and_breaks_part_scenes() -> None:
    found = chapters("Before.\n\n# One\n\nA.\n\n***\n\nB.\n\n# Two\n\nC.\n\n#\n\nD.\n")
    assert [c.title for c in found] == ["", "One", "Two"]
    assert words(found, "Before.\n\n# One\n\nA.\n\n***\n\nB.\n\n# Two\n\nC.\n\n#\n\nD.\n") == [
        ["Before."],
        ["A.", "B."],
        ["C.", "D."],
    ]
    assert [label(found, s) for c in found for s in c.scenes] == [
        "Before the first heading",
        "One, scene 1 of 2",
        "One, scene 2 of 2",
        "Two, scene 1 of 2",
        "Two, scene 2 of 2",
    ]


def test_a_lone_heading_above_the_others_is_the_title_of_the_whole_and_one_below_them_names_a_scene() -> None:
    text = "# The lamp\n\n## First\n\nA.\n\n### By night\n\nB.\n\n## Second\n\nC."
    found = chapters(text)
    assert [c.title for c in found] == ["The lamp", "First", "Second"]
    assert [s.name for s in found[1].scenes] == ["", "By night"]
    assert label(found, found[1].scenes[1]) == "First, By night"


def test_a_text_without_heading_or_break_is_one_scene() -> None:
    [only] = chapters("  A story.\n\nIts end.  \n")
    assert only.scenes[0][:2] == (2, 20) and label([only], only.scenes[0]) == "The whole text"
    assert chapters("") == chapters(" \n\n***\n") == []


@given(TEXTS)
@example("\x07# A\r\x0b\nB")
@example(PLAIN)
def test_it_is_read_as_the_manuscript_is(text: str) -> None:
    """Between two marks that `manuscript.blocks` sees there are the same words here."""
    expected, held = list[str](), ""
    for block in [*blocks(text), *blocks("***")]:
        if block.kind == "paragraph":
            held += block.text
        elif held:
            expected, held = [*expected, held], ""
    only = str.maketrans("", "", " \t\r\n*#\\_\x07\x0b")
    seen = [text[s.start : s.end] for s in scenes(text)]
    assert [s.translate(only) for s in seen] == [e.translate(only) for e in expected]


@given(TEXTS, st.data())
def test_a_scene_put_back_leaves_every_other_byte_as_it_was(text: str, data: st.DataObject) -> None:
    found = scenes(text)
    spans = [(s.start, s.end) for s in found]
    assert spans == sorted(spans) and all(a < b for a, b in spans)
    if not found:
        return
    one = data.draw(st.sampled_from(found))
    span = one.start, one.end
    assert joined(text, span, text[slice(*span)]).encode() == text.encode()
    new = joined(text, span, "Quite\n\nnew. 🏳️\u200d🌈")
    assert new.startswith(text[: one.start]) and new.endswith(text[one.end :])
    middle = new[one.start : len(new) - (len(text) - one.end)]
    assert middle.replace("\r\n", "\n") == "Quite\n\nnew. 🏳️\u200d🌈"


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_texts_are_read_and_put_back(text: str) -> None:
    for one in scenes(text):
        assert joined(text, (one.start, one.end), text[one.start : one.end]) == text


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_scene_is_found_again_letter_for_letter_wherever_it_went(ends: str) -> None:
    text = NOVEL.replace("\n", ends)
    one = scenes(NOVEL)[7]
    known = NOVEL[one.start : one.end]
    moved = f"New chapter{ends}{ends}{text}"
    start, end = find_scene(moved, [known]) or (0, 0)
    assert moved[start:end] == known.replace("\n", ends)


def test_a_scene_that_was_changed_is_found_by_its_words_and_one_that_is_gone_is_not() -> None:
    one = scenes(NOVEL)[7]
    known = NOVEL[one.start : one.end]
    changed = joined(NOVEL, one[:2], known[300:] + " A wholly new end of it, by her own hand.")
    start, end = find_scene(changed, [known]) or (0, 0)
    assert changed[start:end].startswith(known[300:].strip())
    assert find_scene(joined(NOVEL, one[:2], "Something else stands here."), [known]) is None
    assert find_scene("", [known]) is None and find_scene(NOVEL, [""]) is None


def test_what_was_written_around_a_scene_is_no_part_of_it() -> None:
    one = scenes(NOVEL)[7]
    known = NOVEL[one.start : one.end]
    start, end = find_scene(joined(NOVEL, one[:2], f"A new first line.\n\n{known}\n\nA new last one."), [known]) or (
        0,
        0,
    )
    assert (start, end) == (one.start + 19, one.end + 19)


def test_of_two_scenes_alike_none_is_taken() -> None:
    one = scenes(NOVEL)[7]
    known = NOVEL[one.start : one.end]
    twice = f"{NOVEL}\n\n***\n\n{known}"
    assert find_scene(twice, [known]) is None
    assert find_scene(twice, [known + " Changed."]) is None


def test_sixty_thousand_words_are_read_at_once() -> None:
    text = chaptered()
    began = time.process_time()
    found = chapters(text)
    assert (len(found), sum(len(c.scenes) for c in found)) == (24, 72)
    one = scenes(text)[40]
    assert find_scene(text, [text[one.start + 900 : one.end] + "?"]) == one[:2]
    assert time.process_time() - began < 5.0  # usually a fifth of a second; a pass for each scene takes a minute
