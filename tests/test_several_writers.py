"""Two writers on one studio, over HTTP as browsers speak it: what one may not see or change of the other."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from http_page import API, HttpPage, Refused, connections
from live import Studio
from shared_studio import PASSWORDS, home_of, library, shared_studio

from writer_r1.training.plan import Plan, keep_plan, read_plan

pytestmark = pytest.mark.long

SECRET = "Zanzibarquark"  # in all that is Anna's, and in nothing else


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with a scripted model, shared by Anna and Ben."""
    studio = shared_studio(tmp_path_factory.mktemp("shared"))
    yield studio
    studio.process.terminate()
    _, log = studio.process.communicate(timeout=30)
    # Gradio tells of each forged request that it refuses. Nothing of ours fails by one, and what was typed is not said.
    assert not [
        at for at in re.findall(r'File "(\S+)", line \d+, in .*\n.*\n(?:\s*[~^]+\n)?(?=\S)', log) if "/writer_r1/" in at
    ]
    assert not [word for word in (SECRET, *PASSWORDS.values(), "a wrong one") if word in log]


@asynccontextmanager
async def client(studio: Studio, name: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A browser's cookies and connections; signed in where a name is given."""
    async with connections(studio.address, timeout=30) as made:
        if name:
            reply = await made.post("/sign-in", data={"name": name, "password": PASSWORDS[name], "onward": "/"})
            assert reply.status_code == 303 and reply.headers["location"] == "/", reply.text
        yield made


@asynccontextmanager
async def page(studio: Studio, name: str) -> AsyncIterator[HttpPage]:
    async with client(studio, name) as made:
        opened = HttpPage(made)
        await opened.open()
        yield opened
        await opened.close()


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 60))


@pytest.fixture(scope="module")
def written(shared: Studio) -> tuple[str, str]:
    """The ids of a piece that Anna wrote, and of its run."""

    async def write() -> None:
        shared.script(texts=[f"The {SECRET} went down to the harbour and counted the ropes. " * 12])
        async with page(shared, "anna") as anna:
            await anna.start(f"A story of the {SECRET} on ropes")
            await anna.followed()
            assert SECRET in anna.shown["sheet"] and SECRET in anna.shown["library"]
        shared.script()

    run(write)
    store = library(shared, "anna")
    piece = store.pieces()[0].id
    return piece, store.runs_of(piece)[0].id


