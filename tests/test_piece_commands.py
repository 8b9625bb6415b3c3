"""Pieces out and in from a shell: what is written, what is printed, and one sentence for each refusal."""

import json
from pathlib import Path

import docx
import example_run as example
import pytest

from writer_r1.cli import main
from writer_r1.places import home
from writer_r1.store import Piece, Store, this_process

TEXT = "# One\n\nThe *wick*.\n"


@pytest.fixture
def store() -> Store:
    return Store(home() / "library.db")


@pytest.fixture
def piece(store: Store) -> Piece:
    made = store.new_piece(example.PROMPT, TEXT, "The lamp")
    store.begin("run1", example.PROMPT, "fake", "1:1", made.id)
    store.append("run1", example.whole_run("run1"))
    return made


@pytest.mark.parametrize("form", ["docx", "md", "txt", "epub", "report", "session"])
def test_every_form_is_written(form: str, piece: Piece, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / f"x.{form}"
    assert main(["export", piece.id[:6], "--as", form, "--out", str(out)]) == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    data = out.read_bytes()
    told = {
        "docx": lambda: docx.Document(str(out)).paragraphs[0].text == "One",
        "md": lambda: data == TEXT.encode(),
        "txt": lambda: data == TEXT.encode(),
        "epub": lambda: data.startswith(b"PK") and b"mimetypeapplication/epub+zip" in data,
        "report": lambda: b"Critique report" in data and b"oilskin" in data,
        "session": lambda: json.loads(data)["id"] == "run1",
    }
    assert told[form]()


@pytest.mark.parametrize("named", ["The Lamp", "run1"])
def test_a_piece_is_named_by_its_title_and_a_session_by_its_id(named: str, piece: Piece, tmp_path: Path) -> None:
    assert main(["export", named, "--as", "report", "--out", str(tmp_path / "x.html")]) == 0


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_a_refusal_is_one_sentence(
    store: Store, piece: Piece, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there.txt"
    there.write_text("mine")
    empty = store.new_piece("Empty")
    store.new_piece("x", "x", "The lamp")
    free = str(tmp_path / "free")

    def export(named: str, form: str, out: str = free) -> str:
        return refused(["export", named, "--as", form, "--out", out], capsys)

    assert "Several pieces are called 'the lamp'" in export("the lamp", "txt")
    assert f"No piece is called 'nope', by its id or its title; the newest are" in export("nope", "txt")  # noqa: F541
    assert "is a session; export it as report or session" in export("run1", "txt")
    assert "has no session yet" in export(empty.id, "session")
    assert "Your manuscript is empty" in export(empty.id, "docx")
    assert "is there already" in export(piece.id, "txt", str(there)) and there.read_text() == "mine"
    assert "cannot be written" in export(piece.id, "txt", str(tmp_path / "no" / "x"))
    assert "cannot be read" in refused(["import", str(tmp_path / "none.txt")], capsys)
    assert "no kind of file" in refused(["import", __file__], capsys)
    assert "is there already" in refused(["backup", str(there)], capsys)
    assert "is no backup" in refused(["restore", str(there)], capsys)
    assert not Path(free).exists()


def test_what_was_exported_is_imported(
    store: Store, piece: Piece, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form, name in (("docx", "x.docx"), ("md", "x.md"), ("session", "x.json")):
        main(["export", piece.id, "--as", form, "--out", str(tmp_path / name)])
        capsys.readouterr()
        assert main(["import", str(tmp_path / name)]) == 0
        made = store.piece(capsys.readouterr().out.strip())
        assert made is not None and made.id != piece.id
        assert made.text.strip() == ("" if form == "session" else TEXT.strip())
    (tmp_path / "old.txt").write_bytes("Größe".encode("cp1252"))
    assert main(["import", str(tmp_path / "old.txt")]) == 0
    assert "Windows-1252" in capsys.readouterr().err
    assert len(store.pieces()) == 5


def test_the_library_is_backed_up_and_restored(
    store: Store, piece: Piece, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "usb" / "all.zip"
    assert main(["backup", str(saved)]) == 0 and capsys.readouterr().out == f"{saved}\n"
    store.delete_all()
    assert main(["restore", str(saved)]) == 0
    assert "Restored: 1 piece. What was there before is kept in" in capsys.readouterr().out
    assert store.pieces()[0].text == piece.text
    store.begin("run2", "A poem.", "fake", this_process())
    assert "still being written" in refused(["restore", str(saved)], capsys)
