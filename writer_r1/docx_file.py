"""A manuscript -> a Word file (.docx), and a Word file -> its text as Markdown.

Reading takes the words of the main text in their order: also those of tables, links, text boxes and tracked insertions,
which python-docx passes over, so a file is read as XML. What is no text of it (pictures, notes, comments) is told.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree

from writer_r1.errors import WriterError
from writer_r1.manuscript import SCENE, Block, Span, blocks, markdown, printable, right_to_left

BROKEN = "This is no Word file that can be read ({why}); open it in a word processor and save it again as .docx."
TOO_LARGE = "This Word file unpacks to more than {most} MB; split it into several files."
MOST_BYTES = 40_000_000  # of one unpacked part; as XML it takes some twenty times that
LONGEST_TITLE = 255  # that Word takes
FACE, SIZE_PT, LEADING = "Times New Roman", 12, 1.5  # as publishers and readers of manuscripts expect
LEFT_OUT = {
    "footnoteReference": "footnotes",
    "endnoteReference": "endnotes",
    "commentReference": "comments",
    "drawing": "pictures",
    "pict": "pictures",
    "oMath": "formulas",
    "sym": "signs of a font for symbols",
}
GONE = ("del", "moveFrom", "Fallback")  # taken out by a tracked change, or a second copy of the same words


def to_docx(text: str, title: str, made: float) -> bytes:
    """Return the manuscript as a Word file; `made` is in seconds since the epoch."""
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt, RGBColor

    document = Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FACE, Pt(SIZE_PT)
    normal.paragraph_format.line_spacing = LEADING
    headings = {level: document.styles[f"Heading {level}"] for level in range(1, 7)}
    for style in headings.values():
        style.font.color.rgb = RGBColor(0, 0, 0)
    kept = document.core_properties
    kept.title, kept.author, kept.comments = printable(title)[:LONGEST_TITLE], "", ""
    kept.created = kept.modified = datetime.fromtimestamp(made, UTC)
    for block in blocks(text):
        paragraph = document.add_paragraph()
        if block.kind == "break":
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph.add_run("* * *")
            continue
        if block.kind == "heading":
            paragraph.style = headings[block.level]
        _add_runs(paragraph, block)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _add_runs(paragraph: object, block: Block) -> None:
    from docx.oxml import OxmlElement
    from docx.text.paragraph import Paragraph

    assert isinstance(paragraph, Paragraph)
    backwards = right_to_left(block.text)
    if backwards:
        paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
    for span in block.spans:
        run = paragraph.add_run(span.text)
        run.italic, run.bold = span.italic or None, span.bold or None
        if backwards:  # such scripts have settings of their own
            run.font.rtl, run.font.cs_italic, run.font.cs_bold = True, run.italic, run.bold


class Read(NamedTuple):
    """The text of a file as Markdown, and what else it holds that was left out."""

    text: str
    left_out: tuple[str, ...]


class Look(NamedTuple):
    """What a style says of the words set in it."""

    level: int = 0  # of a heading
    italic: bool = False
    bold: bool = False


def from_docx(data: bytes) -> Read:
    """Return what a Word file says.

    Raises:
        WriterError: it is no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            main = _target(archive, "_rels/.rels", "/officeDocument", "word/document.xml")
            folder, _, name = main.rpartition("/")
            styles = _target(archive, f"{folder}/_rels/{name}.rels", "/styles", f"{folder}/styles.xml")
            looks = _looks(_part(archive, styles)) if styles in archive.namelist() else {}
            document = _part(archive, main)
        made_of = list(_paragraphs(document, looks))
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError, ValueError) as error:
        raise WriterError(BROKEN.format(why=str(error).splitlines()[0] if str(error) else "damaged")) from None
    except KeyError:
        raise WriterError(BROKEN.format(why="its main text is missing")) from None
    except (RuntimeError, NotImplementedError):  # a password, a packing that Python lacks, XML nested without end
        raise WriterError(BROKEN.format(why="it is locked or oddly made")) from None
    found = dict.fromkeys(LEFT_OUT[kind] for node in document.iter() if (kind := _kind(node)) in LEFT_OUT)
    return Read(markdown(made_of), tuple(found))


