"""Models of the hub: found, described, downloaded and refused, over real HTTP from a hub on this machine."""

import json
import logging
import subprocess
import sys
import threading
import time
import types
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
from conftest import STARTER
from gguf_bytes import CHAT, gguf
from hub_stand_in import OTHERS, SHA, TOKEN, blob, hub_here, sha256
from stand_ins import closed_port
from test_pulls import until

from writer_r1 import catalog, download, entries, hub, offers
from writer_r1.catalog import find, path_of, rows
from writer_r1.cli import main
from writer_r1.errors import DownloadError, ModelError
from writer_r1.fetch import pull
from writer_r1.pulls import kept_bytes, remove

pytestmark = pytest.mark.long

REPOSITORY = "maker/Tiny-GGUF"
MODEL = gguf(tensors=(("w", (1024, 512), 0),))  # 2 MB
SMALL = gguf(tensors=(("w", (64, 64), 0),))
GATE = "gated/Tiny-GGUF"
STUDIO = """
import sys
from pathlib import Path
from writer_r1 import places
places.data = lambda name: Path(sys.argv[2]).parent / name
from writer_r1.fetch import pull
pull(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch):
    with hub_here(monkeypatch) as made:
        made.files[REPOSITORY] = {"README.md": b"# Tiny", "tiny-Q4_K_M.gguf": SMALL, "tiny-Q8_0.gguf": MODEL}
        made.files[GATE] = {"tiny-q8_0.gguf": MODEL}
        made.kind[GATE] = "gated"
        yield made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/catalog.json").write_text("[]")
    monkeypatch.setattr(catalog, "data", lambda name: tmp_path / name)
    return tmp_path / "models"


def chosen(folder: Path, file: str = "tiny-Q8_0.gguf", repository: str = REPOSITORY) -> str:
    found = offers.look(repository)
    return offers.choose(found, offers.pick(found, file), folder).name


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"catalog.json"}


# finding


def test_a_search_tells_downloads_licence_and_gate_and_asks_one_question(site):
    found = offers.search("tiny gguf")
    assert found == [(REPOSITORY, 1234, "apache-2.0", False), (GATE, 1234, "apache-2.0", True)]
    assert len(site.seen) == 1 and site.seen[0].key == ""
    asked = site.seen[0].query
    assert asked["search"] == ["tiny gguf"] and asked["filter"] == ["gguf"] and asked["sort"] == ["downloads"]
    assert offers.search("nothing of the kind") == []


def test_a_repository_tells_quantisation_size_and_memory_before_anything_is_fetched(site):
    site.files[REPOSITORY] |= {
        "big-Q6_K-00001-of-00002.gguf": b"a" * 3_000_000,
        "big-Q6_K-00002-of-00002.gguf": b"b" * 1_000_000,
        "mmproj-F16.gguf": b"c" * 3_000_000,
        "old/pytorch_model.bin": b"d" * 20,
        "../../escape.gguf": MODEL,
        "no header Q2_K.gguf": MODEL,
    }
    found = offers.look(REPOSITORY)
    assert (found.id, found.revision, found.downloads, found.gated, found.closed) == (REPOSITORY, SHA, 1234, False, "")
    told = {offer.id.rsplit("/", 1)[-1]: offer for offer in found.offers}
    assert list(told) == ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf", "mmproj-F16.gguf", "big-Q6_K-00001-of-00002.gguf"]
    assert [o.quantisation for o in found.offers] == ["Q4_K_M", "Q8_0", "F16", "Q6_K"]
    whole, parted = told["tiny-Q8_0.gguf"], told["big-Q6_K-00001-of-00002.gguf"]
    per_token = 4 * 2 * (64 // 8) * 4  # layers, key and value heads, width, two times two bytes
    assert whole.bytes == len(MODEL) and whole.context == 2048
    assert whole.memory_bytes == len(MODEL) * 11 // 10 + 2048 * per_token
    assert parted.bytes == 4_000_000 and "in 2 parts, which the studio does not join" in parted.refusal
    assert "no model" in told["mmproj-F16.gguf"].refusal
    assert len([s for s in site.seen if s.place == "storage"]) == 1  # the beginning of one file is enough


@pytest.mark.parametrize("name", ["Q4_K_M", "q5_0", "IQ2_XXS", "BF16", "UD-Q4_K_XL", "MXFP4", "Q8_0"])
def test_the_quantisation_is_read_from_a_files_name(name):
    assert offers.QUANTISATION.findall(f"Some-Q-7B-Instruct-v0.3-{name}")[-1] == name


def test_a_repository_without_models_says_so_and_one_with_many_asks_which(site, folder):
    site.files["maker/words"] = {"README.md": b"# Nothing", "pytorch_model.bin": b"x" * 99, "run.py": b"print()"}
    with pytest.raises(DownloadError, match="maker/words has no GGUF file and is no folder of safetensors"):
        offers.pick(offers.look("maker/words"), "")
    with pytest.raises(DownloadError, match="has 2 GGUF files, such as hf:maker/Tiny-GGUF/tiny-Q4_K_M.gguf; see all"):
        offers.pick(offers.look(REPOSITORY), "")
    with pytest.raises(DownloadError, match="has no 'other.gguf'; run: writer-r1 models files maker/Tiny-GGUF"):
        offers.pick(offers.look(REPOSITORY), "other.gguf")
    site.files[REPOSITORY].pop("tiny-Q8_0.gguf")
    assert offers.pick(offers.look(REPOSITORY), "").id.endswith("tiny-Q4_K_M.gguf")


# refusals

GATED = "gated/Tiny-GGUF is gated; accept its terms at http://127.0.0.1:[0-9]+/gated/Tiny-GGUF, then give .* HF_TOKEN"
REFUSALS = {
    "no repository": (
        "maker/none",
        "",
        "has no repository maker/none, or it is private, and opens with an access token",
    ),
    "no repository, with a token": (
        "maker/none",
        TOKEN,
        "has no repository maker/none, or your access token does not open it",
    ),
    "wrong token": (REPOSITORY, "hf_wrong", "does not accept your access token; make one at http.*/settings/tokens"),
    "gated": (GATE, "", GATED),
    "gated, not accepted": (
        GATE,
        OTHERS,
        "gated, and your access token does not open it; accept its terms at http.* with the account",
    ),
}


@pytest.mark.parametrize(("name", "token", "says"), REFUSALS.values(), ids=REFUSALS)
def test_each_refusal_of_the_hub_is_a_sentence_with_the_next_step(site, folder, monkeypatch, name, token, says):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DownloadError, match=says) as refused:
        chosen(folder, "", name)
    assert str(refused.value).endswith(".") and not (token and token in str(refused.value))
    assert "secret" not in str(refused.value) and files_in(folder) == set()


def test_a_gated_repository_still_tells_what_it_has(site):
    found = offers.look(GATE)
    assert found.gated and found.closed and found.offers[0].bytes == len(MODEL) and found.offers[0].context == 0


@pytest.mark.parametrize(
    ("status", "says"), [(429, "asks for patience"), (500, "the error 500"), (200, "not understood")]
)
def test_a_hub_in_trouble_is_a_sentence(site, status, says):
    site.trouble["interface"] = status
    with pytest.raises(DownloadError, match=says):
        offers.look(REPOSITORY)


def test_a_hub_that_is_away_is_said_within_seconds(site, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    began = time.monotonic()
    with pytest.raises(DownloadError, match="hub cannot be reached"):
        offers.search("tiny")
    assert time.monotonic() - began < 5


def test_an_answer_that_does_not_come_is_given_up_and_can_be_stopped(site, monkeypatch):
    monkeypatch.setattr(hub, "ANSWER_S", 0.3)
    with pytest.raises(DownloadError, match="said nothing for 0 seconds"):
        hub.asked(lambda key: time.sleep(2))
    with pytest.raises(hub.GivenUp):
        hub.asked(lambda key: time.sleep(2), stop=lambda: True)


def test_offline_no_request_is_made_and_one_sentence_says_so(site, folder, monkeypatch):
    from huggingface_hub import constants

    name = chosen(folder)
    site.seen.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for ask in (lambda: offers.search("x"), lambda: offers.look(REPOSITORY), lambda: pull(name, folder)):
        with pytest.raises(DownloadError, match="switched off by HF_HUB_OFFLINE"):
            ask()
    assert site.seen == []


# downloading


def test_a_file_of_the_hub_becomes_a_model_like_any_other(site, folder):
    name, told = chosen(folder), []
    assert name == "tiny-q8_0" and find(name, folder).state == "absent"
    path = pull(name, folder, lambda *report: told.append(report))
    assert path.read_bytes() == MODEL and path == path_of(name, folder) == path_of(
        f"hf:{REPOSITORY}/tiny-Q8_0.gguf", folder
    )
    model = rows(folder)[-1]
    assert (model.state, model.licence, model.sha256) == ("ready", "apache-2.0", sha256(MODEL))
    assert model.context == 2048 and model.memory_bytes > len(MODEL) and model.hub == f"hf:{REPOSITORY}/tiny-Q8_0.gguf"
    done = [d for d, _, _ in told]
    assert done == sorted(done) and {"from the model hub", "checking the digest", "ready"} <= {n for _, _, n in told}
    assert not [f for f in files_in(folder) if "partial" in f]
    site.seen.clear()
    assert pull(name, folder) == path and site.seen == []  # nothing is fetched again
    assert catalog.verify(name, folder).state == "ready"
    with path.open("r+b") as file:
        file.write(b"XXXX")
    assert find(name, folder).state == "partial"


def test_the_token_goes_to_the_hub_alone_and_stands_in_no_file_argument_environment_or_log(
    site, folder, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    keyring = types.ModuleType("keyring")
    keyring.get_password = lambda service, host: TOKEN if (service, host) == ("writer-r1", site.url[7:]) else None
    keyring.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    name = chosen(folder, "", GATE)
    site.trouble["tiny-q8_0.gguf"] = "slow"
    words: list[str] = []

    def look(done: int, total: int, note: str) -> None:
        if site.half_sent.is_set() and not site.go_on.is_set():
            for child in psutil.Process().children():
                words.append(" ".join([*child.cmdline(), *child.environ().values()]))
            site.go_on.set()
        words.append(note)

    assert pull(name, folder, look).read_bytes() == MODEL
    assert {s.key for s in site.seen if s.place == "interface"} == {TOKEN}
    assert {s.key for s in site.seen if s.place == "storage"} == {""}
    kept = [p.read_bytes().decode("latin-1") for p in tmp_path.rglob("*") if p.is_file()]
    assert any("hub_child" in text for text in words)
    assert not [text for text in [*words, *kept, caplog.text] if TOKEN in text]
    assert not [text for text in [*words, *kept] if "signature=secret" in text]


def test_the_hubs_own_login_is_a_token_and_the_environment_comes_first(site, tmp_path, monkeypatch):
    from huggingface_hub import constants

    assert hub.token() == ""
    monkeypatch.setenv(f"WRITER_R1_KEY_{site.url[7:].replace('.', '_').replace(':', '_')}", "of the environment")
    assert hub.token() == "of the environment"
    (tmp_path / "token").write_text("of the login\n")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert hub.token() == "of the login"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert hub.token() == TOKEN


def test_a_private_repository_opens_to_its_owners_token_and_to_no_other(site, folder, monkeypatch):
    site.files["own/secret"] = {"mine.gguf": MODEL}
    site.kind["own/secret"] = "private"
    monkeypatch.setenv("HF_TOKEN", OTHERS)
    with pytest.raises(DownloadError, match="no repository own/secret, or your access token does not open it"):
        chosen(folder, "", "own/secret")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    name = chosen(folder, "", "own/secret")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(
        DownloadError, match="mine could not be downloaded: the model hub does not accept your access token"
    ):
        pull(name, folder)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert pull(name, folder)


def test_a_stopped_download_keeps_what_came_loads_nowhere_and_goes_on_from_there(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "slow"
    begun = threading.Event()

    def progress(done: int, total: int, note: str) -> None:
        if done > len(MODEL) // 3:
            begun.set()

    assert pull(name, folder, progress, begun.is_set) is None
    assert not [c for c in psutil.Process().children() if "writer_r1.hub_child" in c.cmdline()]
    kept = kept_bytes(name, folder)
    assert 0 < kept <= len(MODEL) // 2 and find(name, folder).state == "partial"
    with pytest.raises(ModelError, match="only partly downloaded"):
        path_of(name, folder)
    for part in folder.rglob("*incomplete"):
        with pytest.raises(ModelError):
            catalog.add(part, folder)
    site.go_on.set()
    assert pull(name, folder).read_bytes() == MODEL
    assert site.ranges() == ["", f"bytes={kept}-"]


def test_a_killed_studio_takes_its_download_with_it_and_the_next_goes_on(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "slow"
    studio = subprocess.Popen([sys.executable, "-c", STUDIO, name, str(folder)])
    assert site.half_sent.wait(60)
    children = until(lambda: psutil.Process(studio.pid).children())
    until(lambda: kept_bytes(name, folder))
    studio.kill()
    studio.wait()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    kept = kept_bytes(name, folder)
    site.go_on.set()
    assert find(name, folder).state == "partial" and pull(name, folder).read_bytes() == MODEL
    assert site.ranges() == ["", f"bytes={kept}-"]


def test_a_connection_that_is_cut_is_taken_up_again(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "cut"
    assert pull(name, folder).read_bytes() == MODEL
    first, second = site.ranges()
    assert first == "" and second.startswith("bytes=") and int(second[6:-1]) > 0


def test_a_hub_that_goes_away_meanwhile_is_said_and_what_came_is_gone_on_with(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "gone"
    with pytest.raises(
        DownloadError, match="could not be downloaded: the model hub answered .* 503.*; what came is kept"
    ):
        pull(name, folder)
    assert 0 < kept_bytes(name, folder) <= len(MODEL) // 2
    del site.trouble["tiny-Q8_0.gguf"]
    assert pull(name, folder).read_bytes() == MODEL


def test_a_server_that_knows_no_ranges_sends_the_whole_again(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "no ranges"
    assert pull(name, folder).read_bytes() == MODEL


def test_other_bytes_than_the_hub_told_are_deleted_and_never_a_model(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "damaged"
    with pytest.raises(DownloadError, match=r"what came has SHA-256 \w{12}… and not \w{12}…, so it was deleted"):
        pull(name, folder)
    assert find(name, folder).state == "absent" and kept_bytes(name, folder) == 0


def test_a_disk_too_small_is_said_before_anything_is_fetched(site, folder, monkeypatch):
    name = chosen(folder)
    site.seen.clear()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda p: namedtuple("Usage", "free")(1_000_000))
    with pytest.raises(DownloadError, match="needs 2 MB of free disk .* and there is 1 MB"):
        pull(name, folder)
    assert site.seen == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_a_disk_that_fills_up_meanwhile_is_said(site):
    url = hub.url_of(REPOSITORY, SHA, "tiny-Q8_0.gguf")
    told = {"token": "", "repository": REPOSITORY, "files": [{"url": url, "path": "/dev/full", "bytes": len(MODEL)}]}
    child = subprocess.Popen(
        [sys.executable, "-m", "writer_r1.hub_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child.stdin.write(json.dumps(told) + "\n")
    child.stdin.flush()
    assert child.stdout.read().endswith("\nthe disk is full; make room and try again\n")
    assert child.wait(60) == 1
    child.stdin.close()


def test_a_file_that_is_no_chat_model_is_deleted_with_its_reason(site, folder):
    facts = {k: v for k, v in CHAT.items() if k != "tokenizer.chat_template"}
    site.files[REPOSITORY]["raw-Q8_0.gguf"] = gguf(facts, tensors=(("w", (64, 64), 0),))
    name = chosen(folder, "raw-Q8_0.gguf")
    with pytest.raises(DownloadError, match="came whole but cannot be used, so it was deleted: .* no chat template"):
        pull(name, folder)
    assert find(name, folder).state == "absent" and kept_bytes(name, folder) == 0


def test_what_a_repository_has_no_more_is_said(site, folder):
    name = chosen(folder)
    del site.files[REPOSITORY]["tiny-Q8_0.gguf"]
    with pytest.raises(DownloadError, match="no longer has this file; look at what it has now"):
        pull(name, folder)


def test_what_came_of_bytes_that_the_hub_has_no_more_is_not_gone_on_with(site, folder):
    name = chosen(folder)
    site.trouble["tiny-Q8_0.gguf"] = "slow"
    assert pull(name, folder, stop=lambda: kept_bytes(name, folder) > 0) is None
    site.go_on.set()
    newer = site.files[REPOSITORY]["tiny-Q8_0.gguf"] = MODEL[:-1] + b"N"
    assert chosen(folder) == name and kept_bytes(name, folder) == 0
    assert pull(name, folder).read_bytes() == newer


def test_names_of_others_stay_theirs(site, folder):
    (folder / "maker--Tiny-GGUF--tiny-Q8_0.gguf").write_bytes(b"something of mine")
    with pytest.raises(ModelError, match=r"tiny-Q8_0.gguf' is taken by another file; move or rename that"):
        chosen(folder)
    assert (folder / "maker--Tiny-GGUF--tiny-Q8_0.gguf").read_bytes() == b"something of mine"
    (folder / "maker--Tiny-GGUF--tiny-Q8_0.gguf").unlink()
    (folder.parent / "tiny-q8_0.gguf").write_bytes(SMALL)
    assert catalog.add(folder.parent / "tiny-q8_0.gguf", folder).name == "tiny-q8_0"
    assert chosen(folder) == chosen(folder) == "tiny-q8_0-2"  # the same model twice is one


def test_what_was_removed_can_be_taken_off_the_list(site, folder):
    name = chosen(folder)
    pull(name, folder)
    remove(name, folder)
    assert find(name, folder).state == "absent"
    catalog.forget(name, folder)
    assert rows(folder) == [] and {f for f in files_in(folder) if not f.endswith(".lock")} == {"hub.json"}


def test_a_broken_list_of_chosen_models_is_one_clear_sentence(folder):
    (folder / entries.CHOSEN).write_text("[{")
    with pytest.raises(ModelError, match="hub.json' cannot be read; repair it or delete it"):
        rows(folder)


# folders of safetensors


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    from tiny_base import make_base

    made = make_base(tmp_path_factory.mktemp("base"))
    return {p.name: p.read_bytes() for p in made.iterdir()}


def test_a_folder_of_safetensors_comes_whole_without_what_could_run_and_writes(site, folder, base):
    from writer_r1.llm import Message, Request, Sampling, load
    from writer_r1.training.weights import prepared

    never = {"pytorch_model.bin": b"x" * 99, "modeling.py": b"raise SystemExit", "run.sh": b"exit", "w.pt": b"p"}
    site.files["maker/Tiny"] = base | never | {"onnx/model.json": b"{}"}
    found = offers.look("maker/Tiny")
    offer = offers.pick(found, "")
    assert {f.name for f in offer.files} == {n for n in base if n.endswith((".json", ".jinja", ".safetensors"))}
    assert offer.context == 2048 and offer.memory_bytes > 2 * len(base["model.safetensors"])
    name = offers.choose(found, offer, folder).name
    site.trouble["model.safetensors"] = "slow"
    assert pull(name, folder, stop=site.half_sent.is_set) is None
    assert find(name, folder).state == "partial" and not (folder / "maker--Tiny").exists()
    site.go_on.set()
    path = pull(name, folder)
    assert {p.name for p in path.iterdir()} - {"model.safetensors.ok.json"} == {f.name for f in offer.files}
    assert find("hf:maker/Tiny", folder).state == "ready" and catalog.verify(name, folder).state == "ready"
    assert [blob((path / f.name).read_bytes()) for f in offer.files if len(f.digest) == 40] == [
        f.digest for f in offer.files if len(f.digest) == 40
    ]
    llm = load(path_of(name, folder), name=name, threads=1)
    assert "".join(llm.stream(Request((Message("user", "Hello"),)), Sampling(max_tokens=8)))
    llm.close()
    assert prepared("hf:maker/Tiny").folder == path  # and it can be trained
    remove(name, folder)
    assert not path.exists() and find(name, folder).state == "absent"


def test_a_folder_that_brings_code_is_refused_before_it_is_fetched(site, folder):
    config = json.dumps({"auto_map": {"AutoModel": "modeling.Own"}}).encode()
    site.files["maker/Own"] = {"config.json": config, "model.safetensors": b"w" * 100}
    with pytest.raises(DownloadError, match="'maker/Own' brings code of its own, which is never run"):
        chosen(folder, "", "maker/Own")


def test_a_small_file_that_was_changed_on_the_way_is_not_taken(site, folder, base, monkeypatch):
    site.files["maker/Tiny"] = base
    name = chosen(folder, "", "maker/Tiny")
    site.files["maker/Tiny"] = base | {"tokenizer_config.json": base["tokenizer_config.json"].replace(b"m", b"n", 1)}
    with pytest.raises(DownloadError, match="what came as tokenizer_config.json has the digest .* so it was deleted"):
        pull(name, folder)
    assert find(name, folder).state == "partial"
    site.files["maker/Tiny"] = base
    assert pull(name, folder)


# the command line


def test_the_commands_find_describe_and_pull(site, folder, capsys):
    assert main(["models", "search", "tiny"]) == 0
    assert f"{GATE:<56} {'1,234':>12} downloads  apache-2.0  gated" in capsys.readouterr().out
    assert main(["models", "files", REPOSITORY, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [o["quantisation"] for o in told["offers"]] == ["Q4_K_M", "Q8_0"] and told["offers"][0]["fits"] == "fits"
    assert main(["models", "files", f"hf:{REPOSITORY}"]) == 0
    assert (
        "Q8_0, 2 MB; fits, needs about 3 MB of memory, a context of 2,048 tokens included; " in capsys.readouterr().out
    )
    assert main(["models", "pull", f"hf:{REPOSITORY}/tiny-Q8_0.gguf", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["state"] == "ready" and Path(row["path"]).read_bytes() == MODEL and row["hub"].startswith("hf:maker/")
    site.seen.clear()
    assert main(["models", "add", f"hf:{REPOSITORY}/tiny-Q8_0.gguf"]) == 0 and site.seen == []
    assert main(["models", "files", GATE]) == 0 and "accept its terms" in capsys.readouterr().err
    assert main(["models", "files", "no id"]) == 1 and "write OWNER/NAME" in capsys.readouterr().err


def test_a_model_too_large_for_this_machine_is_said_and_allowed(site, folder, monkeypatch, capsys):
    from writer_r1 import machine_memory

    small = machine_memory.Machine(1_000_000, 900_000)
    monkeypatch.setattr(machine_memory, "this_machine", lambda: small)
    assert main(["models", "pull", f"hf:{REPOSITORY}/tiny-Q8_0.gguf"]) == 0
    assert "tiny-Q8_0 is too large for this machine: it needs 3 MB of memory" in capsys.readouterr().err


@pytest.mark.model
def test_the_starter_comes_from_the_hub_and_writes(site, folder):
    from writer_r1.gguf_header import inspect
    from writer_r1.llm import Message, Request, Sampling, load

    site.files["maker/Starter-GGUF"] = {STARTER.name: STARTER.read_bytes()}
    found = offers.look("maker/Starter-GGUF")
    offer = offers.pick(found, "")
    assert offer.quantisation == "Q4_1" and offer.memory_bytes == inspect(STARTER).memory_bytes  # told before it came
    name = offers.choose(found, offer, folder).name
    pull(name, folder)
    llm = load(path_of(f"hf:maker/Starter-GGUF/{STARTER.name}", folder), name=name, threads=1)
    assert "".join(llm.stream(Request((Message("user", "Say hello."),)), Sampling(max_tokens=8)))
    llm.close()
