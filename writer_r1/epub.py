"""A manuscript -> an e-book (EPUB 3): a chapter a file, a table of contents, and what the book says of itself.

The same piece always makes the same bytes. Headings of the first two levels begin chapters.
"""

import io
import uuid
import zipfile
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

from writer_r1.facts import detect_language
from writer_r1.manuscript import Block, Span, blocks, printable, right_to_left

CHAPTER_LEVEL = 2  # headings down to this one begin a chapter
UNDETERMINED = "und"  # as BCP 47 has it
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
CONTAINER = f"""{HEAD}<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
STYLE = """body { margin: 5%; line-height: 1.5; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; text-align: center; margin: 2em 0 1em; page-break-after: avoid; }
p { margin: 0; text-indent: 1.3em; }
h1 + p, h2 + p, h3 + p, hr + p, p.first { text-indent: 0; }
hr { width: 20%; margin: 1.5em auto; border: 0; border-top: 1px solid; }
"""
PAGE = (
    HEAD
    + """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="{lang}" xml:lang="{lang}">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>
<body dir="{direction}">
{body}
</body></html>
"""
)


class Book(NamedTuple):
    """What a book says of itself. Times are in seconds since the epoch."""

    id: str
    title: str
    begun: float
    changed: float


class Chapter(NamedTuple):
    """A file of the book."""

    title: str
    body: str


def to_epub(text: str, book: Book) -> bytes:
    """Return the manuscript as an e-book."""
    made_of = blocks(text)
    language = detect_language(text) or UNDETERMINED
    backwards = sum(right_to_left(b.text) for b in made_of) * 2 > sum(b.kind != "break" for b in made_of)
    title = " ".join(printable(book.title).split()) or "Untitled"
    chapters = _chapters(made_of, title)
    same = {"lang": language, "direction": "rtl" if backwards else "ltr"}
    files = {"META-INF/container.xml": CONTAINER, "book/style.css": STYLE}
    for n, chapter in enumerate(chapters, 1):
        files[f"book/{_file(n)}"] = PAGE.format(title=escape(chapter.title), body=chapter.body, **same)
    contents = "".join(f'<li><a href="{_file(n)}">{escape(c.title)}</a></li>' for n, c in enumerate(chapters, 1))
    nav = f'<nav epub:type="toc" id="toc"><h1>{escape(title)}</h1><ol>{contents}</ol></nav>'
    files["book/nav.xhtml"] = PAGE.format(title=escape(title), body=nav, **same)
    files["book/book.opf"] = _package(book._replace(title=title), language, len(chapters), backwards)
    return _zipped(files, book.changed)


def _chapters(made_of: list[Block], title: str) -> list[Chapter]:
    parts: list[tuple[str, list[Block]]] = [(title, [])]
    for block in made_of:
        if block.kind == "heading" and block.level <= CHAPTER_LEVEL:
            parts.append((" ".join(block.text.split()), []))
        parts[-1][1].append(block)
    if not parts[0][1] and len(parts) > 1:  # nothing stands before the first heading
        parts.pop(0)
    return [Chapter(name, "\n".join(map(_element, inside)) or "<p></p>") for name, inside in parts]


def _element(block: Block) -> str:
    if block.kind == "break":
        return "<hr/>"
    tag = f"h{block.level}" if block.kind == "heading" else "p"
    return f'<{tag} dir="auto">{"".join(map(_inline, block.spans))}</{tag}>'


def _inline(span: Span) -> str:
    words = escape(span.text).replace("\n", "<br/>")
    if span.bold:
        words = f"<strong>{words}</strong>"
    return f"<em>{words}</em>" if span.italic else words


def _file(number: int) -> str:
    return f"chapter-{number:04}.xhtml"


def _package(book: Book, language: str, chapters: int, backwards: bool) -> str:
    day, moment = (datetime.fromtimestamp(at, UTC) for at in (book.begun, book.changed))
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"writer-r1:{book.id}")  # one a piece, so that a reader knows it again
    xhtml, numbers = 'media-type="application/xhtml+xml"', range(1, chapters + 1)
    items = "".join(f'<item id="c{n}" href="{_file(n)}" {xhtml}/>' for n in numbers)
    order = "".join(f'<itemref idref="c{n}"/>' for n in numbers)
    way = ' page-progression-direction="rtl"' if backwards else ""
    return f"""{HEAD}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identifier}</dc:identifier><dc:title>{escape(book.title)}</dc:title>
<dc:language>{language}</dc:language><dc:date>{day:%Y-%m-%d}</dc:date>
<meta property="dcterms:modified">{moment:%Y-%m-%dT%H:%M:%SZ}</meta></metadata>
<manifest><item id="nav" href="nav.xhtml" properties="nav" {xhtml}/>
<item id="style" href="style.css" media-type="text/css"/>{items}</manifest>
<spine{way}>{order}</spine></package>
"""


def _zipped(files: dict[str, str], changed: float) -> bytes:
    """Return the container, whose first file has to be its type, as it is."""
    moment = max(datetime.fromtimestamp(changed, UTC).timetuple()[:6], (1980, 1, 1, 0, 0, 0))  # as old as zip can say
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", moment), "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, moment), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()
