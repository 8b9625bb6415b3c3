"""How far a judge can be trusted: judges of known worth get their due, and what was read once is never read again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from filelock import FileLock
from ordered_stories import by_letters
from scripted import overlap, script

from writer_r1 import catalog, places, qualify, scored_texts
from writer_r1.agreement import accuracy, agreement, bits, interval
from writer_r1.calibrate import write_calibration
from writer_r1.calibration import Readers, calibration_of, fit_id, kept_in
from writer_r1.cli import main
from writer_r1.errors import ModelError, RequestTooLong, StoreError, WriterError
from writer_r1.judge import Judge
from writer_r1.ladders import STEPS, originals, unseen_originals
from writer_r1.llm import Cancel, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import (
    ALL,
    Accuracy,
    Agreement,
    Qualification,
    marked,
    marked_since,
    qualification_of,
    sentence,
    trust_in,
)
from writer_r1.qualify import Plan, Wanted, chosen_originals, planned, rubric_of
from writer_r1.rated_sets import Folder, rated_sets
from writer_r1.scored_texts import identity, kept, kept_at
from writer_r1.trajectory import Attempt, Evaluation, JudgeInfo, Rubric, Score, Trajectory
from writer_r1.workspace import Workspace

pytestmark = pytest.mark.long

DATA = Path(__file__).parents[2] / "shared" / "data"
TWO = Wanted(originals=2)
Worth = Callable[[str, str], float | None]  # (request, text) -> the value of every criterion
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the rated sets are not in this checkout")


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Return a workspace whose model "fake" is scripted."""
    made = Workspace()
    real = catalog.path_of
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name) if name == "fake" else real(name, folder))
    monkeypatch.setattr(scored_texts, "PAUSE_S", 0.0)
    made._loaded["fake"] = FakeLLM(script())
    monkeypatch.setattr(made, "similarity", overlap)
    yield made
    made.close()


def ranks(plan: Plan) -> dict[tuple[str, str], float]:
    """Return the worth of every text of the ladders, from 1 down; a text made to please is worth nothing."""
    found = {(c.request, c.text): 0.0 for rungs in plan.pleasing for c in rungs.cases}
    for rungs in plan.ladders:
        found |= {(c.request, c.text): 1 - 0.2 * i for i, c in enumerate(rungs.cases)}
    return found


def judging(worth: Worth, asked: list[str] | None = None) -> Callable[[str, str, Rubric, Judge], Evaluation]:
    """Return a judge that gives each text its worth, in both wordings."""

    def scored(prompt: str, draft: str, rubric: Rubric, judge: Judge) -> Evaluation:
        if asked is not None:
            asked.append(draft)
        value = worth(prompt, draft)
        raw = "- -" if value is None else f"{1 + 8 * value:.2f} {1 + 8 * value:.2f}"
        scores = tuple(Score(criterion_id=c.id, value=value, raw=raw) for c in rubric.criteria)
        return Evaluation(rubric_id=rubric.id, reward=value, scores=scores, judge=JudgeInfo(model="fake"))

    return scored


def measured(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, worth: Worth, wanted: Wanted = TWO
) -> Qualification:
    monkeypatch.setattr(scored_texts, "scored", judging(worth))
    found = qualify.qualify("fake", wanted, workspace, nobody, never)
    assert found
    return found


def nobody(done: int, total: int, left_s: float | None) -> None:
    pass


# Judges of known worth


