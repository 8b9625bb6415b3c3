"""Addresses of servers: what they mean, where text for one goes, and how they are kept."""

import json

import pytest

from writer_r1 import catalog, servers
from writer_r1.errors import ModelError
from writer_r1.servers import Abilities, Server, able, find, forget, keep, key_of, server_of


@pytest.mark.parametrize(
    ("address", "model", "url", "name"),
    [
        ("http://127.0.0.1:8080/v1", "m", "http://127.0.0.1:8080/v1", "m-127.0.0.1"),
        ("http://127.0.0.1:8080/v1/#Qwen/Qwen3-4B", "", "http://127.0.0.1:8080/v1", "qwen-qwen3-4b-127.0.0.1"),
        ("http://localhost:11434", "llama3.2:1b", "http://localhost:11434/v1", "llama3.2-1b-localhost"),
        ("https://api.example.org/openai/v1", "a b", "https://api.example.org/openai/v1", "a-b-api.example.org"),
        ("  HTTP://[::1]:80/v1 ", "m", "HTTP://[::1]:80/v1", "m-1"),
    ],
    ids=lambda value: value,
)
def test_an_address_means_a_model_on_a_server(address, model, url, name):
    server = server_of(address, model)
    assert (server.url, server.name) == (url, name)
    assert server.model == (model or address.rpartition("#")[2])


@pytest.mark.parametrize(
    "address",
    ["", "m.gguf", "127.0.0.1:8080/v1", "ftp://h/v1", "http://", "http:///v1", "http://h:99999/v1", "http://a b/"],
)
def test_what_is_no_address_is_answered_with_an_example(address):
    with pytest.raises(ModelError, match="write one such as http://127.0.0.1:8080/v1"):
        server_of(address, "m")


@pytest.mark.parametrize("address", ["http://me:s3cret@h/v1", "https://h/v1?key=s3cret"])
def test_an_address_with_a_key_in_it_is_refused_without_repeating_it(address):
    with pytest.raises(ModelError, match="WRITER_R1_KEY_H") as refused:
        server_of(address, "m")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://localhost/v1", True),
        ("http://LOCALHOST/v1", True),
        ("http://[::1]/v1", True),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://localhost.example.org/v1", False),
        ("http://192.168.1.4/v1", False),
        ("http://0.0.0.0/v1", False),
        ("https://api.example.org/v1", False),
    ],
)
def test_only_loopback_is_this_machine_and_every_other_host_is_named(url, here):
    server = server_of(url, "m")
    assert server.here == here
    assert bool(server.leaving) != here
    assert here or server.host in server.leaving
    assert ("unencrypted" in server.leaving) == (not here and url.startswith("http:"))


def test_a_key_is_read_from_a_variable_of_its_host_and_sent_to_no_other(monkeypatch):
    mine, other = server_of("https://api.example.org/v1", "m"), server_of("https://example.org/v1", "m")
    monkeypatch.setenv(mine.key_name, " k1 ")
    monkeypatch.setenv("OPENAI_API_KEY", "k2")
    assert mine.key_name == "WRITER_R1_KEY_API_EXAMPLE_ORG"
    assert (key_of(mine), key_of(other)) == ("k1", "")


def test_a_kept_model_is_found_by_its_name_and_its_address_and_listed(tmp_path):
    kept = keep(server_of("http://127.0.0.1:1/v1#m").model_copy(update={"can": Abilities()}), tmp_path, set())
    assert find(kept.name.upper(), tmp_path) == find("http://127.0.0.1:1/v1/#m", tmp_path) == kept
    row = next(row for row in catalog.rows(tmp_path) if row.server)
    assert (row.name, row.label, row.state) == (kept.name, "m on 127.0.0.1:1", "ready")
    catalog.refuse_absent(kept.name, tmp_path)
    with pytest.raises(ModelError, match="no file on this machine"):
        catalog.path_of(kept.name, tmp_path)
    catalog.forget(kept.name, tmp_path)
    assert find(kept.name, tmp_path) is None
    assert not forget(kept.name, tmp_path)


def test_the_same_model_is_kept_once_and_another_gets_a_name_of_its_own(tmp_path):
    first = keep(server_of("http://127.0.0.1:1/v1#m"), tmp_path, set())
    again = keep(server_of("http://127.0.0.1:1/v1#m", at_once=9), tmp_path, set())
    other = keep(server_of("http://127.0.0.1:2/v1#m"), tmp_path, {"m-127.0.0.1-2"})
    assert (first.name, again.name, other.name) == ("m-127.0.0.1", "m-127.0.0.1", "m-127.0.0.1-3")
    assert {s.name: s.at_once for s in servers.read(tmp_path)} == {first.name: 9, other.name: 4}


def test_one_that_was_not_added_is_meant_by_address_and_name(tmp_path):
    assert find("http://127.0.0.1:1/v1#m", tmp_path) == server_of("http://127.0.0.1:1/v1", "m")
    with pytest.raises(ModelError, match="names no model"):
        find("http://127.0.0.1:1/v1", tmp_path)


def test_a_broken_list_is_one_clear_sentence(tmp_path):
    (tmp_path / servers.FILE).write_text("[{}]")
    with pytest.raises(ModelError, match=r"repair it or delete it"):
        catalog.rows(tmp_path)


def test_no_key_is_ever_written_down(tmp_path, monkeypatch):
    server = server_of("https://api.example.org/v1#m")
    monkeypatch.setenv(server.key_name, "s3cret")
    keep(server, tmp_path, set())
    assert json.loads((tmp_path / servers.FILE).read_text())
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]


@pytest.mark.parametrize(
    ("can", "says"),
    [
        (None, "not known yet"),
        (Abilities(), "not score"),
        (Abilities(logprobs=True), "write and judge"),
        (Abilities(thinks=True), "thinks aloud before it answers"),
    ],
    ids=str,
)
def test_what_it_cannot_do_is_said(can, says):
    assert says in able(Server(name="m", url="http://h/v1", model="m", can=can))


def test_one_that_can_do_all_has_nothing_to_be_said_against_it():
    can = Abilities(logprobs=True, schema_as="json_schema", goes_on="plain", sampling=True)
    assert " not " not in able(Server(name="m", url="http://h/v1", model="m", can=can))
