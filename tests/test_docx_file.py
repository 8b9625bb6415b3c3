"""Word files: what is written is read again, by python-docx and by ours; what is broken or hostile is one sentence."""

import io
import time
import zipfile
from typing import Any

import docx
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from manuscripts import HARD, PLAIN, TITLE, novel

from writer_r1.docx_file import from_docx, to_docx
from writer_r1.errors import WriterError
from writer_r1.manuscript import blocks, printable


def opened(text: str, title: str = "Title") -> Any:
    return docx.Document(io.BytesIO(to_docx(text, title, 1e9)))


def saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_headings_breaks_and_emphasis_are_those_of_word() -> None:
    document = opened(PLAIN, TITLE)
    assert document.core_properties.title == TITLE and document.core_properties.author == ""
    shown = [(p.style.name, p.text) for p in document.paragraphs]
    assert shown[:4] == [
        ("Heading 1", "The lamp"),
        ("Normal", "Dear Ines,"),
        ("Normal", "The wick wants trimming at four, before tea."),
        ("Normal", "* * *"),
    ]
    assert document.paragraphs[3].alignment == WD_ALIGN_PARAGRAPH.CENTER
    runs = {r.text: (bool(r.italic), bool(r.bold)) for r in document.paragraphs[2].runs}
    assert (runs["wick"], runs["trimming"], runs["before"]) == ((True, False), (False, True), (True, True))


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_every_script_comes_through_word_and_back(text: str) -> None:
    paragraphs = [p.text for p in opened(text).paragraphs]
    assert paragraphs == ["* * *" if b.kind == "break" else b.text for b in blocks(text)]
    assert blocks(from_docx(to_docx(text, TITLE, 1e9)).text) == blocks(text)


def test_scripts_from_right_to_left_are_marked_as_such() -> None:
    first, second = opened("كان *الحارس* هنا\n\nEnglish.").paragraphs
    assert "<w:bidi/>" in first._p.xml and all(r.font.rtl for r in first.runs) and "bidi" not in second._p.xml


def test_a_novel_goes_to_word_and_back_in_reasonable_time() -> None:
    text, began = novel(), time.monotonic()
    assert len(text.split()) > 55_000
    assert from_docx(to_docx(text, "Novel", 1e9)).text == text
    assert time.monotonic() - began < 30


def test_words_in_tables_links_insertions_and_boxes_are_taken_and_what_was_deleted_is_not() -> None:
    document = docx.Document()
    document.add_heading("A title", 0)
    paragraph = document.add_paragraph("Kept, ")
    run = '<w:r><w:t xml:space="preserve">{}</w:t></w:r>'
    box = f"<w:r><w:pict><w:txbxContent><w:p>{run.format('boxed')}</w:p></w:txbxContent></w:pict></w:r>"
    for xml in (
        f"<w:hyperlink {{}}>{run.format('linked ')}</w:hyperlink>",
        f"<w:ins {{}} w:id='1' w:author='x'>{run.format('inserted ')}</w:ins>",
        "<w:del {} w:id='2' w:author='x'><w:r><w:delText>deleted</w:delText></w:r></w:del>",
        box.replace("<w:r>", "<w:r {}>", 1),
    ):
        paragraph._p.append(parse_xml(xml.format(nsdecls("w"))))
    document.add_table(1, 2).rows[0].cells[1].text = "in a cell"
    document.add_paragraph("quoted", style="Quote").add_run(" and plain").italic = False
    document.add_paragraph("# no heading, *no* emphasis, no_break\\_")
    read = from_docx(saved(document))
    assert read.left_out == ("pictures",)
    assert [(b.kind, b.text) for b in blocks(read.text)] == [
        ("heading", "A title"),
        ("paragraph", "Kept, linked inserted"),
        ("paragraph", "boxed"),
        ("paragraph", "in a cell"),
        ("paragraph", "quoted and plain"),
        ("paragraph", "# no heading, *no* emphasis, no_break\\_"),
    ]
    assert "*quoted* and plain" in read.text


def test_signs_with_readings_and_emoji_are_taken_with_their_words() -> None:
    document = docx.Document()
    again = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    run = "<w:r><w:t>{}</w:t></w:r>"
    reading, base = f"<w:rt>{run.format('とうだい')}</w:rt>", f"<w:rubyBase>{run.format('灯台')}</w:rubyBase>"
    ruby = f"<w:r {{}}><w:ruby>{reading}{base}</w:ruby></w:r>"
    emoji = (
        f'<w:r {{}} xmlns:mc="{again}"><mc:AlternateContent>'
        '<mc:Choice Requires="w16se"><w:sym w:char="1F56F"/></mc:Choice>'
        "<mc:Fallback><w:t>🕯</w:t></mc:Fallback></mc:AlternateContent></w:r>"
    )
    paragraph = document.add_paragraph("The ")
    for xml in (ruby, emoji):
        paragraph._p.append(parse_xml(xml.format(nsdecls("w"))))
    assert from_docx(saved(document)).text == "The 灯台🕯"


def repacked(data: bytes, **parts: bytes | None) -> bytes:
    """Return a zip with these parts instead (None: without them)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            if (part := parts.get(item.filename, old.read(item))) is not None:
                new.writestr(item.filename, part)
    return out.getvalue()


SOUND = to_docx("One.", "One", 1e9)
MAIN = "word/document.xml"
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>'
BROKEN = {
    "empty": b"",
    "no zip": b"PK\x03\x04 and then nothing",
    "cut": SOUND[: len(SOUND) // 2],
    "old doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 100,
    "no main part": repacked(SOUND, **{MAIN: None}),
    "no xml": repacked(SOUND, **{MAIN: b"<w:document"}),
    "entities": repacked(SOUND, **{MAIN: BOMB}),
    "too deep": repacked(SOUND, **{MAIN: b"<a>" * 50_000 + b"</a>" * 50_000}),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_or_hostile_file_is_one_sentence(data: bytes) -> None:
    with pytest.raises(
        WriterError, match=r"^This is no Word file that can be read \(.+\); open it in a word processor"
    ):
        from_docx(data)


def test_a_file_that_unpacks_without_end_is_not_unpacked() -> None:
    with pytest.raises(WriterError, match="unpacks to more than"):
        from_docx(repacked(SOUND, **{MAIN: b" " * 101_000_000}))


def test_the_parts_are_found_under_the_names_that_other_word_processors_give_them() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(to_docx("# Head\n\nOne.", "One", 1e9))) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.infolist():
            data = old.read(item).replace(b"word/document.xml", b"word/document2.xml")
            new.writestr(item.filename.replace("document.xml", "document2.xml"), data)
    assert from_docx(out.getvalue()).text == "# Head\n\nOne."


def test_characters_that_xml_forbids_are_left_out_and_no_other() -> None:
    [paragraph] = opened(HARD["control"]).paragraphs
    assert paragraph.text == "A bell rang, nul, vertical,  and esc." == printable(HARD["control"])