def _part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise WriterError(TOO_LARGE.format(most=MOST_BYTES // 1_000_000))
    raw = archive.read(name)
    if b"<!DOCTYPE" in raw:  # no word processor writes one; what it declares could grow without end
        raise ValueError("it declares a document type")
    return ElementTree.fromstring(raw)


def _target(archive: zipfile.ZipFile, relations: str, kind: str, usual: str) -> str:
    """Return the name of the part that `relations` call so: some word processors number theirs."""
    if relations not in archive.namelist():
        return usual
    for node in _part(archive, relations):
        if node.get("Type", "").endswith(kind):
            target = node.get("Target", "")
            folder = relations.rpartition("_rels/")[0]
            return target.lstrip("/") if target.startswith("/") or not folder else folder + target
    return usual


def _kind(node: ElementTree.Element) -> str:
    return str(node.tag).rpartition("}")[2]  # whichever of its two namespaces the file uses


def _value(node: ElementTree.Element) -> str:
    return next((v for k, v in node.attrib.items() if k.rpartition("}")[2] == "val"), "")


def _child(node: ElementTree.Element | None, name: str) -> ElementTree.Element | None:
    return next((child for child in node if _kind(child) == name), None) if node is not None else None


def _on(properties: ElementTree.Element | None, name: str, usual: bool) -> bool:
    found = _child(properties, name)
    return usual if found is None else _value(found) not in ("0", "false", "off", "none")


def _looks(styles: ElementTree.Element) -> dict[str, Look]:
    """Return what each style says, by its id; its name is English in every language of Word."""
    found: dict[str, Look] = {}
    for node in styles:
        if _kind(node) != "style":
            continue
        names = {_kind(child): _value(child) for child in node}
        based = found.get(names.get("basedOn", ""), Look())
        name, level = names.get("name", "").casefold(), based.level
        if name.startswith("heading ") and name[8:].isdecimal():
            level = min(6, max(1, int(name[8:])))
        elif name in ("title", "subtitle"):
            level = 1 if name == "title" else 2
        set_, own = _child(node, "rPr"), next((v for k, v in node.attrib.items() if k.endswith("}styleId")), "")
        found[own] = Look(level, _on(set_, "i", based.italic), _on(set_, "b", based.bold))
    return found


def _paragraphs(node: ElementTree.Element, looks: dict[str, Look]) -> Iterator[Block]:
    """Yield what a part of the document says; a text box stands after the paragraph it is anchored in."""
    for child in node:
        if _kind(child) == "p":
            yield from _paragraph(child, looks)
            for box in _boxes(child):
                yield from _paragraphs(box, looks)
        elif _kind(child) not in GONE:
            yield from _paragraphs(child, looks)


def _boxes(node: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for child in node:
        if _kind(child) == "txbxContent":
            yield child
        elif _kind(child) not in GONE:
            yield from _boxes(child)


def _paragraph(node: ElementTree.Element, looks: dict[str, Look]) -> Iterator[Block]:
    style = _child(_child(node, "pPr"), "pStyle")
    look = looks.get(_value(style), Look()) if style is not None else Look()
    spans = tuple(_spans(node, look, looks))
    words = "".join(span.text for span in spans)
    if SCENE.fullmatch(words.strip()):
        yield Block("break")
    elif words.strip() and look.level:
        plain = Span(" ".join(words.split()))  # a heading is emphasis enough
        yield Block("heading", (plain,), look.level)
    elif words.strip():
        yield Block("paragraph", spans)


def _spans(node: ElementTree.Element, look: Look, looks: dict[str, Look]) -> Iterator[Span]:
    for child in node:
        kind = _kind(child)
        if kind == "r":
            set_ = _child(child, "rPr")
            style = _child(set_, "rStyle")
            of = looks.get(_value(style), Look()) if style is not None else look
            words = "".join(map(_words, child))
            if words and not _on(set_, "vanish", False):
                yield Span(words, _on(set_, "i", of.italic), _on(set_, "b", of.bold))
        elif kind not in (*GONE, "txbxContent"):
            yield from _spans(child, look, looks)


def _words(node: ElementTree.Element) -> str:
    kind = _kind(node)
    if kind == "t":
        return node.text or ""
    if kind == "ruby":  # signs with their reading above them
        base = _child(node, "rubyBase")
        return "" if base is None else "".join(map(_words, base))
    if kind == "AlternateContent":  # the same twice, of which one may be without a word
        return next(filter(None, ("".join(map(_words, one)) for one in node)), "")
    if kind == "r":
        return "".join(map(_words, node))
    return {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "\u2011"}.get(kind, "")
