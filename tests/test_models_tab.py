"""The Models page: what its cards say of real files and downloads, and what a click may and may not do."""

import hashlib
import json
import re
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from filelock import FileLock
from gguf_bytes import gguf
from judges import qualification

from writer_r1 import background, catalog, places, pulls, qualifying, servers
from writer_r1.catalog import Model
from writer_r1.machine_memory import this_machine
from writer_r1.pulls import Progress, pulls_into
from writer_r1.qualification import result_at
from writer_r1.roles import ROLES
from writer_r1.scored_texts import kept_at
from writer_r1.servers import Abilities, server_of
from writer_r1.settings import Settings, read_settings, write_settings
from writer_r1.store import this_process
from writer_r1.ui import model_cards, role_lines
from writer_r1.ui.model_cards import Machine, Shelf, cards, fit, time_words
from writer_r1.ui.models_tab import look, on_act, on_add, show
from writer_r1.workspace import Workspace

GB = 10**9
CONTENT = b"the whole model" * 100
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)> \"' & ${1+1} {{x}}"


def entry(name: str, alias: str, **changes: object) -> dict[str, object]:
    made = {"name": name, "aliases": [alias], "label": name.title(), "file": f"{name}.gguf", "licence": "MIT"}
    made |= {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(), "memory_bytes": GB, "context": 8192}
    return made | {"about": "Writes.", "sources": [{"packages": [f"{name}==1.0"]}]} | changes


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Return a workspace whose catalog has a small and a large model, neither of them here."""
    (tmp_path / "models").mkdir()
    rows = [entry("small", "starter"), entry("large", "standard", bytes=1_066_000_000, sha256="ab" * 32)]
    (tmp_path / "models/catalog.json").write_text(json.dumps(rows))
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    made = Workspace()
    yield made
    pulls_into(made.models).close()
    made.close()


@pytest.fixture
def no_network(monkeypatch):
    """Have a download go on until it is told to stop."""

    def pull(name, folder, progress, stop):
        while not stop():
            progress(400_000_000, 1_066_000_000, "from the package index")
            time.sleep(0.01)

    monkeypatch.setattr(pulls, "pull", pull)


def here(workspace: Workspace, name: str = "small") -> Path:
    path = workspace.models / f"{name}.gguf"
    path.write_bytes(CONTENT)
    return path


def own(workspace: Workspace, path: Path) -> Model:
    path.write_bytes(gguf())
    return catalog.add(path, workspace.models)


def wish(act: str, name: str = "small", **more: str) -> dict[str, str]:
    return {"act": act, "name": name, **more}


class Card(HTMLParser):
    """The text, tags and buttons of one model's card."""

    def __init__(self, html: str, name: str = "") -> None:
        super().__init__()
        self.text, self.tags, self.acts = "", [], []
        part = re.search(rf'<li class="model" data-model="{name}".*?</li>', html, re.S)[0] if name else html
        self.feed(part)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "button":
            self.acts.append((found.get("data-act") or found.get("data-dialog") or "") + (found.get("data-role") or ""))

    def handle_data(self, data):
        self.text += data


def card_of(workspace: Workspace, name: str = "small") -> Card:
    return Card(cards(look(workspace)), name)


@pytest.mark.parametrize(
    ("need", "says"), [(1, "fits"), (7, "fits"), (8, "tight"), (16, "tight"), (17, "does not fit")], ids=str
)
def test_whether_a_model_fits_is_told_by_free_and_by_all_memory(need, says):
    assert fit(need * GB, Machine(16 * GB, 8 * GB)) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0, "about 5 seconds"), (42, "about 40 seconds"), (60, "about 1 minute"), (400, "about 7 minutes")]
    + [(3600 * 2 + 300, "about 2 h 05 min")],
)
def test_time_left_is_told_no_finer_than_it_is_known(seconds, says):
    assert time_words(seconds) == says


def test_a_card_says_what_the_model_takes_before_it_is_fetched(workspace):
    card = card_of(workspace, "large")
    assert card.acts == ["download"]
    for words in ("Writes.", "MIT", "1.1 GB", "8,192 tokens, about 6,000 words", "needs 1.0 GB of memory"):
        assert words in card.text
    assert "Not downloaded." in card.text and "Download 1.1 GB" in card.text
    assert f"of {catalog.amount(this_machine().total)} is free" in card.text


