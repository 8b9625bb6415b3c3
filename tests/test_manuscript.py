"""A manuscript's text: what is a heading, a scene break, emphasis; and that writing it back loses no word."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from manuscripts import HARD, PLAIN, novel

from writer_r1.manuscript import Block, Span, blocks, markdown, right_to_left

WORDS = st.text(st.sampled_from("ab *_#-\\~\n\tÄ灯👩‍👧.,!“”"), min_size=1, max_size=12)
SPANS = st.lists(st.builds(Span, WORDS, st.booleans(), st.booleans()), min_size=1, max_size=5).map(tuple)


def test_a_manuscript_is_read_as_its_writer_sees_it() -> None:
    found = blocks(PLAIN)
    assert [b.kind[0] + str(b.level or "") for b in found] == ["h1", "p", "p", "b", "h2", "p", "b", "b", "p"]
    assert found[2].spans == (
        Span("The "),
        Span("wick", italic=True),
        Span(" wants "),
        Span("trimming", bold=True),
        Span(" at four, "),
        Span("before", italic=True, bold=True),
        Span(" tea."),
    )
    assert found[5].text == "It is 3 * 4 steps_and_more.\n    indented"


@pytest.mark.parametrize("mark", ["***", "---", "* * *", "#", "⁂", "___", "  ~~~  ", "- - -", "    ***"])
def test_what_parts_two_scenes_in_print_parts_them_here(mark: str) -> None:
    assert blocks(f"One.\n\n{mark}\n\nTwo.") == [
        Block("paragraph", (Span("One."),)),
        Block("break"),
        Block("paragraph", (Span("Two."),)),
    ]


@pytest.mark.parametrize(
    "text", ["1. One", "> said he", "<b>x</b>", "    four blanks", "`code`", "[a](b)", "| a | b |", "#tag"]
)
def test_nothing_else_is_taken_for_markup(text: str) -> None:
    assert [(b.kind, b.text) for b in blocks(text)] == [("paragraph", text.strip())]


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_what_was_read_is_written_so_that_it_reads_the_same(text: str) -> None:
    once = blocks(text)
    assert blocks(markdown(once)) == once


@given(st.lists(SPANS, min_size=1, max_size=4))
@example([(Span("___"), Span("\\___"))])
def test_no_word_is_lost_on_the_way_to_markdown_whatever_it_looks_like(paragraphs: list[tuple[Span, ...]]) -> None:
    made_of = [Block("paragraph", spans) for spans in paragraphs]
    back = " ".join(b.text if b.kind != "break" else "***" for b in blocks(markdown(made_of)))
    only = str.maketrans("", "", " \t\n*#~⁂•-\\")  # a paragraph of such signs alone is a scene break
    assert back.translate(only) == "".join(b.text for b in made_of).translate(only)


@given(
    st.lists(
        st.builds(Span, st.text("abcÄ灯 ", min_size=1, max_size=8).filter(str.strip), st.booleans(), st.booleans()),
        max_size=4,
    )
)
def test_emphasis_of_whole_words_comes_through(spans: list[Span]) -> None:
    spaced = [s for span in spans for s in (span._replace(text=span.text.strip()), Span(" "))]
    [read] = blocks(markdown([Block("paragraph", tuple(spaced))])) or [Block("paragraph")]
    told = {(word, s.italic, s.bold) for s in spans for word in s.text.split()}
    assert {(word, s.italic, s.bold) for s in read.spans for word in s.text.split()} == told


def test_a_long_or_hostile_manuscript_is_read_in_seconds() -> None:
    began = time.monotonic()
    assert len(blocks(novel())) > 700
    for text in ("*" * 50_000, "*a _b" * 20_000, "\\" * 50_000, "# " * 20_000):
        blocks(text)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("text", "expected"), [("שלום abc", True), ("1. مرحبا", True), ("abc שלום", False), ("123", False)]
)
def test_the_first_letter_tells_the_direction(text: str, expected: bool) -> None:
    assert right_to_left(text) is expected
