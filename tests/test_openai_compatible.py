"""Models on servers, over real HTTP on loopback: what comes is what the model says, whatever happens on the way."""

import json
import logging
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("openai", reason="models on servers need the server extra: pip install -e '.[test]'")

from live import eventually
from scripted import criterion, rubric_of, script, task
from server_stand_in import ALL, Proxy, StandIn

from writer_r1 import catalog, places, servers
from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.events import Failed, Finished
from writer_r1.joining import asked_again, join
from writer_r1.judge import Judge, scored
from writer_r1.llm import Message, Request, Sampling, complete
from writer_r1.llm.calls import Patience
from writer_r1.llm.fake import FakeLLM
from writer_r1.llm.openai_compatible import OpenAICompatible
from writer_r1.llm.probe import probed
from writer_r1.servers import Abilities, server_of
from writer_r1.workspace import Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(60)]

TEXT = "The lamp is out. " * 12 + "Señor Ōe went — slowly — home. 🕯"
ASKED = Request((Message("system", "You write."), Message("user", "A farewell.")))
SCORE = Request((Message("user", "The draft."),), "Score: ")
DIGITS = list("123456789")
QUICK = Patience(first_s=0.01, most_s=0.05, away_s=5.0, silent_s=2.0)
HASTY = QUICK._replace(away_s=0.2)
NOTHING = Abilities()
KEY = "sk-very-secret-1234"