def test_a_judge_that_knows_the_order_is_given_all_of_it_and_without_readers_no_more_than_some_trust(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = ranks(planned(TWO))
    found = measured(workspace, monkeypatch, lambda request, text: worth[request, text])
    assert {name: (row.il, row.pl) for name, row in found.ladders.items()} == dict.fromkeys([*STEPS, ALL], (1.0, 1.0))
    assert (found.ladders[ALL].lo, found.ladders[ALL].hi) == (1.0, 1.0)
    assert {row.accuracy for row in found.adversarial.values()} == {1.0} and len(found.adversarial) == 6
    assert (found.position_consistency, found.unscored, found.trust, found.failing) == (1.0, 0.0, "some", ())
    assert found.texts == len(worth) and found.originals == 2 and found.sets == {}
    order = "puts the more spoiled of two texts lower 100 times in 100"
    assert sentence(found) == f"Was not compared with readers; {order}."


def test_a_judge_that_says_the_same_of_everything_gets_half_of_the_order_and_no_trust(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(workspace, monkeypatch, lambda request, text: 2 / 3)
    assert {row.il for row in found.ladders.values()} == {0.5} and {row.pl for row in found.ladders.values()} == {0.0}
    assert found.entropy == 0.0 and found.trust == "none" and "ladders" in found.failing
    assert "gives nearly every text the same score" in sentence(found)


def test_a_judge_that_turns_the_order_upside_down_gets_none_of_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = ranks(planned(TWO))
    found = measured(workspace, monkeypatch, lambda request, text: 1 - worth[request, text])
    assert {row.il for row in found.ladders.values()} == {0.0} and found.trust == "none"
    assert {row.accuracy for row in found.adversarial.values()} == {0.0}
    assert "the more spoiled of two texts lower 0 times in 100" in sentence(found)


def test_a_judge_that_is_won_once_by_a_text_made_to_please_misses_a_mark_and_keeps_its_word(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(TWO)
    worth = ranks(plan)
    honest, pleasing = plan.pleasing[0].cases
    found = measured(
        workspace, monkeypatch, lambda request, text: 1.0 if text == pleasing.text else 0.99 * worth[request, text]
    )
    assert worth[honest.request, honest.text] == 1.0 and found.adversarial[ALL].accuracy == 0.9
    assert (found.failing, found.trust) == (("adversarial",), "some")


def test_what_was_not_scored_is_counted_as_such_and_left_out_of_the_shares(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = ranks(planned(TWO))
    spared = {o.text for o in originals()}
    found = measured(
        workspace, monkeypatch, lambda request, text: worth[request, text] if text in spared or len(text) % 2 else None
    )
    assert found.ladders[ALL].il == 1.0 and found.ladders[ALL].pairs < 28
    assert 0.2 < found.unscored < 0.8 and found.trust == "low"
    assert "gives no usable answer" in sentence(found)


def test_a_judge_without_one_usable_answer_is_measured_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(workspace, monkeypatch, lambda request, text: None)
    assert found.ladders[ALL].il is None and found.entropy is None and found.unscored == 1.0
    assert found.trust == "none" and found.position_consistency is None
    assert "could not be brought to put texts in order" in sentence(found)


def test_two_wordings_that_contradict_each_other_are_seen(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth, agreed = ranks(planned(TWO)), judging(lambda request, text: worth[request, text])

    def scored(prompt: str, draft: str, rubric: Rubric, judge: Judge) -> Evaluation:
        made = agreed(prompt, draft, rubric, judge)
        raw = f"{1 + 8 * worth[prompt, draft]:.2f} {9 - 8 * worth[prompt, draft]:.2f}"
        return made.model_copy(update={"scores": tuple(s.model_copy(update={"raw": raw}) for s in made.scores)})

    monkeypatch.setattr(scored_texts, "scored", scored)
    found = qualify.qualify("fake", TWO, workspace, nobody, never)
    assert found and found.position_consistency == 0.0 and found.failing == ("position_consistency",)
    assert "changes its mind with the wording" in sentence(found)


def test_the_real_judge_is_asked_once_a_text_with_the_requirements_as_criteria(workspace: Workspace) -> None:
    llm = workspace._loaded["fake"]
    assert isinstance(llm, FakeLLM)
    llm.judge = lambda draft, question: 4.0 + len(draft) % 5
    found = qualify.qualify("fake", Wanted(originals=1), workspace, nobody, never)
    (original,) = chosen_originals(1, 0)
    assert found and len(llm.seen) == found.texts * len(original.requirements) * 2  # two wordings
    assert all(original.request in r.messages[-1].content for r in llm.seen)
    assert {w for w in original.requirements if any(w in r.messages[-1].content for r in llm.seen)} == {
        *original.requirements
    }
    assert found.judge == "fake" and found.prompt_hash == prompt_hash("judge") and found.seconds >= 0
    rows = kept("fake", workspace.home).values()
    assert len(rows) == found.texts and all(len(row.wordings) == 2 for row in rows)
    assert original.text[:30] not in kept_at("fake", workspace.home).read_text()


# What is chosen


def test_originals_are_chosen_by_the_seed_and_no_form_comes_twice_before_all_were_there() -> None:
    for seed in range(5):
        chosen = chosen_originals(12, seed)
        assert len({o.form for o in chosen}) == 12 and chosen == chosen_originals(12, seed)
    assert chosen_originals(12, 0) != chosen_originals(12, 1)
    assert len(chosen_originals(42, 0)) == len(unseen_originals()) == len(chosen_originals(None, 0))
    assert {o.id for o in chosen_originals(None, 0)} == {o.id for o in unseen_originals()}


@pytest.mark.parametrize("original", originals(), ids=lambda o: o.id)
def test_every_original_has_a_rubric_of_its_requirements(original) -> None:  # type: ignore[no-untyped-def]
    judged = [c for c in rubric_of(original).criteria if c.check is None]
    assert [c.description for c in judged] == list(original.requirements)
    measured = {c.check.type for c in rubric_of(original).criteria if c.check is not None}
    assert {"completeness", "repetition", "relevance"} <= measured  # as in every rubric that the studio makes


# Stopping, killing, going on


def test_a_stopped_test_goes_on_from_there_and_asks_only_what_is_missing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    worth = ranks(planned(Wanted(originals=3)))
    texts = len(ranks(planned(TWO)))
    monkeypatch.setattr(scored_texts, "scored", judging(lambda request, text: worth[request, text], asked))
    said: list[tuple[int, int, float | None]] = []
    assert qualify.qualify("fake", TWO, workspace, lambda *told: said.append(told), lambda: len(asked) == 11) is None
    assert len(kept("fake", workspace.home)) == 10  # the eleventh may have been cut short
    assert said[0] == (0, texts, None) and said[-1][:2] == (10, texts) and said[-1][2] is not None
    assert qualification_of("fake", workspace.home) is None
    asked.clear()
    assert qualify.qualify("fake", TWO, workspace, nobody, never)
    assert len(asked) == texts - 10
    asked.clear()
    assert qualify.qualify("fake", TWO, workspace, nobody, never) and asked == []
    assert qualify.qualify("fake", Wanted(originals=3), workspace, nobody, never)
    assert 0 < len(asked) < 25  # those of the third original


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from scripted import overlap, script
from writer_r1 import catalog, qualify
from writer_r1.llm.fake import FakeLLM
from writer_r1.llm import never
from writer_r1.workspace import Workspace
catalog.path_of = lambda name, folder: Path(name)
workspace = Workspace()
workspace._loaded["fake"] = llm = FakeLLM(script())
llm.judge = lambda draft, question: time.sleep(0.005) or 5.0
workspace.similarity = overlap
workspace.readers = lambda model: None
qualify.qualify("fake", qualify.Wanted(originals=2), workspace, lambda done, *_: print(done, flush=True), never)
"""


def test_a_killed_test_loses_one_text_at_most_and_a_line_that_was_cut_is_read_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = [sys.executable, "-c", KILLED, str(ROOT / "tests")]
    process = subprocess.Popen(code, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    while int(process.stdout.readline()) < 7:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    path = kept_at("fake", workspace.home)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b'"seconds"')])  # the last line, cut
    path.write_bytes(path.read_bytes().replace(b'{"key"', b'{"yek"', 1))  # and the first one damaged
    read = len(kept("fake", workspace.home))
    assert read == whole.count(b"\n") - 2 >= 5
    asked: list[str] = []
    monkeypatch.setattr(scored_texts, "scored", judging(lambda request, text: 0.5, asked))
    found = qualify.qualify("fake", TWO, workspace, nobody, never)
    assert found and len(asked) == found.texts - read
    assert len(kept("fake", workspace.home)) == found.texts  # the cut line spoilt none that came after it


def test_another_prompt_or_model_is_another_reading(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(planned(TWO).cases())
    a, b = identity("a", workspace), identity("b", workspace)
    assert case.key(a) != case.key(b) and case.key(a) == case.key(identity("a", workspace))
    fit = calibration_of("none", workspace.home)
    assert fit is not None
    monkeypatch.setattr(workspace, "readers", lambda model: Readers(fit, by_letters))
    refitted = identity("a", workspace)
    monkeypatch.setattr(scored_texts, "prompt_hash", lambda name: "another")
    assert len({case.key(x) for x in (a, refitted, identity("a", workspace))}) == 3


def test_a_text_too_long_for_the_judge_is_not_scored_and_a_missing_model_is_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Evaluation:
        raise RequestTooLong("too long")

    monkeypatch.setattr(scored_texts, "scored", refuse)
    found = qualify.qualify("fake", Wanted(originals=1), workspace, nobody, never)
    assert found and found.unscored == 1.0
    with pytest.raises(ModelError, match="not downloaded yet"):
        qualify.qualify("starter", TWO, workspace, nobody, never)


def test_a_home_that_cannot_be_written_is_said_in_one_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.home.mkdir(parents=True, exist_ok=True)
    (workspace.home / "judges").write_text("in the way")
    monkeypatch.setattr(scored_texts, "scored", judging(lambda request, text: 0.5))
    with pytest.raises(StoreError, match="cannot be (read|kept)"):
        qualify.qualify("fake", TWO, workspace, nobody, never)


def test_who_waits_for_the_model_gets_it_between_two_texts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_texts, "PAUSE_S", 0.05)
    wanting, got, asked = threading.Event(), threading.Event(), list[str]()
    held: list[int] = []

    def other() -> None:
        wanting.set()
        with FileLock(places.machine_lock()):
            held.append(len(asked))
            got.set()

    def worth(request: str, text: str) -> float:
        if len(asked) == 5:
            threading.Thread(target=other).start()
            wanting.wait(5)
        return 0.5

    monkeypatch.setattr(workspace.jobs, "waiting", lambda: wanting.is_set() and not got.is_set())
    monkeypatch.setattr(scored_texts, "scored", judging(worth, asked))
    assert qualify.qualify("fake", TWO, workspace, nobody, never)
    assert held and held[0] <= 7 and len(asked) > 20


def test_while_another_has_the_model_a_stop_is_heard(workspace: Workspace) -> None:
    stop = threading.Event()
    told: list[float | None] = []

    def say(done: int, total: int, left_s: float | None) -> None:
        told.append(left_s)
        if len(told) == 2:
            stop.set()

    with FileLock(places.machine_lock()):
        began = time.monotonic()
        assert qualify.qualify("fake", TWO, workspace, say, stop.is_set) is None
    assert time.monotonic() - began < 10 and set(told) == {None}


# People's ratings


def write(folder: Path, name: str, rows: Sequence[dict[str, object]]) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with 80 stories of 40 requests, whose worth stands in them, and nothing else."""
    made = tmp_path / "data"
    made.mkdir()
    aspects = ("grammaticality", "cohesiveness", "likability", "relevance")
    rows = []
    for k in range(80):
        worth = 1 + k % 5
        ratings = {name: [worth, worth, min(5, worth + 1)] for name in aspects}
        story = f"worth {worth} " + "word " * (20 + k * 7 % 50)
        rows.append({"prompt": f"request {k // 2}", "story": story, "ratings": ratings})
    write(made, "wp_a_teacher_ratings.jsonl", rows)
    (made / "human_criteria.json").write_text(json.dumps({"wp_a": {name: f"How {name}?" for name in aspects}}))
    return made


def reader(plan: Plan) -> Worth:
    """Return a judge that knows the ladders and reads the worth of a story in it."""
    worth = ranks(plan)
    return lambda request, text: int(text[6]) / 5 if text.startswith("worth") else worth[request, text]


def test_a_judge_that_agrees_with_readers_earns_high_trust(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    wanted = TWO._replace(data=folder, per_set=30)
    plan = planned(wanted)
    assert len(plan.sets["wp_a"].texts) == 30 and len({t.group for t in plan.sets["wp_a"].texts}) == 15
    found = measured(workspace, monkeypatch, reader(plan), wanted)
    rows = found.sets["wp_a"]
    assert set(rows) == {"grammaticality", "cohesiveness", "likability", "relevance", "mean_rho", "mean_lo", "mean_hi"}
    for row in (row for row in rows.values() if isinstance(row, Agreement)):
        assert row.rho and row.lo and row.hi and row.lo <= row.rho <= row.hi and row.rho > 0.95 and row.texts == 30
        assert row.rho_given_length and row.rho_given_length > 0.9
    assert found.trust == "high" and found.failing == ()
    assert set(found.left_out) == {"hanna", "ttcw", "confederacy", "lamp", "wqrm"}
    assert found.left_out["hanna"] == "there is no hanna_scores.jsonl"
    assert sentence(found).startswith(
        "Agrees with readers on grammar (1.00), cohesion (1.00), likability (1.00) and relevance (1.00); puts"
    )


def test_what_readers_showed_of_a_judge_outlives_a_test_without_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    wanted = TWO._replace(data=folder, per_set=30)
    first = measured(workspace, monkeypatch, reader(planned(wanted)), wanted)
    again = measured(workspace, monkeypatch, reader(planned(TWO)))
    assert again.sets == first.sets and again.trust == "high"


def test_a_judge_at_odds_with_readers_is_held_to_little_trust_and_says_on_what(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    wanted = TWO._replace(data=folder, per_set=80)
    agrees = reader(planned(wanted))
    contrary = measured(
        workspace, monkeypatch, lambda r, t: 1 - agrees(r, t) if t.startswith("worth") else agrees(r, t), wanted
    )
    assert contrary.trust == "low" and contrary.failing == ("wp_a",)
    assert sentence(contrary).startswith(
        "Does not agree with readers on grammar, cohesion, likability or relevance; puts the more spoiled"
    )


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "wp_a_teacher_ratings.jsonl").unlink(), "holds none of the rated sets"),
        (lambda f: (f / "wp_a_teacher_ratings.jsonl").write_text('{"prompt": "x"}\n{"pro'), "Line 2 of"),
        (lambda f: (f / "wp_a_teacher_ratings.jsonl").write_text('{"prompt": "x"}\n'), "not as they should be"),
        (lambda f: (f / "human_criteria.json").write_text("{}"), "not as they should be"),
        (lambda f: (f / "human_criteria.json").write_text("{"), "not as they should be"),
    ],
    ids=["none", "cut", "lacks", "no questions", "broken questions"],
)
def test_data_that_cannot_be_used_is_said_before_anything_is_read(
    folder: Path, spoil: Callable[[Path], object], says: str
) -> None:
    spoil(folder)
    with pytest.raises(WriterError, match=says) as found:
        planned(TWO._replace(data=folder))
    assert str(found.value).count("\n") == 0


def test_without_its_questions_a_set_is_left_out(folder: Path) -> None:
    (folder / "human_criteria.json").unlink()
    with pytest.raises(WriterError, match="none of the rated sets"):
        rated_sets(Folder(folder, 10, 0))


@needs_data
def test_every_set_of_the_shared_data_can_be_read_whole_and_in_part() -> None:
    sets, left_out = rated_sets(Folder(DATA, 10**6, 0))
    assert left_out == {} and list(sets) == ["wp_a", "hanna", "ttcw", "confederacy", "lamp", "wqrm"]
    assert {len(text.ratings) for text in sets["ttcw"].texts} == {14}
    assert {len(text.ratings) for text in sets["hanna"].texts} == {6}
    assert sets["lamp"].texts and sets["lamp"].pairs and not sets["wqrm"].texts and len(sets["wqrm"].pairs) > 200
    assert all(case.text.strip() and case.request.strip() for of in sets.values() for case in of.cases())
    for of in sets.values():
        for text in of.texts:
            assert set(text.ratings) == {c.name for c in text.case.rubric.criteria}
    some, _ = rated_sets(Folder(DATA, 20, 3))
    assert all(0 < len(of.texts) <= 20 for name, of in some.items() if name != "wqrm")
    assert some == rated_sets(Folder(DATA, 20, 3))[0] != rated_sets(Folder(DATA, 20, 4))[0]
    assert len(some["confederacy"].texts) == 20  # one request: a part of it


@needs_data
def test_a_judge_that_says_what_people_said_agrees_with_every_set(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(originals=1, data=DATA, per_set=12)
    plan = planned(wanted)
    worth = {case.text: 0.5 for case in plan.cases()}
    for of in plan.sets.values():
        worth |= {t.case.text: min(1.0, sum(t.ratings.values()) / len(t.ratings) / 10) for t in of.texts}
    worth |= {p.better.text: 0.9 for p in plan.sets["lamp"].pairs} | {
        p.worse.text: 0.1 for p in plan.sets["lamp"].pairs
    }
    found = measured(workspace, monkeypatch, lambda request, text: worth[text], wanted)
    assert list(found.sets) == ["wp_a", "hanna", "ttcw", "confederacy", "lamp", "wqrm"]
    assert found.sets["wp_a"]["mean_rho"] > 0.5 and found.sets["confederacy"]["mean_rho"] > 0.5  # type: ignore[operator]
    pairs = found.sets["lamp"]["pairs"]
    assert isinstance(pairs, Accuracy) and pairs.accuracy == 1.0
    draft = found.sets["wqrm"]["pairs"]
    assert isinstance(draft, Accuracy) and draft.accuracy == 0.5  # every text got the same
    assert Qualification.model_validate_json(found.model_dump_json()) == found


# Figures


def test_an_interval_holds_what_it_should_and_narrows_with_more_requests() -> None:
    chance = np.random.default_rng(3)
    widths = []
    for n in (30, 300):
        x = chance.normal(size=n)
        y = x + chance.normal(size=n)
        found = agreement(list(x), list(y), [100] * n, [f"r{k // 2}" for k in range(n)])
        assert found.lo is not None and found.hi is not None and found.rho is not None
        assert found.lo < 0.69 < found.hi and found.lo < found.rho < found.hi  # 0.69 is the truth
        widths.append(found.hi - found.lo)
    assert widths[1] < widths[0] / 2


def test_texts_of_one_request_are_no_independent_evidence() -> None:
    right = [1.0] * 20 + [0.0] * 20
    alone = interval(lambda at: float(np.asarray(right)[at].mean()), [str(k) for k in range(40)])
    grouped = interval(lambda at: float(np.asarray(right)[at].mean()), [str(k // 10) for k in range(40)])
    single = interval(lambda at: float(np.asarray(right)[at].mean()), ["one"] * 40)
    assert grouped[1] - grouped[0] > alone[1] - alone[0] > 0.2 and single == alone


def test_length_that_explains_everything_leaves_nothing() -> None:
    words = list(range(10, 60))
    found = agreement([float(w) for w in words], [float(w) for w in words], words, [str(w) for w in words])
    assert found.rho == 1.0 and found.rho_given_length == 0.0


def test_too_few_to_say_anything_say_nothing() -> None:
    assert agreement([0.1, 0.2], [1, 2], [3, 4], ["a", "b"]).rho is None
    assert accuracy([], []).accuracy is None and bits([]) is None
    assert bits([0.5] * 9) == 0.0 and bits([0.0, 1.0] * 4) == 1.0 and bits([0.5, 0.501]) == 0.0


# Trust


@pytest.mark.parametrize(
    ("order", "mean", "relevance", "entropy", "unscored", "says"),
    [
        (0.95, 0.50, 0.45, 3.0, 0.0, "high"),
        (0.94, 0.50, 0.45, 3.0, 0.0, "some"),
        (0.95, 0.49, 0.45, 3.0, 0.0, "some"),
        (0.95, 0.50, 0.44, 3.0, 0.0, "some"),
        (0.90, 0.30, 0.10, 3.0, 0.0, "some"),
        (0.89, 0.60, 0.60, 3.0, 0.0, "low"),
        (0.99, 0.29, 0.60, 3.0, 0.0, "low"),
        (0.75, 0.00, 0.00, 3.0, 0.0, "low"),
        (0.74, 0.60, 0.60, 3.0, 0.0, "none"),
        (0.99, 0.60, 0.60, 0.9, 0.0, "low"),
        (0.99, 0.60, 0.60, 3.0, 0.11, "low"),
        (0.50, 0.60, 0.60, 0.9, 0.5, "none"),
        (0.99, None, None, 3.0, 0.0, "some"),
        (0.90, None, None, 3.0, 0.0, "some"),
        (0.89, None, None, 3.0, 0.0, "low"),
        (0.74, None, None, 3.0, 0.0, "none"),
        (None, 0.60, 0.60, None, 1.0, "none"),
    ],
)
def test_the_word_follows_from_the_figures(
    order: float | None, mean: float | None, relevance: float | None, entropy: float, unscored: float, says: str
) -> None:
    found = Agreement(rho=relevance, lo=0.0, hi=1.0, rho_given_length=0.0, texts=60)
    readers = {"relevance": found, "mean_rho": mean} if mean is not None else None
    assert trust_in(order, readers, entropy, unscored) == says


def test_a_result_is_kept_and_holds_for_its_own_prompt_only(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = ranks(planned(TWO))
    found = measured(workspace, monkeypatch, lambda request, text: worth[request, text])
    assert qualification_of("fake", workspace.home) == found and qualification_of("other", workspace.home) is None
    path = workspace.home / "judges" / "fake.qualified.json"
    path.write_text(found.model_copy(update={"prompt_hash": "older"}).model_dump_json())
    assert qualification_of("fake", workspace.home) is None
    path.write_text(path.read_text()[:200])
    assert qualification_of("fake", workspace.home) is None


def test_what_came_with_the_studio_counts_where_nothing_was_measured_here(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worth = ranks(planned(TWO))
    found = measured(workspace, monkeypatch, lambda request, text: worth[request, text])
    shipped = tmp_path / "assets" / "judges"
    shipped.mkdir(parents=True)
    (shipped / "fake.qualified.json").write_text(found.model_copy(update={"trust": "high"}).model_dump_json())
    monkeypatch.setattr("writer_r1.qualification.data", lambda name: tmp_path / name)
    assert qualification_of("fake", workspace.home) == found
    (workspace.home / "judges" / "fake.qualified.json").write_text("{")
    known = qualification_of("fake", workspace.home)
    assert known and known.trust == "high"


@pytest.fixture
def fitted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Have models judge with their own fits, where there are some."""
    monkeypatch.setattr("writer_r1.qualification.fit_id", fit_id)

    def readers(model: str) -> Readers | None:
        return Readers(fit, by_letters) if (fit := calibration_of(model, workspace.home)) else None

    monkeypatch.setattr(workspace, "readers", readers)
    return workspace


def refit(home: Path) -> str:
    """Keep a fit of its own for the model, and return its id."""
    shipped = calibration_of("none", home)
    assert shipped
    made = shipped.model_copy(update={"margin": 0.5})
    write_calibration(kept_in(home, "fake"), made)
    assert fit_id("fake", home) == made.id != shipped.id
    return made.id


def test_after_another_fit_a_model_is_unmeasured_until_it_is_measured_with_that(
    fitted: Workspace, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    wanted = TWO._replace(data=folder, per_set=30)
    first = measured(fitted, monkeypatch, reader(planned(wanted)), wanted)
    assert qualification_of("fake", fitted.home) == first and "wp_a" in first.sets
    fit = refit(fitted.home)
    assert qualification_of("fake", fitted.home) is None
    again = measured(fitted, monkeypatch, reader(planned(TWO)))
    assert qualification_of("fake", fitted.home) == again and again.calibration == fit
    assert "wp_a" not in again.sets  # what readers showed of the earlier fit says nothing of this one


def test_a_result_of_an_earlier_fit_does_not_hide_a_shipped_one_that_holds(
    fitted: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worth = ranks(planned(TWO))
    found = measured(fitted, monkeypatch, lambda request, text: worth[request, text])
    fit, path = refit(fitted.home), tmp_path / "assets/judges/fake.qualified.json"
    path.parent.mkdir(parents=True)
    path.write_text(found.model_copy(update={"trust": "high", "calibration": fit}).model_dump_json())
    monkeypatch.setattr("writer_r1.qualification.data", lambda name: tmp_path / name)
    known = qualification_of("fake", fitted.home)
    assert known and known.trust == "high"
    judge = JudgeInfo(model="fake", prompt_hash=prompt_hash("judge"), calibration=fit)
    given = Evaluation(rubric_id="r", reward=None, scores=(), judge=judge)
    assert marked(given, fitted.home).judge.trust == "high"


def test_a_fit_that_cannot_be_read_leaves_a_model_unmeasured(fitted: Workspace) -> None:
    kept_in(fitted.home, "fake").parent.mkdir(parents=True)
    kept_in(fitted.home, "fake").write_text("{")
    assert fit_id("fake", fitted.home) == "" and qualification_of("fake", fitted.home) is None


def test_what_was_scored_before_its_judge_was_measured_says_what_was_measured_since_and_an_earned_word_stays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = JudgeInfo(model="fake", prompt_hash=prompt_hash("judge"))
    judges = (info, info.model_copy(update={"trust": "low"}), info.model_copy(update={"model": "other"}), None)
    given = [Evaluation(rubric_id="r", reward=None, scores=(), judge=j) if j else None for j in judges]
    attempts = tuple(Attempt(number=n, evaluation=e) for n, e in enumerate(given, 1))
    run = Trajectory(id="run1", prompt="p", attempts=attempts)
    assert marked_since(run, workspace.home) is run
    worth = ranks(planned(TWO))
    measured(workspace, monkeypatch, lambda request, text: worth[request, text])
    told = marked_since(run, workspace.home)
    trusts = [a.evaluation.judge.trust for a in told.attempts if a.evaluation]
    assert trusts == ["some", "low", "unmeasured"] and told.attempts[1:] == attempts[1:]
    assert marked_since(told, workspace.home) is told


def test_an_evaluation_says_how_far_its_judge_can_be_trusted_if_that_was_measured_with_its_prompt(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = JudgeInfo(model="fake", prompt_hash=prompt_hash("judge"))
    given = Evaluation(rubric_id="r", reward=None, scores=(), judge=info)
    assert marked(given, workspace.home).judge.trust == "unmeasured"
    worth = ranks(planned(TWO))
    measured(workspace, monkeypatch, lambda request, text: worth[request, text])
    assert marked(given, workspace.home).judge.trust == "some"
    older = given.model_copy(update={"judge": info.model_copy(update={"prompt_hash": "older"})})
    assert marked(older, workspace.home) == older


# The command


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> FakeLLM:
    """Let `writer-r1 qualify --model fake` use a scripted model."""
    llm = FakeLLM(script())
    llm.judge = lambda draft, question: 3.0 + len(draft) % 5
    found = catalog.find
    model = catalog.rows(Path("none"))[0].model_copy(update={"name": "fake"})
    monkeypatch.setattr(catalog, "find", lambda name, folder: model if name == "fake" else found(name, folder))
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    monkeypatch.setattr("writer_r1.workspace.load", lambda path, **more: llm)
    monkeypatch.setattr(Workspace, "similarity", lambda self, text, others: overlap(text, others))
    monkeypatch.setattr(qualify, "ORIGINALS", 2)
    return llm


def test_the_command_prints_the_result_and_keeps_it(
    shell: FakeLLM, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert main(["qualify", "--model", "fake", "--data", str(folder), "--per-set", "10", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert {"judge", "sets", "ladders", "trust"} <= set(found) and found["judge"] == "fake"
    assert {"rho", "lo", "hi", "rho_given_length"} <= set(found["sets"]["wp_a"]["relevance"])
    assert isinstance(found["sets"]["wp_a"]["mean_rho"], float)
    assert "judging: 0 of" in shown.err and "hanna was left out: there is no hanna_scores.jsonl." in shown.err
    asked = len(shell.seen)
    assert main(["qualify", "--model", "fake"]) == 0
    shown = capsys.readouterr()
    assert len(shell.seen) == asked and "Trust: " in shown.out and "wp_a relevance" in shown.out
    held, alike = found["sets"]["wp_a"]["relevance"]["rho_given_length"], found["position_consistency"]
    for told in (f", {held:.2f} with length held fixed", f"{alike:5.2f} of steps ordered alike", "bits", "0.00 of all"):
        assert told in shown.out, told
    assert qualification_of("fake", places.home())


def test_ctrl_c_keeps_what_was_read_and_says_so(shell: FakeLLM, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(draft: str, question: str) -> float:
        if len(shell.seen) > 60:
            raise KeyboardInterrupt
        return 5.0

    shell.judge = interrupted
    assert main(["qualify", "--model", "fake"]) == 1
    shown = capsys.readouterr()
    read = len(kept("fake", places.home()))
    assert shown.out == "" and 5 < read < 20
    assert shown.err.endswith(f"Stopped after {read} of 45 texts; what was read is kept: run it again to go on.\n"), (
        shown.err
    )


# The real thing


@pytest.mark.slow  # a minute; what it does is tested on scripted judges above
@pytest.mark.model
def test_the_starter_is_measured_on_one_original(tmp_path: Path) -> None:
    environment = os.environ | {"WRITER_R1_HOME": str(tmp_path / "home")}
    code = (
        "from writer_r1.workspace import Workspace; from writer_r1.qualify import Wanted, qualify;"
        "from writer_r1.llm import never; w = Workspace();"
        "print(qualify('smollm2-135m', Wanted(originals=1), w, lambda *_: None, never).model_dump_json()); w.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = Qualification.model_validate_json(done.stdout)
    assert found.judge == "smollm2-135m" and found.texts > 15 and found.unscored < 0.5
    assert found.ladders[ALL].il is not None and found.position_consistency is not None


def test_a_cancel_reaches_the_judge(workspace: Workspace) -> None:
    with workspace.judging("fake", never) as judge:
        assert isinstance(judge, Judge) and judge.cancel is never

    def stop() -> bool:
        return True

    cancel: Cancel = stop
    with workspace.judging("fake", cancel) as judge:
        assert judge.cancel()
