"""Files of the user's as manuscripts: encodings, what was guessed is said, and what cannot be read is one sentence."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manuscripts import HARD, PLAIN

from writer_r1.docx_file import to_docx
from writer_r1.errors import WriterError
from writer_r1.manuscript_file import GUESSED, LONGEST, MOST_BYTES, read_manuscript

TEXT = "Größe, 灯塔 – “quoted” 👩‍👩‍👧"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16 le", "utf-16 be"],
)
@pytest.mark.parametrize("name", ["My draft.txt", "a/b\\My draft.MD", "My draft.markdown"])
def test_an_encoding_that_can_be_told_is_told_without_a_word(name: str, data: bytes) -> None:
    assert read_manuscript(name, data) == ("My draft", TEXT, "")


def test_an_encoding_that_is_guessed_is_said() -> None:
    assert read_manuscript("old.txt", "Größe – “q”".encode("cp1252")) == ("old", "Größe – “q”", GUESSED)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(str.strip))
def test_a_text_file_becomes_exactly_its_text(text: str) -> None:
    assert read_manuscript("x.txt", b"> " + text.encode()).text == "> " + text


def test_line_ends_are_those_of_the_page() -> None:
    assert read_manuscript("x.txt", b"a\r\nb\rc\nd\n\n").text == "a\nb\nc\nd\n\n"


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_a_word_file_becomes_markdown(text: str) -> None:
    read = read_manuscript("Chapter one.docx", to_docx(text, "Other", 1e9))
    assert read.title == "Chapter one" and read.note == "" and read.text.strip()


def test_what_a_word_file_holds_besides_words_is_said() -> None:
    from docx import Document
    from docx.oxml import OxmlElement
    from test_docx_file import saved

    document = Document()
    document.add_paragraph("Words").add_run()._r.append(OxmlElement("w:footnoteReference"))
    assert "footnotes" in read_manuscript("x.docx", saved(document)).note


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.txt", b"", "'x.txt' holds no text; choose another file."),
        ("x.md", b" \n\t\n", "holds no text"),
        ("x.docx", b"", "no Word file that can be read"),
        ("x.docx", to_docx("", "x", 1e9), "holds no text"),
        ("x.txt", b"GIF89a\x00\x01\x02", "holds no plain text"),
        ("x.txt", "text".encode("utf-16-le"), "holds no plain text"),
        ("x.txt", codecs.BOM_UTF16_LE + b"a\x00b", "breaks off"),
        ("x.odt", b"PK", "no kind of file that can be read here; save it as .docx, .md or .txt"),
        ("noending", b"Text", "no kind of file"),
        ("x.txt", b"a" * (LONGEST + 1), "more than 4,000,000 characters; split it into several files"),
        ("x.txt", b"a" * (MOST_BYTES + 1), "larger than 50 MB"),
        ("../" + "n" * 500 + ".exe", b"MZ", "nnn…' is no kind of file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(name: str, data: bytes, says: str) -> None:
    with pytest.raises(WriterError) as error:
        read_manuscript(name, data)
    assert says in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 250


@given(st.binary(max_size=300), st.sampled_from([".txt", ".md", ".docx"]))
def test_any_bytes_are_read_or_refused(data: bytes, ending: str) -> None:
    try:
        assert read_manuscript(f"x{ending}", data).text.strip()
    except WriterError as error:
        assert str(error).endswith(".")


def test_a_text_that_looks_like_markup_stays_as_it_was_typed() -> None:
    assert read_manuscript("x.md", PLAIN.encode()).text == PLAIN