def test_a_partial_file_says_how_much_is_here_and_can_be_resumed_or_removed(workspace):
    with (workspace.models / "large.gguf.partial").open("wb") as file:
        file.truncate(412_000_000)
    card = card_of(workspace, "large")
    assert "412 of 1,066 MB are here." in card.text and card.acts == ["download", "remove"]
    assert "Resume" in card.text


def test_what_is_here_but_not_whole_is_not_called_a_part(workspace):
    here(workspace).write_bytes(b"X" + CONTENT[1:])
    card = card_of(workspace)
    assert "not whole" in card.text and "Download" in card.text and "Resume" not in card.text


def test_without_any_model_the_page_says_so_and_names_the_smallest(workspace):
    assert "No model is here yet" in cards(look(workspace)) and "Small is the smallest" in cards(look(workspace))


def test_the_same_model_in_both_roles_is_said_with_what_speaks_for_another(workspace):
    here(workspace)
    html = cards(look(workspace))
    assert "Small</b> writes and judges." in html and "another judge is fairer" in html and "next session" in html
    assert card_of(workspace).text.count("judges") == 1 and card_of(workspace).acts == ["test", "remove"]


def test_choosing_another_judge_is_kept_and_both_memories_are_added(workspace, tmp_path):
    here(workspace)
    mine = own(workspace, tmp_path / "mine.gguf")
    other = ["useanalyst", "usecritic"]
    assert Card(cards(look(workspace)), mine.name).acts == ["usewriter", "usejudge", "test", "forget", *other]
    on_act(workspace, [], wish("use", mine.name, role="judge"))
    assert read_settings(workspace.home) == Settings(judge=mine.name)
    html = cards(look(workspace))
    assert "Small</b> writes." in html and "Tiny</b> judges." in html and "Together they need 1.0 GB" in html
    assert "fairer" not in html


def test_finding_criteria_and_advising_may_be_anothers_part_and_go_back_to_the_judge(workspace, tmp_path):
    here(workspace)
    mine = own(workspace, tmp_path / "mine.gguf")
    on_act(workspace, [], wish("use", mine.name, role="critic"))
    assert workspace.cast() == ("starter", "starter", "starter", mine.name)
    html = cards(look(workspace))
    assert "Tiny</b> says what to change." in html and "Together they need 1.0 GB" in html
    assert "says what to change" in card_of(workspace, mine.name).text
    assert "finds the criteria" not in card_of(workspace).text
    for wrong in ("judge", "writer", "theme", ""):
        on_act(workspace, [], {"act": "unuse", "role": wrong})
    assert read_settings(workspace.home) == Settings(critic=mine.name)
    on_act(workspace, [], {"act": "unuse", "role": "critic"})
    assert read_settings(workspace.home) == Settings()


def test_a_chosen_model_that_is_not_here_is_said_and_another_stands_in(workspace):
    here(workspace)
    write_settings(workspace.home, Settings(writer="large", judge="gone"))
    shelf = look(workspace)
    assert shelf.using == dict.fromkeys(ROLES, "small")
    assert "Large is chosen but its file is not here; until it is, Small writes." in cards(shelf)
    assert "&#x27;gone&#x27; is chosen but not listed; until it is, Small judges." in cards(shelf)


@pytest.mark.parametrize(
    "asked",
    [
        {"act": ""},
        {"act": "use", "name": "small", "role": "theme"},
        {"act": "use", "name": "small"},
        {"act": "use", "name": "large", "role": "writer"},
        {"act": "use", "name": "../large", "role": "writer"},
        {"act": "forget", "name": "small"},
        {"act": "download", "name": "/etc/passwd"},
        {"act": "remove", "name": "../../small"},
        {"act": "test", "name": "large"},
        {"act": "test", "name": "../../small"},
        {"act": "untest", "name": "small"},
        {"act": "explode", "name": "small"},
    ],
)
def test_what_no_button_could_have_sent_changes_nothing(workspace, asked):
    path = here(workspace)
    before = read_settings(workspace.home)
    on_act(workspace, [], asked)
    assert read_settings(workspace.home) == before and path.exists() and pulls_into(workspace.models).running() == []
    assert workspace.qualifying.running() == ""