def test_each_library_is_a_home_that_the_studio_alone_can_enter(shared: Studio, written: tuple[str, str]) -> None:
    assert [p.title for p in library(shared, "anna").pieces()] and not library(shared, "ben").pieces()
    assert not shared.store.pieces()  # the studio's own is nobody's
    for folder in (home_of(shared, "anna"), home_of(shared, "anna").parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_nothing_answers_before_somebody_has_signed_in(shared: Studio, written: tuple[str, str]) -> None:
    async def test() -> None:
        async with page(shared, "anna") as anna, client(shared) as nobody:
            reply = await nobody.get("/?piece=abc")
            assert reply.status_code == 303 and reply.headers["location"] == "/sign-in?onward=%2F%3Fpiece%3Dabc"
            shown = (await nobody.get(reply.headers["location"])).text
            assert 'value="/?piece=abc"' in shown and SECRET not in shown
            for path in await routes(anna):
                for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
                    reply = await nobody.request(method, path)
                    expected = (303, 401) if path in ("/", "/sign-in", "/sign-out") else (401,)
                    assert reply.status_code in expected, (method, path, reply.status_code)

    run(test)


async def routes(anna: HttpPage) -> list[str]:
    """Return every way that the studio, and gradio in it, answers; with Anna's ids where one is asked for."""
    found = [
        *("/config", "/theme.css", "/assets/index.js", "/static/img/logo.svg", "/manifest.json", "/monitoring"),
        *("/studio/alive", "/studio/files/export", "/studio/files/backup", "/studio/files/preferences"),
        *("/studio/files/import", "/studio/files/restore"),
    ]
    ways = ["info", "openapi.json", "queue/join", "queue/status", "component_server", "app_id", "token", "user"]
    ways += [f"queue/data?session_hash={anna.session}", f"heartbeat/{anna.session}", "reset", "cancel", "upload"]
    ways += ["upload_progress?upload_id=x", f"file={__file__}", "run/predict", "call/x", "startup-events", "dev/reload"]
    ways += ["deep_link", "runs", "process_recording", "proxy=http://127.0.0.1", f"stream/{anna.session}/x/1/a.ts"]
    return found + [f"{API}/{way}" for way in ways]


def test_no_way_of_the_page_shows_another_writers_words(shared: Studio, written: tuple[str, str]) -> None:
    """All that the page can ask for, asked by Ben with every id that Anna has."""
    piece, run_id = written
    place = json.dumps({"piece": piece, "base": 1, "run": run_id})
    before, answered = library(shared, "anna").piece(piece), list[Any]()
    acts = ("open", "session", "adopt", "rename", "delete", "undelete", "use", "own", "restore", "choose", "note")

    async def test() -> None:
        async with page(shared, "ben") as ben:
            await ben.open(f"?piece={piece}&run={run_id}")
            for wish in ben.wishes:
                if not wish["backend_fn"] or wish["targets"][0][1] == "load":
                    continue
                told = [typed(ben, i, place) for i in wish["inputs"]]
                if wish is ben.follow:
                    told = [f"{piece}/{run_id}#1"]
                boards = wish["targets"][0][1] == "submit" and ben.names.get(wish["targets"][0][0]) != "model-path"
                for act in acts if boards else ("",):
                    event = {
                        "act": act,
                        "piece": piece,
                        "run": run_id,
                        "attempt": "1",
                        "name": "../anna/runs/x",
                        "value": SECRET[:4],
                        "title": "Ben was here",
                        "backup": "x",
                        "revision": "1",
                    }
                    await quietly(ben, wish, told, event if boards else None)
            assert SECRET not in json.dumps(ben.shown), [k for k, v in ben.shown.items() if SECRET in json.dumps(v)]

    async def quietly(ben: HttpPage, wish: dict[str, Any], told: list[Any], event: Any) -> None:
        try:
            await ben.ask(wish, told, event)
            answered.append(event)
        except Refused as refused:
            assert SECRET not in str(refused)

    run(test)
    assert len(answered) > 20  # a page that refuses all would keep any secret
    assert library(shared, "anna").piece(piece) == before
    assert len(library(shared, "anna").runs_of(piece)) == 1


def typed(ben: HttpPage, component: int, place: str) -> Any:
    """Return what Ben's page sends of a part: what is in it, words in an empty field, and the place he would be at."""
    name, value = ben.names[component], ben.values[component]
    if ben.kinds[component] == "textbox" and not value:
        return place if name.startswith("#") else "" if name == "model-path" else "Of Ben"
    return value


def test_no_function_of_the_page_reads_or_changes_another_writers_piece(
    shared: Studio, written: tuple[str, str]
) -> None:
    piece, run_id = written
    before = library(shared, "anna").piece(piece)

    async def test() -> None:
        async with page(shared, "ben") as ben:
            sent = {"piece": piece, "base": before.revision, "run": run_id, "attempt": 1, "copy_of": piece, "text": "x"}
            sent |= {"id": "1", "revision": 1, "brief": "x"}
            asked = 0
            for component, names in ben.functions.items():
                for name in names:
                    for one in (sent, {k: v for k, v in sent.items() if k != "copy_of"}):
                        body = {"data": [one], "component_id": component, "session_hash": ben.session, "fn_name": name}
                        reply = await ben.client.post(f"{API}/component_server", json=body)
                        assert SECRET not in reply.text, name
                        asked += reply.status_code == 200
            assert asked > 20

    run(test)
    assert library(shared, "anna").piece(piece) == before
    assert library(shared, "anna").run(run_id).state != "running"


def test_no_file_of_another_writer_can_be_had(shared: Studio, written: tuple[str, str]) -> None:
    piece, run_id = written
    home = home_of(shared, "anna")
    (home / "note.txt").write_text(SECRET)
    backup = next((home / "backups").iterdir())

    async def test() -> None:
        async with client(shared, "ben") as ben:
            for form in ("docx", "md", "txt", "epub", "report", "session"):
                for query in ({"piece": piece}, {"run": run_id}, {"piece": piece, "run": run_id}):
                    reply = await ben.get(
                        "/studio/files/export", params={"as": form} | query, headers={"x-writer-r1": ""}
                    )
                    assert reply.status_code == 422 and SECRET not in reply.text
            own = await ben.get("/studio/files/backup", headers={"x-writer-r1": ""})
            assert own.status_code == 200 and SECRET.encode() not in own.content
            for path in (home / "library.db", home / "note.txt", backup, shared.home.parent / "writers"):
                for way in ("file=", "file/", "../file=", "%66ile=", "/file="):
                    for lead in ("/", f"{API}/"):
                        reply = await ben.get(f"{lead}{way}{path}")
                        assert reply.status_code >= 400, (way, path)
            assert (await ben.post(f"{API}/upload", files={"files": ("a.txt", b"x")})).status_code == 404

    run(test)


def test_another_writers_event_stream_cannot_be_followed_or_cancelled(shared: Studio, written: tuple[str, str]) -> None:
    async def test() -> None:
        shared.script(delay=0.01, texts=[f"The {SECRET} counted the ropes again. " * 12])
        async with page(shared, "anna") as anna, client(shared, "ben") as ben:
            await anna.start("Another story")
            await asyncio.sleep(1)
            event = next(iter(anna.pending), "none")
            for path in (f"queue/data?session_hash={anna.session}", f"call/x/{event}", f"heartbeat/{anna.session}x"):
                with suppress(httpx.HTTPError):  # it says nothing, or breaks off
                    reply = await ben.get(f"{API}/{path}", timeout=1)
                    assert SECRET not in reply.text
            for path in ("cancel", "reset"):
                body = {"session_hash": anna.session, "event_id": event, "fn_index": anna.follow["id"]}
                await ben.post(f"{API}/{path}", json=body)
            messages = anna.messages
            await anna.followed()
            assert anna.messages > messages and "Done" in anna.shown["phase"] and SECRET in anna.shown["sheet"]
        shared.script()

    run(test)


def test_no_file_of_the_machine_can_be_named_by_a_writer(shared: Studio) -> None:
    """To train on, or as a model: a path would read what is not the writer's own."""
    stolen = home_of(shared, "anna") / "stolen.jsonl"
    stolen.write_text("".join(json.dumps({"prompt": f"{n}", "text": f"{SECRET} " * 20}) + "\n" for n in range(20)))

    async def test() -> None:
        async with page(shared, "ben") as ben:
            change = ben.wish("train-goal", "input")
            told = {
                "train-goal": "sft",
                "train-data": "file",
                "train-path": str(stolen),
                "train-works": [],
                "train-base": str(stolen),
                "train-preset": "quick",
                "train-reward": "checks",
            }
            for part in ("train-data", "train-base", None):
                data = [
                    (told | {part: ben.value(part)} if part else told).get(ben.names[i], ben.values[i])
                    for i in change["inputs"]
                ]
                with suppress(Refused):  # gradio itself takes no choice that it did not offer
                    await ben.ask(change, data)
                assert SECRET not in json.dumps(ben.shown)
            await ben.ask(ben.wish("model-add", "click"), [str(stolen)])
            assert "shared by all writers" in ben.shown["model-answer"]
            await ben.ask(ben.wish("models", "submit"), [[]], {"act": "remove", "name": "fake"})

    run(test)
    assert str(stolen) not in read_plan(home_of(shared, "ben")).model_dump_json()
    keep_plan(home_of(shared, "ben"), Plan())


def test_a_foreign_site_can_neither_sign_in_nor_ask_for_anything(shared: Studio) -> None:
    async def test() -> None:
        foreign = {"origin": "http://evil.example"}
        async with client(shared, "ben") as ben, client(shared) as nobody:
            data = {"name": "ben", "password": PASSWORDS["ben"], "onward": "/"}
            assert (await nobody.post("/sign-in", data=data, headers=foreign)).status_code == 403
            assert (await ben.post("/sign-out", headers=foreign)).status_code == 403
            assert (await ben.post(f"{API}/queue/join", json={}, headers=foreign)).status_code == 404
            assert (await ben.get("/")).status_code == 200

    run(test)


def test_signing_out_ends_the_session_and_no_password_is_said_anywhere(shared: Studio) -> None:
    async def test() -> None:
        async with client(shared, "ben") as ben, client(shared, "ben") as elsewhere:
            kept = dict(ben.cookies)
            assert (await ben.post("/sign-out")).headers["location"] == "/sign-in"
            ben.cookies.update(kept)  # one who copied the cookie
            assert (await ben.get("/config")).status_code == 401
            assert (await elsewhere.get("/config")).status_code == 200
            wrong = await ben.post("/sign-in", data={"name": "ben", "password": "a wrong one", "onward": "/"})
            assert wrong.status_code == 200 and "a wrong one" not in wrong.text and 'value="ben"' in wrong.text

    run(test)
