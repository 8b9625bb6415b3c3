"""Does reflection help: arms that differ in the advice alone, equal tokens, what is verified, rows that are kept."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from reflection_child import THINGS, scripted_model
from scripted import criterion, evaluation, every_workspace_has, model, overlap, rubric_of, script, station

from writer_r1 import agreement, reflection_bench
from writer_r1.cli import main
from writer_r1.errors import WriterError
from writer_r1.judge import Judge
from writer_r1.lines import Kept
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.reflection_arms import (
    BEST_OF,
    BLIND,
    DIRECT,
    GENERIC,
    MOST_ROUNDS,
    MRPO,
    NO_MEMORY,
    ONE_GO,
    PLACEBO,
    PLAIN,
    Played,
    Players,
    Start,
    advised,
    begin,
    one_go,
    plain_judge,
    read_verdict,
)
from writer_r1.reflection_bench import Bench, _order, _seconds, compare
from writer_r1.reflection_commands import arms_of
from writer_r1.reflection_result import (
    ALIKE,
    CONSTRAINTS,
    ENDING,
    FELL,
    LENGTH,
    NONE,
    OWN,
    REPETITION,
    SECOND,
    TAKEN,
    outcomes,
    pictures,
    result,
    table,
    verdicts,
)
from writer_r1.training.data import read_prompts
from writer_r1.trajectory import Advice, Attempt, Check, Reflection
from writer_r1.workspace import Workspace

pytestmark = pytest.mark.long

MARKS = {"dry": 3.0, "wet": 6.0, "salt": 8.5}
ALL = (DIRECT, BLIND, PLACEBO, MRPO, BEST_OF, GENERIC, PLAIN, NO_MEMORY, ONE_GO)
SALT = [
    {"name": "Salt", "description": "It smells."},
    {"name": "Cheese", "description": "Cheese is in it.", "kind": "measured",
     "check": {"type": "must_include", "items": ["cheese"]}, "weight": 2},
]  # fmt: skip


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "RESAMPLES", 100)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    other = scripted_model()
    other.name, other.judge = "other", lambda text, question: 8.0 if "smelled of cheese" in text else 4.0
    workspace._loaded |= {"fake": scripted_model(), "other": other}
    monkeypatch.setattr(workspace, "similarity", overlap)
    monkeypatch.setattr(workspace, "readers", lambda model: None)
    monkeypatch.setattr(workspace, "free", lambda needed: False)
    yield workspace
    workspace.close()


def asked(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "prompts.jsonl"
    rows = [
        {"prompt": f'A scene about a {t} in 20 to 40 words. Use the word "cheese".', "rubric": SALT} for t in THINGS
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def bench(workspace: Workspace, folder: Path, **more: Any) -> Bench:
    examples, kept = read_prompts(asked(folder)).examples, Kept(folder / "kept.jsonl")
    return Bench(workspace, examples, ALL, "fake", "fake", None, 2, 0, kept)._replace(**more)


def found(one: Bench) -> tuple[dict[str, Any], list[tuple[str, int, int, float | None]]]:
    said: list[tuple[str, int, int, float | None]] = []
    *_, last = compare(one, lambda *row: said.append(row), never)
    return last, said


def test_what_can_be_verified_rises_with_reflection_and_not_with_a_blind_rewrite(
    workspace: Workspace, tmp_path: Path
) -> None:
    result, said = found(bench(workspace, tmp_path, second="other"))
    arms = result["arms"]
    assert arms[DIRECT][CONSTRAINTS] == {"mean": 0.5, "lo": 0.5, "hi": 0.5, "n": 4}  # its length fits, no cheese
    assert arms[MRPO][CONSTRAINTS]["mean"] == 1.0 and arms[BLIND][CONSTRAINTS]["mean"] == 0.5
    assert result["mrpo_over"][BLIND][CONSTRAINTS] == {"gain": 0.5, "lo": 0.5, "hi": 0.5, "n": 4, "moved": 4}
    assert result["mrpo_over"][DIRECT][SECOND]["gain"] > 0.2 and MRPO not in result["mrpo_over"]
    assert arms[DIRECT]["tokens"] == 0 < arms[MRPO]["tokens"] and arms[DIRECT]["degraded"] == 0
    assert arms[GENERIC][CONSTRAINTS]["mean"] == 0.5 and arms[ONE_GO]["tokens"] > 50
    for arm in (BLIND, BEST_OF, GENERIC, PLAIN):  # never fewer tokens, and more by the last round or draft at most
        assert arms[MRPO]["tokens"] <= arms[arm]["tokens"] <= arms[MRPO]["tokens"] + 160
    assert sum(result["iterations"].values()) == 4 and "0" not in result["iterations"]
    assert result["curve"][MRPO][CONSTRAINTS][0] == 0.5 and result["curve"][MRPO][CONSTRAINTS][-1] == 1.0
    assert result["curve"][DIRECT][CONSTRAINTS] == [0.5] * 3
    none, all_ = (next(r for r in result["sweep"] if r["rounds"] == n and r["target"] == 0.9) for n in (0, 2))
    assert (none["used"], none[CONSTRAINTS], all_[CONSTRAINTS]) == (0.0, 0.5, 1.0) and none[OWN] < all_[OWN]
    assert said[0][:3] == (MRPO, 0, 36) and said[-1][0] == "asking the second judge"
    assert any(left is not None for *_, left in said)


def test_a_placebo_is_the_advice_of_another_request(workspace: Workspace, tmp_path: Path) -> None:
    found(bench(workspace, tmp_path, arms=(MRPO, PLACEBO)))
    rows = {row["key"]: row["value"] for row in map(json.loads, (tmp_path / "kept.jsonl").read_text().splitlines())}
    plays = [Played.model_validate(v) for v in rows.values() if "attempts" in v]
    given = [[a.edit for x in p.attempts if x.reflection for a in x.reflection.advice] for p in plays]
    assert len(plays) == 8 and all(given)
    told = [{t for t in THINGS if any(t in edit for edit in edits)} for edits in given]
    for edits, thing, other in zip(given, told, (p.attempts[0].text for p in plays), strict=True):
        # That cheese is asked for holds for both, so it is MRPO's own advice and no placebo.
        assert any("cheese" in edit for edit in edits) is (min(thing) in other)
    drafted = [{t for t in THINGS if t in p.attempts[0].text} for p in plays]
    pairs = [(min(a), min(b)) for a, b in zip(drafted, told, strict=True)]
    others = dict(zip(THINGS, (THINGS[1], *THINGS), strict=False))
    assert sorted(pairs) == sorted([*((t, t) for t in THINGS), *others.items()])  # MRPO's own, and another's
    alone = bench(workspace, tmp_path / "alone", arms=(MRPO, PLACEBO))
    result, _ = found(alone._replace(examples=alone.examples[:1]))
    assert result["arms"][PLACEBO]["tokens"] == 0  # what it was advised itself is no placebo


def test_the_loop_remembers_what_its_earlier_rounds_taught_and_without_memory_it_does_not(
    workspace: Workspace, tmp_path: Path
) -> None:
    llm = workspace._loaded["fake"]
    assert isinstance(llm, FakeLLM)
    found(bench(workspace, tmp_path, arms=(MRPO, NO_MEMORY)))
    asked_for = [r.messages[-1].content.split("Lessons")[1] for r in llm.seen if station(r) == "reflect"]
    assert len(asked_for) == 4 * 2 * 2  # requests, arms, rounds
    for k in range(4):
        first, later, bare_first, bare_later = asked_for[4 * k : 4 * k + 4]
        assert f"- helped: Let the polish of the {THINGS[k]} smell." in later  # of this piece, not of the one before
        assert later.count("polish of the") == 1 and all("(none yet)" in one for one in (first, bare_first, bare_later))


def test_plain_judge_rounds_are_told_a_digit_and_a_critique_and_take_every_text(
    workspace: Workspace, tmp_path: Path
) -> None:
    llm = workspace._loaded["fake"]
    assert isinstance(llm, FakeLLM)
    llm.judge = lambda text, question: 2.0 if "the yard was wide" in text.lower() else 8.0  # its own texts are worse
    example = bench(workspace, tmp_path).examples[0]
    players = Players(llm, Judge(llm, overlap, never), 2, 0)
    start = begin(example.prompt, example.rubric, players)
    before = len(llm.seen)
    played = plain_judge(start, 100, players)
    verdicts = [r for r in llm.seen[before:] if station(r) == "verdict"]
    revisions = [r for r in llm.seen[before:] if station(r) == "revise"]
    assert len(verdicts) == len(played.attempts) - 1 and len(revisions) == 2 * len(
        verdicts
    )  # every paragraph, each time
    for request in verdicts:
        said = " ".join(m.content for m in request.messages)
        assert not any(words in said for words in ("Salt", "It smells", "Cheese is in it", "Lessons"))
    told = "Write it better. It was given 4 of 9. The stairs are told too neatly. More salt would help."
    assert all(r.messages[-1].content.endswith(told) for r in revisions)
    first, second, *_ = played.attempts
    assert second.accepted and second.evaluation and first.evaluation and played.best.number > 1
    assert (second.evaluation.reward or 0) < (first.evaluation.reward or 0)
    assert 100 <= played.tokens <= 100 + 120 and second.text != first.text


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ("4\n\nMore salt.", "Write it better. It was given 4 of 9. More salt."),
        ("7/9. More salt.", "Write it better. It was given 7 of 9. More salt."),
        ("9 out of 9: (excellent)", "Write it better. It was given 9 of 9. (excellent)"),
        ("6", "Write it better. It was given 6 of 9."),
        ("More salt.", "Write it better. More salt."),
        ("42 is too much.", "Write it better. 42 is too much."),
        (" \n", ""),
    ],
)
def test_a_verdict_is_a_digit_and_a_critique_and_data_in_any_case(reply: str, wanted: str) -> None:
    assert read_verdict(reply) == wanted


def test_a_text_of_a_thought_counts_as_taken_where_a_later_one_was_better_still() -> None:
    first, second, third = (f"The stairs were {w} all the way down to the yard, and she went." for w in MARKS)
    parts = [
        f"<plan>Stairs.</plan>\n<draft>{first}</draft>",
        f'<reflection>Not so.</reflection>\n<revision paragraph="1">{second}</revision>',
        f'<reflection>More so.</reflection>\n<revision paragraph="1">{third}</revision>\n</think>\n{third}',
    ]
    llm = model(MARKS, think="\n".join(parts))
    start = Start(prompt="Some stairs.", rubric=rubric_of(criterion("Salt")), draft=Attempt(number=1, text=first))
    played = one_go(start, Players(llm, Judge(llm, overlap, never), 2, 0))
    assert [(a.text, a.accepted) for a in played.attempts] == [(first, True), (second, True), (third, True)]
    assert played.best.number == 3 and verdicts([played])[TAKEN] == 2


def test_a_judge_without_words_ends_the_plain_rounds_all_the_same(workspace: Workspace, tmp_path: Path) -> None:
    llm = FakeLLM(script(verdict="", draft="One sentence stands here, and no more of it."))
    llm.judge = lambda text, question: 5.0
    example = bench(workspace, tmp_path).examples[0]
    players = Players(llm, Judge(llm, overlap, never), 2, 0)
    played = plain_judge(begin(example.prompt, example.rubric, players), 500, players)
    assert played.best.number == 1 and len(played.attempts) <= MOST_ROUNDS + 1


def test_more_requests_go_on_from_what_is_there_and_keep_every_line(workspace: Workspace, tmp_path: Path) -> None:
    arms = (DIRECT, PLACEBO, MRPO)
    one, path = bench(workspace, tmp_path, arms=arms), tmp_path / "kept.jsonl"
    found(one._replace(examples=one.examples[:2]))
    first = path.read_bytes()
    result, said = found(bench(workspace, tmp_path, arms=arms))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert path.read_bytes().startswith(first) and len(first.splitlines()) == 2 * (1 + len(arms))
    assert len(rows) == 4 * (1 + len(arms)) == len({row["key"] for row in rows})
    assert found(bench(workspace, tmp_path / "at once", arms=arms))[0] == result and result["asked"] == 4
    assert said[0][1:3] == (2 * len(arms), 4 * len(arms))


def test_what_came_out_so_far_is_told_after_each_request(workspace: Workspace, tmp_path: Path) -> None:
    one = bench(workspace, tmp_path, arms=(DIRECT, MRPO, BLIND))
    told = list(compare(one, lambda *row: None, never))
    assert [(t["requests"], t["asked"]) for t in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    alone = bench(workspace, tmp_path / "alone", arms=one.arms)
    first = found(alone._replace(examples=alone.examples[:1]))[0]
    assert told[0] == first | {"asked": 4}
    again = bench(workspace, tmp_path, arms=one.arms)
    assert list(compare(again, lambda *row: None, never)) == told[-1:]  # all was there
    said: list[str] = []
    fewer = alone._replace(examples=alone.examples[:2], kept=Kept(tmp_path / "alone" / "kept.jsonl"))
    going_on = compare(fewer, lambda doing, *row: said.append(doing), never)
    assert next(going_on) == first | {"asked": 2} and said == []  # before anything is made
    going_on.close()


@pytest.mark.parametrize("change", ["model", "judge", "seed", "rounds", "draft", "reflect", "verdict", "fit"])
def test_another_model_prompt_or_choice_begins_anew_and_mixes_nothing(
    workspace: Workspace, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = (MRPO, PLAIN)
    found(bench(workspace, tmp_path, arms=arms))
    path, more, fresh = tmp_path / "kept.jsonl", {}, 4 * 3
    before = len(path.read_text().splitlines())
    match change:
        case "model" | "judge":
            more = {change: "other"}
        case "seed" | "rounds":
            more = {change: 1}
        case "draft" | "reflect" | "verdict":
            fresh = {"draft": fresh, "reflect": 4 * 2, "verdict": 4}[change]  # of the arms that are told it
            whole = reflection_bench.prompt_hash
            monkeypatch.setattr(reflection_bench, "prompt_hash", lambda n: "new" if n == change else whole(n))
        case "fit":
            monkeypatch.setattr(reflection_bench, "calibration_of", lambda model, home: None)
    found(bench(workspace, tmp_path, arms=arms, **more))
    assert len(path.read_text().splitlines()) == before + fresh


def test_the_loop_goes_before_what_is_measured_by_it() -> None:
    order = _order((DIRECT, PLACEBO, MRPO), 3)
    assert order == [
        (MRPO, 0), (DIRECT, 0), (MRPO, 1), (PLACEBO, 0), (DIRECT, 1), (PLACEBO, 1), (MRPO, 2), (DIRECT, 2), (PLACEBO, 2)
    ]  # fmt: skip
    assert _order((DIRECT,), 2) == [(DIRECT, 0), (DIRECT, 1)] and _order((MRPO, PLACEBO), 1) == [
        (MRPO, 0),
        (PLACEBO, 0),
    ]


def test_the_time_that_is_left_is_told_by_what_each_arm_took() -> None:
    assert _seconds({}, [MRPO]) is None
    assert _seconds({MRPO: [9.0, 11.0], DIRECT: [1.0]}, [MRPO, DIRECT, BLIND]) == pytest.approx(10 + 1 + 7)


def test_who_waits_for_the_model_is_told(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflection_bench, "SOON_S", 0.05)
    other, said = ExitStack(), list[str]()
    other.enter_context(workspace.machine())

    def say(doing: str, *row: object) -> None:
        said.append(doing)
        if doing.startswith("waiting"):
            other.close()

    one = bench(workspace, tmp_path, arms=(DIRECT,))
    list(compare(one._replace(examples=one.examples[:1]), say, never))
    assert said == [DIRECT, "waiting for the model, then direct", "measuring"]


def test_killed_again_and_again_it_goes_on_at_the_next_row(tmp_path: Path) -> None:
    out, prompts = tmp_path / "kept.jsonl", asked(tmp_path)
    command = [sys.executable, str(Path(__file__).parent / "reflection_child.py"), str(prompts), str(out)]
    env = os.environ | {"PYTHONPATH": f"{Path(__file__).parent.parent}:{Path(__file__).parent}"}

    def begin_child(pause_s: float) -> subprocess.Popen[str]:
        return subprocess.Popen([*command, str(pause_s)], env=env, stdout=subprocess.PIPE, text=True)

    def lines() -> int:
        return out.read_bytes().count(b"\n") if out.exists() else 0

    kept = b""
    for into_s in (0.0, 0.12):  # into the next row
        child, before = begin_child(0.1), lines()
        assert child.stdout and child.stdout.readline() == "ready\n"
        while lines() < before + 2:
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(into_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert out.read_bytes().startswith(kept)
        kept = out.read_bytes()
    last = begin_child(0.0)
    said = last.communicate(timeout=60)[0].splitlines()
    assert last.returncode == 0 and out.read_bytes().startswith(kept)
    keys = [json.loads(line)["key"] for line in out.read_text("utf-8").splitlines()]
    assert len(keys) == len(set(keys)) == 4 * 5  # requests, and their start and four arms: none made twice
    whole = begin_whole(command, env, tmp_path)
    assert json.loads(said[-1]) == whole


def begin_whole(command: list[str], env: dict[str, str], folder: Path) -> dict[str, Any]:
    """Return what comes out where nothing is killed."""
    once = [*command[:3], str(folder / "whole.jsonl"), "0"]
    done: dict[str, Any] = json.loads(
        subprocess.run(once, env=env, capture_output=True, text=True).stdout.splitlines()[-1]
    )
    return done


def test_what_was_made_before_a_stop_is_not_made_again(workspace: Workspace, tmp_path: Path) -> None:
    one = bench(workspace, tmp_path)
    first, _ = found(one)
    llm = workspace._loaded["fake"]
    assert isinstance(llm, FakeLLM)
    asked_before = len(llm.seen)
    again = bench(workspace, tmp_path)
    assert found(again)[0] == first and len(llm.seen) == asked_before
    path = tmp_path / "kept.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    assert found(bench(workspace, tmp_path))[0] == first and len(llm.seen) > asked_before
    drafts = sum(station(r) == "draft" for r in llm.seen)
    found(bench(workspace, tmp_path, examples=one.examples[:2], arms=(DIRECT, MRPO)))
    assert sum(station(r) == "draft" for r in llm.seen) == drafts


def test_a_stop_in_an_arm_keeps_none_of_it(workspace: Workspace, tmp_path: Path) -> None:
    rounds = iter(range(99))
    with pytest.raises(KeyboardInterrupt):
        list(compare(bench(workspace, tmp_path), lambda *row: None, lambda: next(rounds) > 12))
    found(bench(workspace, tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert all(Played.model_validate(r["value"]).attempts[-1].text for r in rows if "attempts" in r["value"])
    assert len({r["key"] for r in rows}) == len(rows)


def test_outcomes_are_what_the_request_asks_for() -> None:
    attempt = Attempt(number=1, text="One two three. Cheese.", evaluation=evaluation(rubric_of(criterion("x")), 0.5))
    said = outcomes('Two sentences. Use the word "cheese". Do not use the word "three".', attempt)
    assert said[CONSTRAINTS] == pytest.approx(2 / 3) and said[OWN] == 0.5 and said[ENDING] == 1.0
    assert said[LENGTH] == 1.0 and said[REPETITION] in (None, 1.0)
    bare = outcomes("Something.", attempt)
    assert bare[CONSTRAINTS] is None and bare[LENGTH] is None


def played(*rewards: float | None) -> Played:
    """Return texts that were all accepted; None is one that was not scored."""
    rubric = rubric_of(criterion("x"))
    rows = [
        Attempt(number=n, text="One salt.", accepted=True, evaluation=evaluation(rubric, reward))
        for n, reward in enumerate(rewards, 1)
    ]
    return Played(attempts=tuple(rows))


def test_what_was_not_scored_is_no_reward_of_0() -> None:
    prompts = ["A scene.", "A letter."]
    plays = {(MRPO, "A scene."): played(None, None), (MRPO, "A letter."): played(0.4, 0.6)}
    found = {(MRPO, p): outcomes(p, plays[MRPO, p].best) for p in prompts}
    rubrics = dict.fromkeys(prompts, rubric_of(criterion("x")))
    told = result(rubrics, [MRPO], 1, plays, found)
    assert [row[OWN] for row in told["sweep"] if row["target"] == 0.9] == [0.4, 0.6]
    alone = result({prompts[0]: rubrics[prompts[0]]}, [MRPO], 1, plays, found)
    assert {row[OWN] for row in alone["sweep"]} == {None} and alone["curve"][MRPO][OWN] == [None, None]
    assert set(pictures(alone | {"rounds": 1})) == {"reflection_rounds"}


def test_what_became_of_each_text_is_counted() -> None:
    told: list[tuple[bool, str, tuple[Any, ...]]] = [
        (True, "", ()), (True, "better by 0.6 of 10", ()), (False, "no clear difference (-0.1 of 10)", ()),
        (False, "Salt fell by 1.2", ()), (False, "not judged: copied", ("copied",)), (False, "", ()),
    ]  # fmt: skip
    attempts = [Attempt(number=n, accepted=a, why=why, faults=f) for n, (a, why, f) in enumerate(told, 1)]
    assert verdicts([Played(attempts=tuple(attempts))] * 2) == {TAKEN: 2, ALIKE: 4, FELL: 2, NONE: 2}


def test_another_target_is_reached_by_the_loops_own_rule() -> None:
    rubric, prompt = rubric_of(criterion("Salt"), criterion("Oil")), "A scene."
    values = [(0.9, 0.5), (0.7, 0.6), (0.8, 0.7)]  # 0.7 overall at first, but the oil is not even half there
    attempts = [
        Attempt(number=n, text="One salt.", accepted=True, evaluation=evaluation(rubric, *row))
        for n, row in enumerate(values, 1)
    ]
    plays = {(MRPO, prompt): Played(attempts=tuple(attempts))}
    told = result({prompt: rubric}, [MRPO], 2, plays, {(MRPO, prompt): outcomes(prompt, attempts[-1])})
    assert [row["used"] for row in told["sweep"] if row["target"] == 0.6] == [0.0, 1.0, 1.0]
    assert [row["used"] for row in told["sweep"] if row["target"] == 0.7] == [0.0, 1.0, 2.0]


def test_a_curve_is_of_the_same_requests_at_every_round() -> None:
    prompts = ["A scene.", "A letter.", 'Use the word "salt".']
    plays = {
        (MRPO, prompts[0]): played(None, 0.1, 0.1),  # its draft was not scored
        (MRPO, prompts[1]): played(0.4, 0.5),  # and this one ended early
        (MRPO, prompts[2]): played(0.6, 0.7, 0.8),
    }
    found = {(MRPO, p): outcomes(p, plays[MRPO, p].best) for p in prompts}
    curve = result(dict.fromkeys(prompts, rubric_of(criterion("x"))), [MRPO], 2, plays, found)["curve"][MRPO]
    assert curve[OWN] == [0.5, 0.6, 0.65] and curve[CONSTRAINTS] == [1.0] * 3 and curve[LENGTH] == [None] * 3


def test_advice_under_judged_criteria_is_read_off_the_rounds_that_had_any() -> None:
    salt, oil = criterion("Salt"), criterion("Oil")
    cheese = criterion("Cheese", check=Check(type="must_include", items=("cheese",)))
    rubric = rubric_of(salt, oil, cheese)
    judged, measured = (Advice(criterion_id=c.id, paragraph=1, fault="f", edit="e") for c in (salt, cheese))
    told = [(), (measured, judged), (measured,), (judged,)]
    rounds = [Attempt(number=n, reflection=Reflection(on_attempt=1, advice=a)) for n, a in enumerate(told, 2)]
    first = Attempt(number=1, evaluation=evaluation(rubric, 0.6, 0.4, 0.0))
    assert advised(rubric, Played(attempts=(first, *rounds))) == [(judged,), (judged,)]
    assert Played(attempts=(first, *rounds)).best.number == 1  # none was accepted
    only_measured = Played(attempts=(first, rounds[2]))
    ((oil_first, salt_then),) = advised(rubric, only_measured)
    assert (oil_first.criterion_id, salt_then.criterion_id) == (oil.id, salt.id) and oil.description in oil_first.edit
    assert advised(rubric_of(cheese), only_measured) == []


def test_a_row_holds_neither_the_request_nor_what_was_noted_of_it(workspace: Workspace, tmp_path: Path) -> None:
    one = bench(workspace, tmp_path, arms=(DIRECT, MRPO))
    found(one)
    kept = (tmp_path / "kept.jsonl").read_text()
    assert one.examples[0].prompt not in kept and '"notes"' not in kept and '"evaluation"' in kept
    assert '"source"' in kept and '"span"' not in kept  # the words of the request that a criterion comes from


def test_the_result_is_told_in_lines_and_pictures(workspace: Workspace, tmp_path: Path) -> None:
    result = json.loads(json.dumps(found(bench(workspace, tmp_path))[0]))
    lines = list(table(result))
    assert len(lines) == 2 + len(ALL) + len(ALL) - 1 + 1 and lines[-1].startswith("rounds used: ")
    drawn = pictures(result)
    assert set(drawn) == {f"reflection_{name}" for name in ("rounds", "arms", "curve", "sweep")}
    said = "".join(xml.fromstring(drawn["reflection_arms"]).itertext())
    assert all(arm in said for arm in (DIRECT, BLIND, PLACEBO, BEST_OF, GENERIC, ONE_GO)) and CONSTRAINTS in said


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("direct,blind,placebo,mrpo", [DIRECT, BLIND, PLACEBO, MRPO]),
        (" mrpo , best-of", [MRPO, BEST_OF]),
        ("direct", [DIRECT]),
    ],
)
def test_arms_are_named_in_short(said: str, wanted: list[str]) -> None:
    assert arms_of(said) == wanted


@pytest.mark.parametrize(("said", "why"), [("critic", "There is no arm 'critic'"), ("blind", "add mrpo to --arms")])
def test_arms_that_cannot_be_run_are_refused(said: str, why: str) -> None:
    with pytest.raises(WriterError, match=why):
        arms_of(said)


def test_the_command_ends_in_a_line_for_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    llm = scripted_model()
    every_workspace_has(monkeypatch, lambda: llm)
    words = ["bench", "reflection", "--prompts", str(asked(tmp_path)), "--limit", "2", "--out", str(tmp_path / "out")]
    page = tmp_path / "page.md"
    page.write_text("# Page\n<!-- results: begin -->\n<!-- results: end -->\n", "utf-8")
    assert main([*words, "--page", str(page)]) == 0
    assert "**2 of 2 requests so far.** fake writes" in page.read_text("utf-8")
    assert "(out/reflection_rounds.png)" in page.read_text("utf-8")
    shown = capsys.readouterr()
    told = json.loads(shown.out.splitlines()[-1].removeprefix("RESULT "))
    assert told["requests"] == 2 and set(told["arms"]) == {DIRECT, BLIND, PLACEBO, MRPO}
    assert json.loads((tmp_path / "out" / "reflection_arms.json").read_text()) == told
    drawn = {f"reflection_{name}.{end}" for name in ("rounds", "arms", "curve", "sweep") for end in ("png", "svg")}
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"reflection.fake.jsonl", *drawn}
    assert main([*words, "--arms", "direct,mrpo,no-memory"]) == 0
    assert json.loads((tmp_path / "out" / "reflection_arms.json").read_text()) == told  # other arms stand beside
    others = json.loads((tmp_path / "out" / "reflection_arms_more.json").read_text())
    assert set(others["arms"]) == {DIRECT, MRPO, NO_MEMORY} and (tmp_path / "out" / "reflection_arms_more.png").exists()
    with pytest.raises(SystemExit):
        main([*words, "--limit", "0"])
    assert "0 is none; give 1 or more" in capsys.readouterr().err
    assert main([*words, "--out", str(page)]) == 1 and "cannot be written" in capsys.readouterr().err
    assert (
        main([*words, "--second", "other"]) == 1
        and "the second judge has to be another model" in capsys.readouterr().err
    )