def test_a_download_is_seen_by_every_page_and_ends_with_cancel(workspace, no_network):
    html, watched, timer = on_act(workspace, [], wish("download", "large"))
    assert watched == ["large"] and timer.active
    card = card_of(workspace, "large")  # another page, or this one after a reload
    assert card.acts == ["cancel"] and "400 of 1,066 MB · from the package index" in card.text
    assert 'aria-valuenow="38"' in cards(look(workspace))
    on_act(workspace, watched, wish("cancel", "large"))
    while pulls_into(workspace.models).running():
        time.sleep(0.01)
    html, watched, timer = show(workspace, watched)
    assert watched == [] and not timer.active and 'role="progressbar"' not in html


def test_speed_and_time_left_are_shown_as_soon_as_they_are_known():
    pull = Progress(412_000_000, 1_066_000_000, 3_270_000.0, 200.0, "running", "from the hub")
    model = Model(name="m", label="M", licence="", bytes=1, state="absent", path=Path("m"), sha256="a", about="",
                  memory_bytes=1, context=1)  # fmt: skip
    html = model_cards.progress(model, pull)
    assert "412 of 1,066 MB · 3.3 MB a second · about 3 minutes left · from the hub" in html and "width:38.6%" in html


def test_a_failed_download_says_why_in_its_card_and_offers_another_try(workspace, monkeypatch):
    def pull(*_):
        raise catalog.ModelError(f"No luck {HOSTILE}")

    monkeypatch.setattr(pulls, "pull", pull)
    on_act(workspace, [], wish("download", "large"))
    while pulls_into(workspace.models).running():
        time.sleep(0.01)
    card = card_of(workspace, "large")
    assert "No luck" in card.text and card.acts == ["download"] and "script" not in card.tags


def test_removing_deletes_only_what_the_studio_downloaded(workspace, tmp_path):
    path, mine = here(workspace), own(workspace, tmp_path / "mine.gguf")
    on_act(workspace, [], wish("remove", mine.name))
    assert mine.path.exists()
    on_act(workspace, [], wish("remove"))
    assert not path.exists() and "Not downloaded." in card_of(workspace).text
    on_act(workspace, [], wish("forget", mine.name))
    assert [m.name for m in look(workspace).models] == ["small", "large"] and mine.path.exists()


def test_the_question_before_a_removal_names_the_model(workspace):
    here(workspace)
    html = cards(look(workspace))
    assert '<template data-dialog="remove">' in html
    assert 'data-fill="{&quot;name&quot;: &quot;small&quot;, &quot;label&quot;: &quot;Small&quot;}"' in html


def test_a_model_is_not_removed_while_a_piece_is_written(workspace):
    path = here(workspace)
    workspace.store.begin("run1", "A poem.", "small", this_process())
    on_act(workspace, [], wish("remove"))
    assert path.exists()


def test_a_model_is_not_removed_while_another_home_uses_the_machine(workspace):
    path = here(workspace)
    with FileLock(places.machine_lock()):
        on_act(workspace, [], wish("remove"))
        assert path.exists()
    on_act(workspace, [], wish("remove"))
    assert not path.exists()