def say(request: Request) -> str:
    """Answer as a chat model does: to what was asked, from where the answer already is."""
    if "Monday" in request.messages[-1].content:
        return "day, Thursday" if request.answer else "Monday, Tuesday"
    if request.schema:
        return '{"colour": "green", "edit": "Cut twice."}'
    return TEXT[len(request.answer) :] if TEXT.startswith(request.answer) else TEXT


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn(FakeLLM(say, name="small"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def proxy(stand_in: StandIn) -> Iterator[Proxy]:
    made = Proxy(stand_in)
    made.back()
    yield made
    made.away()


def through(proxy: Proxy, can: Abilities = ALL, patience: Patience = QUICK) -> OpenAICompatible:
    proxy.target.can = can
    return OpenAICompatible(proxy.server, patience)


@pytest.mark.parametrize(
    "can",
    [
        NOTHING,
        ALL,
        Abilities(logprobs=True),
        Abilities(schema_as="json_object", goes_on="flagged"),
        Abilities(schema_as="json_schema", sampling=True),
    ],
    ids=str,
)
def test_what_a_server_can_do_is_found_out_by_asking(stand_in: StandIn, can: Abilities) -> None:
    stand_in.can = can
    found = probed(server_of(stand_in.url))
    assert (found.model, found.context, found.can) == ("small", 4096, can)
    assert "lamp" not in str(stand_in.bodies)


def test_a_server_that_refuses_patterns_is_sent_no_schema(stand_in: StandIn) -> None:
    stand_in.patterns = False
    assert probed(server_of(stand_in.url)).can == ALL.model_copy(update={"schema_as": ""})


def test_a_model_is_listed_once_it_was_asked_and_can_be_asked_again(stand_in: StandIn, tmp_path) -> None:
    made = join(f"{stand_in.url}#small", tmp_path, at_once=2)
    assert made.server and (made.server.can, made.server.at_once) == (ALL, 2)
    stand_in.can = NOTHING
    again = asked_again(made.name, tmp_path)
    assert again.server and (again.server.can, again.server.at_once, again.name) == (NOTHING, 2, made.name)


@pytest.mark.parametrize("name", ["large", ""])
def test_a_model_that_is_not_there_is_answered_with_those_that_are(stand_in: StandIn, tmp_path, name: str) -> None:
    stand_in.also = ["medium"]
    with pytest.raises(ModelError, match="no model 'large'; it has small, medium" if name else "has small.*name one"):
        join(stand_in.url, tmp_path, model=name)
    assert servers.read(tmp_path) == ()


@pytest.mark.parametrize("can", [ALL, NOTHING], ids=["all", "nothing"])
def test_a_reply_comes_in_parts_and_is_the_models_own(stand_in: StandIn, can: Abilities) -> None:
    stand_in.can = can
    llm = OpenAICompatible(stand_in.server, QUICK)
    deltas = list(llm.stream(ASKED, Sampling(max_tokens=999)))
    assert "".join(deltas) == TEXT
    assert len(deltas) > 20
    assert complete(llm, ASKED, Sampling(max_tokens=999, stop=("out. T", "slowly")))[0] == "The lamp is "
    text, finish = complete(llm, ASKED, Sampling(max_tokens=5))
    assert finish.reason == "length" and TEXT.startswith(text) and len(text) == 20
    assert complete(llm, ASKED._replace(answer="The lamp"), Sampling(max_tokens=999))[0] == TEXT[8:]


def test_seeds_and_stops_are_sent_and_what_a_server_does_not_take_is_not(stand_in: StandIn) -> None:
    llm = OpenAICompatible(stand_in.server, QUICK)
    assert llm.drafts(ASKED, Sampling(max_tokens=999, seed=7), 3) == [TEXT] * 3
    assert sorted(body["seed"] for body in stand_in.bodies) == [7, 8, 9]
    complete(llm, ASKED, Sampling(max_tokens=999, stop=tuple("abcdef")))
    assert len(stand_in.bodies[-1]["stop"]) == 4
    assert stand_in.bodies[-1]["repeat_penalty"] == 1.0
    stand_in.can = NOTHING
    complete(
        OpenAICompatible(stand_in.server, QUICK), ASKED._replace(schema={"type": "object"}), Sampling(max_tokens=9)
    )
    assert stand_in.bodies[-1].keys() == {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "stream"}


@pytest.mark.parametrize("goes_on", ["plain", "flagged", ""])
def test_a_judge_on_a_server_gets_the_probabilities_of_the_digits(stand_in: StandIn, goes_on: str) -> None:
    stand_in.can = Abilities(logprobs=True, goes_on=goes_on)
    rows = OpenAICompatible(stand_in.server, QUICK).choice_logprobs(SCORE, ["\n\nQ1", "\n\nQ2"], DIGITS)
    assert rows and len(rows) == 2
    own = stand_in.llm.choice_logprobs(SCORE, ["\n\nQ1"], DIGITS)
    assert own and rows[0] == pytest.approx(own[0], abs=1e-6)
    assert sum(map(math.exp, rows[0].values())) == pytest.approx(1.0)


def test_without_log_probabilities_nothing_is_scored_and_never_a_zero(stand_in: StandIn) -> None:
    stand_in.can = Abilities(goes_on="plain")
    llm = OpenAICompatible(stand_in.server, QUICK)
    assert llm.choice_logprobs(SCORE, ["a"], DIGITS) is None
    assert llm.read(SCORE, "The draft.") is None
    found = scored("A farewell.", TEXT, rubric_of(criterion("Warmth")), Judge(llm, None, lambda: False))
    assert found.reward is None
    assert [s.value for s in found.scores] == [None]
    assert "cannot give scores" in found.scores[0].reason


def test_never_more_calls_are_under_way_than_the_server_takes(stand_in: StandIn) -> None:
    stand_in.pause_s = 0.03
    one = stand_in.server.model_copy(update={"at_once": 3})
    llms = [OpenAICompatible(one, QUICK), OpenAICompatible(one.model_copy(update={"name": "other"}), QUICK)]
    asking = [threading.Thread(target=llm.choice_logprobs, args=(SCORE, ["a"] * 8, DIGITS)) for llm in llms]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert stand_in.most == 3
    assert len(stand_in.bodies) == 16


def test_stop_takes_effect_between_two_tokens_and_the_server_stops_too(stand_in: StandIn) -> None:
    stand_in.llm = FakeLLM(lambda request: TEXT * 50, delay_s=0.02)
    said: list[str] = []
    text, finish = complete(
        OpenAICompatible(stand_in.server, QUICK),
        ASKED,
        Sampling(max_tokens=9999),
        lambda: len(said.append("") or said) > 5,
    )
    assert finish.reason == "cancelled" and len(text) < 80
    eventually(lambda: stand_in.stopped == 1)


def test_a_reader_who_leaves_stops_the_server(stand_in: StandIn) -> None:
    stand_in.llm = FakeLLM(lambda request: TEXT * 50, delay_s=0.02)
    reply = OpenAICompatible(stand_in.server, QUICK).stream(ASKED, Sampling(max_tokens=9999))
    next(reply)
    reply.close()
    eventually(lambda: stand_in.stopped == 1)


@pytest.mark.parametrize("what", ["reply", "judgement", "drafts"])
def test_a_call_that_gets_no_answer_can_be_given_up_at_once(proxy: Proxy, what: str) -> None:
    proxy.faults = [3.0] * 9
    llm, began = through(proxy, patience=QUICK._replace(silent_s=60)), time.monotonic()

    def cancel() -> bool:
        return time.monotonic() - began > 0.2

    if what == "reply":
        assert complete(llm, ASKED, Sampling(), cancel)[1].reason == "cancelled"
    elif what == "judgement":
        assert llm.choice_logprobs(SCORE, ["a"], DIGITS, cancel) == []
    else:
        assert llm.drafts(ASKED, Sampling(), 2, cancel) == []
    assert time.monotonic() - began < 2.8  # the answer takes three seconds


FAULTS = [429, 500, 503, "garbage", "nonsense", "html", ("cut", 0), ("cut", 7), ("ends", 7), ("ends", 0), 0.2]


@pytest.mark.parametrize("can", [ALL, NOTHING], ids=["goes on", "asked again"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_reply_is_whole_whatever_spoiled_the_way(proxy: Proxy, fault: object, can: Abilities) -> None:
    llm = through(proxy, can)
    proxy.faults = [fault, fault]
    text, finish = complete(llm, ASKED, Sampling(max_tokens=999))
    assert (text, finish.reason) == (TEXT, "stop")


@pytest.mark.parametrize("fault", [429, 502, "garbage", "nonsense", "html", 0.2], ids=str)
def test_a_judgement_is_whole_whatever_spoiled_the_way(proxy: Proxy, fault: object) -> None:
    proxy.faults = [fault, fault]
    rows = through(proxy).choice_logprobs(SCORE, ["\n\nQ1", "\n\nQ2", "\n\nQ3"], DIGITS)
    assert rows == OpenAICompatible(proxy.target.server).choice_logprobs(SCORE, ["\n\nQ1", "\n\nQ2", "\n\nQ3"], DIGITS)


def test_a_reply_that_comes_otherwise_the_second_time_stands_as_far_as_it_was_shown(proxy: Proxy) -> None:
    replies = iter([TEXT, "Another text altogether."])
    proxy.target.llm = FakeLLM(lambda request: next(replies))
    proxy.faults = [("cut", 7)]
    text, finish = complete(through(proxy, NOTHING), ASKED, Sampling(max_tokens=999))
    assert (TEXT[:28], finish.reason) == (text, "length")


@pytest.mark.parametrize(
    ("fault", "says"),
    [("html", "OpenAI-compatible interface"), (("cut", 0), "cannot be understood|cannot be reached"), (500, "trouble")],
)
def test_what_never_passes_ends_in_one_sentence_with_the_host(proxy: Proxy, fault: object, says: str) -> None:
    proxy.faults = [fault] * 1000
    with pytest.raises(ModelError, match=says) as failed:
        complete(through(proxy, patience=HASTY), ASKED, Sampling())
    assert f"127.0.0.1:{proxy.port}" in str(failed.value)


def test_a_server_says_how_long_to_wait(proxy: Proxy) -> None:
    proxy.faults, proxy.retry_after = [429], "0.4"
    began = time.monotonic()
    assert complete(through(proxy), ASKED, Sampling(max_tokens=999))[0] == TEXT
    assert time.monotonic() - began > 0.4


def test_what_will_not_pass_is_not_asked_twice(proxy: Proxy) -> None:
    for status, kind, says in ((400, ModelError, "refuses the request"), (401, ModelError, "WRITER_R1_KEY_127_0_0_1")):
        proxy.faults, proxy.seen = [status], 0
        with pytest.raises(kind, match=says):
            complete(through(proxy), ASKED, Sampling())
        assert proxy.seen == 1
    wrong = proxy.server.model_copy(update={"model": "large"})
    with pytest.raises(ModelError, match="has no model 'large'"):
        complete(OpenAICompatible(wrong, QUICK), ASKED, Sampling())


def test_a_text_that_is_too_long_for_the_server_is_said_to_be(stand_in: StandIn, monkeypatch) -> None:
    told = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens: " + KEY
    monkeypatch.setattr(StandIn, "_read", lambda self, body: (_ for _ in ()).throw(type_of_refusal(told)))
    with pytest.raises(RequestTooLong, match="cannot read so long a text") as failed:
        complete(OpenAICompatible(stand_in.server, QUICK), ASKED, Sampling())
    assert KEY not in str(failed.value)


def type_of_refusal(told: str) -> Exception:
    from server_stand_in import Refused

    return Refused(told)


def test_a_server_that_is_away_for_a_while_is_waited_for_in_the_middle_of_a_reply(proxy: Proxy) -> None:
    proxy.target.llm = FakeLLM(say, delay_s=0.01)
    llm = through(proxy, patience=QUICK._replace(away_s=20))
    reply = llm.stream(ASKED, Sampling(max_tokens=999))
    said = next(reply)
    proxy.faults = [("cut", 0)] * 2
    proxy.away()
    threading.Timer(1.0, proxy.back).start()
    assert said + "".join(reply) == TEXT


def test_one_that_stays_away_is_named_with_what_to_do(proxy: Proxy) -> None:
    proxy.away()
    try:
        with pytest.raises(ModelError, match=rf"127\.0\.0\.1:{proxy.port} cannot be reached; see that the server runs"):
            complete(through(proxy, patience=HASTY), ASKED, Sampling())
        with pytest.raises(ModelError, match="is silent|cannot be reached"):
            probed(proxy.server, patience=HASTY)
    finally:
        proxy.back()


def test_a_redirect_leads_no_text_to_another_host(proxy: Proxy) -> None:
    seen: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)

    other = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
    proxy.faults, proxy.location = [307], f"http://127.0.0.1:{other.server_address[1]}/v1/chat/completions"
    with pytest.raises(ModelError, match="points to another address"):
        complete(through(proxy), ASKED, Sampling())
    other.shutdown()
    assert seen == []


def test_a_key_is_sent_to_its_host_and_found_nowhere_else(
    stand_in: StandIn, tmp_path, monkeypatch, caplog, capfd
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-openai")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: of-openai")
    stand_in.key = KEY
    with pytest.raises(ModelError, match=stand_in.server.key_name) as refused:
        join(f"{stand_in.url}#small", tmp_path / "models")
    monkeypatch.setenv(stand_in.server.key_name, KEY)
    made = join(f"{stand_in.url}#small", tmp_path / "models")
    assert made.server
    llm = OpenAICompatible(made.server, QUICK)
    assert complete(llm, ASKED, Sampling(max_tokens=999))[0] == TEXT
    assert stand_in.headers[-1]["authorization"] == f"Bearer {KEY}"
    assert "of-openai" not in str(stand_in.headers)
    out, err = capfd.readouterr()
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    told = f"{refused.value} {caplog.text} {out} {err} {made} {vars(llm)} {written!r}"
    assert KEY not in told
    assert "lamp" not in caplog.text + out + err and "A farewell" not in caplog.text + out + err


def test_adapters_of_this_machine_are_refused_with_what_to_do(stand_in: StandIn, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"cannot use the adapter 'mine'.*add the name that the server has"):
        OpenAICompatible(stand_in.server).adapted(tmp_path / "mine" / "adapter.gguf", 1.0)


def test_a_run_goes_on_after_its_server_was_away(proxy: Proxy, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(proxy.server.key_name, KEY)
    monkeypatch.setattr("writer_r1.llm.openai_compatible.Patience", lambda: QUICK._replace(away_s=30))
    proxy.target.llm, proxy.target.key = FakeLLM(script(), delay_s=0.004), KEY
    workspace = Workspace(tmp_path / "home", tmp_path / "models")
    monkeypatch.setattr(workspace, "similarity", lambda text, others: [0.0] * len(others))
    try:
        made = servers.keep(proxy.server, workspace.models, set())
        run_id = workspace.start(task(rounds=0, trajectory_id=""), model=made.name)
        seen = []
        for _, event in workspace.jobs.follow(run_id):
            seen.append(event)
            if event.event == "delta" and "away" not in seen:
                seen.append("away")
                proxy.faults = [("cut", 0)]
                proxy.away()
                threading.Timer(1.5, proxy.back).start()
        assert isinstance(seen[-1], Finished), [e for e in seen if isinstance(e, Failed)]
        trajectory = workspace.store.trajectory(run_id)
        assert trajectory.best and trajectory.attempts[0].evaluation
        assert trajectory.attempts[0].evaluation.judge.model == made.name
    finally:
        workspace.close()
    kept = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert KEY.encode() not in kept


def test_the_models_page_adds_a_server_asks_it_again_and_can_stop_asking(proxy: Proxy, tmp_path) -> None:
    from writer_r1.joining import joins_into
    from writer_r1.ui.models_tab import look, on_act, on_add, show

    workspace = Workspace(tmp_path / "home", tmp_path / "models")
    address, joins = f"{proxy.url}#small", joins_into(tmp_path / "models")
    proxy.faults = [5.0]
    answer, kept = on_add(workspace, address)
    assert "is being asked" in answer and kept == ""
    html, running, _ = show(workspace, [])
    assert "Stop: 127.0.0.1" in html and running == [f"server {address}"]
    on_act(workspace, running, {"act": "unask", "name": address})
    assert joins.wait(address, 5.0).state == "failed" and look(workspace).asking == []
    proxy.faults = []
    answer, kept = on_add(workspace, address)
    joins.wait(address, 10.0)
    name = next(m.name for m in look(workspace).models if m.server)
    proxy.target.can = NOTHING
    on_act(workspace, [], {"act": "ask", "name": name})
    joins.wait(name, 10.0)
    found = servers.find(name, workspace.models)
    assert found and found.can == NOTHING
    proxy.faults = ["html"] * 20
    answer, kept = on_add(workspace, f"{proxy.url}#other")
    assert joins.wait(f"{proxy.url}#other", 10.0).state == "failed"
    workspace.close()


def test_a_server_is_added_and_asked_again_from_a_shell(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from writer_r1 import joining
    from writer_r1.cli import main

    assert main(["models", "add", proxy.url, "--model", "small", "--at-once", "2"]) == 0
    assert f"is ready: {proxy.url}" in capsys.readouterr().out
    [listed] = [m for m in catalog.rows(places.models()) if m.server]
    assert listed.server and listed.server.at_once == 2
    proxy.target.can = NOTHING
    assert main(["models", "test", listed.name, "--json"]) == 0
    found = servers.find(listed.name, places.models())
    assert json.loads(capsys.readouterr().out)["name"] == listed.name and found and found.can == NOTHING
    # Of a server elsewhere is said, before anything is written with it, that text will leave the machine.
    away = listed.model_copy(update={"server": listed.server.model_copy(update={"url": "https://models.example/v1"})})
    monkeypatch.setattr(joining, "join", lambda *given, **more: away)
    assert main(["models", "add", "https://models.example/v1"]) == 0
    assert "models.example" in capsys.readouterr().err


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_real_model_writes_and_judges_over_a_server_as_it_does_here() -> None:
    from conftest import STARTER

    from writer_r1.llm import load

    here = load(STARTER, name="starter", threads=1)
    stand_in = StandIn(here)
    stand_in.start()
    try:
        server = probed(server_of(stand_in.url), patience=QUICK._replace(silent_s=60))
        assert server.can and (server.can.logprobs, server.can.goes_on, server.can.sampling) == (True, "plain", True)
        there = OpenAICompatible(server)
        sampling = Sampling(max_tokens=40)
        for asked in (ASKED, ASKED._replace(answer="Dear sea,")):
            assert complete(there, asked, sampling)[0] == complete(here, asked, sampling)[0] != ""
        questions = [" Is it warm? One digit from 1 to 9.", " Is it sad? One digit from 1 to 9."]
        near, far = here.choice_logprobs(SCORE, questions, DIGITS), there.choice_logprobs(SCORE, questions, DIGITS)
        assert near and far
        told = [(row[d], own[d]) for row, own in zip(far, near, strict=True) for d in DIGITS if math.isfinite(row[d])]
        assert len(told) > 9
        # A server also counts a digit after a space; what is below its likeliest tokens it does not tell.
        assert all(own - 1e-3 < p for p, own in told)
    finally:
        stand_in.stop()
        here.close()
