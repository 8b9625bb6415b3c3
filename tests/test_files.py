"""Requests for files: what goes out is what is kept, what comes in becomes a piece, and no other site can ask."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import example_run as example
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from writer_r1.manuscript_file import GUESSED
from writer_r1.store import this_process
from writer_r1.ui.files import HEADER, LEAVING, PATH, Files
from writer_r1.ui.files_menu import MANUSCRIPT, SESSION, export_menu
from writer_r1.workspace import Workspace

TEXT = "Größe 灯塔 *soft* 👩‍👩‍👧\n\n***\n\n  two lines\nof one\r\tparagraph \n"


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.close()


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    return TestClient(Files(PlainTextResponse("page"), workspace), headers={HEADER: "page"})


def name_of(answer: object) -> str:
    return unquote(answer.headers["content-disposition"].partition("filename*=UTF-8''")[2])  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["md", "txt"])
def test_text_and_markdown_are_the_manuscript_byte_for_byte(
    form: str, workspace: Workspace, client: TestClient
) -> None:
    piece = workspace.store.new_piece("A brief", TEXT, "Title")
    answer = client.get(f"{PATH}export", params={"piece": piece.id, "as": form})
    assert answer.content == TEXT.encode() and name_of(answer) == f"Title.{form}"
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("form", ["docx", "epub"])
def test_word_files_and_books_come_whole(form: str, workspace: Workspace, client: TestClient) -> None:
    piece = workspace.store.new_piece("A brief", TEXT, "Title")
    answer = client.get(f"{PATH}export", params={"piece": piece.id, "as": form})
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


def test_who_wrote_what_stands_below_a_file_only_where_that_was_asked_for(
    workspace: Workspace, client: TestClient
) -> None:
    piece = workspace.store.new_piece(example.PROMPT, TEXT, "Title")
    workspace.store.begin("run1", example.PROMPT, "fake", "1:1", piece.id)
    workspace.store.append("run1", example.whole_run("run1"))
    for form in (*MANUSCRIPT, "report"):
        files = [
            client.get(f"{PATH}export", params={"piece": piece.id, "run": "run1", "as": form} | extra).content
            for extra in ({}, {"shares": "no"}, {"shares": "yes"})
        ]
        if form == "docx":
            files = [zipfile.ZipFile(io.BytesIO(file)).read("word/document.xml") for file in files]
        told = [b"100 % the writer" in file for file in files]
        assert told == [False, False, form in ("docx", "md", "report")], form
    told = client.get(f"{PATH}export", params={"piece": piece.id, "as": "md", "shares": "yes"}).content.decode()
    assert told.startswith(
        f"{TEXT.rstrip()}\n\n---\n\n*Who wrote what, in words: 100 % the writer, "
    ) and told.endswith("*\n")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ('A <&>"/ title: what?', "A & title what.txt"),
        ("灯塔 “x”", "灯塔 “x”.txt"),
        ("../../etc/passwd", "etc passwd.txt"),
        ("con", "Piece con.txt"),
        ("...", "Untitled.txt"),
        ("\u202etxt.exe\r\nx: y", "txt.exe x y.txt"),
        ("灯" * 400, "灯" * 66 + ".txt"),
    ],
)
def test_every_title_makes_a_name_that_every_system_takes(
    title: str, name: str, workspace: Workspace, client: TestClient
) -> None:
    piece = workspace.store.new_piece("A brief", "Words.", title)
    assert name_of(client.get(f"{PATH}export", params={"piece": piece.id, "as": "txt"})) == name


def test_the_menu_offers_every_form_and_each_is_answered(workspace: Workspace, client: TestClient) -> None:
    piece = workspace.store.new_piece(example.PROMPT, TEXT, "Title")
    workspace.store.begin("run1", example.PROMPT, "fake", "1:1", piece.id)
    workspace.store.append("run1", example.whole_run("run1"))
    names = set()
    for form in (*MANUSCRIPT, *SESSION):
        assert f'data-export="{form}"' in export_menu()
        answer = client.get(f"{PATH}export", params={"piece": piece.id, "run": "run1", "as": form})
        assert answer.status_code == 200 and answer.content
        names.add(name_of(answer))
    assert names == {f"Title.{f}" for f in MANUSCRIPT} | {"Title - critique.html", "Title - session.json"}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"as": "docx", "piece": "gone"}, "nothing to export yet"),
        ({"as": "docx", "piece": "empty"}, "Your manuscript is empty"),
        ({"as": "report", "piece": "empty"}, "has no session yet"),
        ({"as": "session", "piece": "empty", "run": "gone"}, "has no session yet"),
        ({"as": "exe", "piece": "empty"}, "is no form"),
        ({}, "is no form"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    told: dict[str, str], says: str, workspace: Workspace, client: TestClient
) -> None:
    if told.get("piece") == "empty":
        told = told | {"piece": workspace.store.new_piece("A brief").id}
    answer = client.get(f"{PATH}export", params=told)
    assert answer.status_code == 422 and says in answer.json()["error"]


def test_an_imported_file_is_a_new_piece_and_touches_no_other(workspace: Workspace, client: TestClient) -> None:
    old = workspace.store.new_piece("A brief", "Words.", "Draft")
    answer = client.post(f"{PATH}import", params={"name": "Draft.txt"}, content="Größe".encode("cp1252"))
    made = workspace.store.piece(answer.json()["piece"])
    assert made is not None and (made.title, made.text, made.brief) == ("Draft", "Größe", "")
    assert answer.json()["note"] == GUESSED and workspace.store.piece(old.id) == old and made.id != old.id


def test_an_exported_session_is_imported_with_its_run(workspace: Workspace, client: TestClient) -> None:
    workspace.store.begin("run1", example.PROMPT, "fake", "1:1")
    workspace.store.append("run1", example.whole_run("run1"))
    saved = client.get(f"{PATH}export", params={"run": "run1", "as": "session"}).content
    made = client.post(f"{PATH}import", params={"name": "x.json"}, content=saved).json()
    assert made["run"] != "run1" and workspace.store.piece_of(made["run"]) == made["piece"]


@pytest.mark.parametrize(
    ("name", "data"), [("x.docx", b"PK no"), ("x.json", b"{"), ("x.exe", b"MZ"), ("", b"x"), ("x.txt", b"")]
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, data: bytes, workspace: Workspace, client: TestClient
) -> None:
    answer = client.post(f"{PATH}import", params={"name": name}, content=data)
    assert answer.status_code == 422 and answer.json()["error"].endswith(".") and workspace.store.pieces() == []


def test_a_file_that_is_too_large_is_refused_while_it_comes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writer_r1.ui.files.MOST_BYTES", 1000)
    answer = client.post(f"{PATH}import", params={"name": "x.txt"}, content=b"a" * 1001)
    assert answer.status_code == 422 and "is larger than" in answer.json()["error"]


def test_the_whole_library_goes_out_and_comes_back_and_leaves_no_file_behind(
    workspace: Workspace, client: TestClient
) -> None:
    piece = workspace.store.new_piece("Mine", "Words.")
    before = sorted(workspace.home.iterdir())
    saved = client.get(f"{PATH}backup")
    assert name_of(saved).startswith("Writer-R1 library 2") and sorted(workspace.home.iterdir()) == before
    workspace.store.delete_all()
    done = client.post(f"{PATH}restore", params={"name": "../x.zip"}, content=saved.content).json()
    assert done["pieces"] == 1 and Path(done["before"]).exists() and workspace.store.piece(piece.id) == piece
    assert not [p for p in workspace.home.iterdir() if p.name.startswith((LEAVING, "restoring/"))]


def test_nothing_is_restored_from_a_broken_zip_or_while_a_session_or_a_test_goes_on(
    workspace: Workspace, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = client.get(f"{PATH}backup").content
    piece = workspace.store.new_piece("Mine", "Words.")
    assert "is no backup" in client.post(f"{PATH}restore", content=saved[:99]).json()["error"]
    workspace.store.begin("run1", "A poem.", "small", this_process())
    assert "still being written" in client.post(f"{PATH}restore", content=saved).json()["error"]
    monkeypatch.setattr(workspace.qualifying, "running", lambda: ["small"])
    assert "judge is being tested" in client.post(f"{PATH}restore", content=saved).json()["error"]
    assert workspace.store.piece(piece.id) == piece and not list(workspace.home.glob(f"{LEAVING}*"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "export?as=txt"),
        ("GET", "backup"),
        ("POST", "import?name=x.txt"),
        ("POST", "restore"),
        ("OPTIONS", "restore"),
    ],
)
def test_another_site_can_neither_fetch_nor_send(method: str, path: str, workspace: Workspace) -> None:
    stranger = TestClient(Files(PlainTextResponse("page"), workspace))
    asks = {"origin": "http://evil.example", "access-control-request-headers": HEADER}
    answer = stranger.request(method, PATH + path, headers=asks)
    assert answer.status_code == 404 and answer.content == b"" and "access-control-allow-origin" not in answer.headers
    assert workspace.store.pieces() == []


@pytest.mark.parametrize("path", ["", "other", "../library.db", "%2e%2e/library.db", "export/../../library.db"])
def test_no_path_is_ever_served(path: str, client: TestClient) -> None:
    assert client.get(PATH + path).text in ("", "page")


def test_what_a_killed_studio_left_is_cleared_and_all_else_is_the_pages(workspace: Workspace) -> None:
    left = workspace.home / f"{LEAVING}abc"
    left.mkdir()
    (left / "library.zip").write_text("a novel")
    client = TestClient(Files(PlainTextResponse("page"), workspace))
    assert client.get("/").text == "page" and not left.exists()
    assert json.loads('"page"') == client.get("/studio/alive").text