def measured(workspace: Workspace, **changes: object) -> None:
    path = result_at("small", workspace.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(qualification(judge="small", **changes).model_dump_json())


@pytest.fixture
def no_reading(monkeypatch):
    """Have a test go on until it is told to stop, and keep one text of it."""

    def qualify(model, wanted, host, say, cancel):
        kept_at(model, host.home).parent.mkdir(parents=True, exist_ok=True)
        kept_at(model, host.home).write_text("{}\n")
        say(40, 250, None)
        while not cancel():
            say(40, 250, 460.0)
            time.sleep(0.01)

    monkeypatch.setattr(qualifying, "qualify", qualify)


def test_a_ready_model_says_what_is_known_of_it_as_a_judge_and_others_say_nothing(workspace):
    assert "As a judge" not in card_of(workspace, "large").text and "test" not in card_of(workspace, "large").acts
    here(workspace)
    assert "As a judge: not measured" in card_of(workspace).text and card_of(workspace).acts == ["test", "remove"]
    measured(workspace)
    says = "As a judge: some trust · puts the more spoiled of two texts lower 93 times in 100 · measured 3 Nov 2025"
    assert says in card_of(workspace).text and card_of(workspace).acts == ["remove"]
    for change in ({"prompt_hash": "another"}, {"calibration": "an-earlier-fit"}):
        measured(workspace, **change)
        card = card_of(workspace)
        assert "As a judge: not measured" in card.text and card.acts == ["test", "remove"], change


def test_a_model_that_was_never_fitted_to_readers_says_so_measured_or_not(workspace):
    here(workspace)
    assert "As a judge: not measured · not fitted to readers" in card_of(workspace).text
    measured(workspace)
    assert "measured 3 Nov 2025 · not fitted to readers" in card_of(workspace).text
    shelf = look(workspace)
    assert "not fitted" not in Card(cards(shelf._replace(fits={"small": "small-0d3574915c68"})), "small").text


def test_a_test_is_seen_by_every_page_stops_when_asked_and_can_go_on(workspace, no_reading):
    here(workspace)
    _, watched, timer = on_act(workspace, [], wish("test"))
    assert watched == ["judge small"] and timer.active
    while "40 of 250" not in card_of(workspace).text or "waiting" in card_of(workspace).text:
        time.sleep(0.01)
    card = card_of(workspace)
    assert "Being tested as a judge: 40 of 250 texts · about 8 minutes left" in card.text
    assert card.acts == ["untest", "remove"] and 'aria-valuenow="16"' in cards(look(workspace))
    on_act(workspace, watched, wish("remove"))
    assert (workspace.models / "small.gguf").exists()
    on_act(workspace, watched, wish("untest"))
    while workspace.qualifying.running():
        time.sleep(0.01)
    _, watched, timer = show(workspace, watched)
    assert watched == [] and not timer.active
    assert "the test was stopped, what was read is kept" in card_of(workspace).text
    assert card_of(workspace).acts == ["test", "remove"] and "Go on" in card_of(workspace).text
    again = Workspace(workspace.home, workspace.models)  # the studio on another day
    assert "Go on" in card_of(again).text


def test_a_test_that_waits_for_the_model_says_so(workspace):
    here(workspace)
    shelf = look(workspace)
    waits = shelf._replace(tests={"small": background.Progress(40, 250, None, "running")})
    assert "40 of 250 texts · waiting for the model" in Card(cards(waits)).text
    stops = shelf._replace(tests={"small": background.Progress(0, 0, None, "running", stopping=True)})
    assert "Being tested as a judge: stopping" in Card(cards(stops)).text and Card(cards(stops), "small").acts == [
        "remove"
    ]


def test_a_test_that_failed_says_why_and_can_be_begun_again(workspace, monkeypatch):
    here(workspace)

    def qualify(*_):
        raise catalog.ModelError(f"No luck {HOSTILE}")

    monkeypatch.setattr(qualifying, "qualify", qualify)
    on_act(workspace, [], wish("test"))
    while workspace.qualifying.running():
        time.sleep(0.01)
    card = card_of(workspace)
    assert "No luck" in card.text and card.acts == ["test", "remove"] and "script" not in card.tags


def test_an_added_file_is_listed_and_a_bad_one_answered_with_its_sentence(workspace, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(gguf())
    assert on_add(workspace, f'  "{tmp_path / "mine.gguf"}" ')[1] == ""
    assert [m.name for m in look(workspace).models][-1] == "mine"
    (tmp_path / "cut.gguf").write_bytes(gguf()[:-1])
    bad = {str(tmp_path / "cut.gguf"): "cut short", str(tmp_path / HOSTILE): "There is no file", "": "path of a GGUF"}
    for path, says in bad.items():
        answer, kept = on_add(workspace, path)
        assert says in answer and kept == path.strip().strip("\"'") and "wrong" in answer and "<script" not in answer


def test_a_file_of_the_users_own_that_went_is_said(workspace, tmp_path):
    mine = own(workspace, tmp_path / "mine.gguf")
    mine.path.unlink()
    assert "not where it was" in card_of(workspace, "mine").text and card_of(workspace, "mine").acts == ["forget"]


def test_a_broken_list_of_models_is_a_card_and_not_a_crash(workspace):
    (workspace.models / "added.json").write_text("[{")
    html, watched, timer = show(workspace, ["small"])
    assert "repair it or delete it" in html and watched == [] and not timer.active
    on_act(workspace, [], wish("remove"))


def test_every_word_of_a_model_is_escaped():
    model = Model(name=HOSTILE, label=HOSTILE, licence=HOSTILE, bytes=1, state="ready", path=Path(HOSTILE), sha256="a",
                  about=HOSTILE, memory_bytes=1, context=1)  # fmt: skip
    states = [model.model_copy(update={"state": s, "sha256": h}) for s in ("ready", "absent") for h in ("a", None)]
    for shown in states:
        for pull in (None, Progress(1, 2, 1.0, 1.0, "running", HOSTILE), Progress(1, 2, None, None, "failed", HOSTILE)):
            for state in ("running", "failed"):
                role = {"writer": HOSTILE, "judge": "x", "analyst": HOSTILE, "critic": "x"}
                shelf = Shelf((shown,), {}, {HOSTILE: pull} if pull else {}, Machine(9, 9), role, role)
                judge = qualification(judge=HOSTILE, measured=HOSTILE)
                test = background.Progress(1, 2, 3.0, state, HOSTILE)
                for known in (shelf, shelf._replace(judges={HOSTILE: judge}, tests={HOSTILE: test}, begun=[HOSTILE])):
                    assert {"script", "img"}.isdisjoint(Card(cards(known)).tags)


def test_many_pages_may_look_and_click_at_once(workspace, no_network):
    here(workspace)
    faults: list[BaseException] = []

    def page() -> None:
        try:
            for act in ("download", "cancel", "use", "download", "cancel"):
                on_act(workspace, [], wish(act, "large" if act != "use" else "small", role="judge"))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=page) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and read_settings(workspace.home).judge == "small"


def served(workspace: Workspace, url: str = "https://models.example.org/v1", **can: object) -> Model:
    server = server_of(url, "big").model_copy(update={"can": Abilities.model_validate(can)})
    return catalog.find(servers.keep(server, workspace.models, set()).name, workspace.models)


def test_a_server_says_what_it_can_do_and_that_text_leaves_before_it_is_chosen(workspace):
    there, here = served(workspace, logprobs=True), served(workspace, "http://127.0.0.1:1/v1", logprobs=True)
    away, local = card_of(workspace, there.name), card_of(workspace, here.name)
    assert "all that big reads is sent to models.example.org" in away.text
    assert "can write and judge" in away.text and "more of its answers go astray" in away.text
    assert away.acts == ["leave", "leave", "test", "ask", "forget", "leave", "leave"]
    other = ["useanalyst", "usecritic"]
    assert "leaves" not in local.text
    assert local.acts == ["usewriter", "usejudge", "test", "ask", "forget", *other]
    assert "MB" not in away.text + local.text
    on_act(workspace, [], wish("use", there.name, role="writer"))
    assert workspace.writer == there.name
    assert "is sent to models.example.org" in Card(role_lines.roles(look(workspace))).text


def test_a_server_without_probabilities_can_write_and_not_be_made_the_judge(workspace):
    model = served(workspace, "http://127.0.0.1:1/v1")
    assert card_of(workspace, model.name).acts == ["usewriter", "ask", "forget", "useanalyst", "usecritic"]
    on_act(workspace, [], wish("use", model.name, role="judge"))
    assert read_settings(workspace.home).judge is None
    on_act(workspace, [], wish("forget", model.name))
    assert all(row.server is None for row in catalog.rows(workspace.models))


def test_a_servers_words_are_shown_as_words(workspace):
    server = server_of("http://127.0.0.1:1/v1", HOSTILE).model_copy(update={"can": Abilities(), "name": "hostile"})
    servers.keep(server, workspace.models, set())
    assert "<script" not in cards(look(workspace)) and "<img" not in cards(look(workspace))


def test_an_address_that_is_none_is_answered_below_the_field_and_stays_in_it(workspace):
    for address in ("http://", "http://me:secret@h/v1"):
        answer, kept = on_add(workspace, address)
        assert "wrong" in answer and kept == address
