"""Pairs for a blind comparison: written by the real path, kept one by one, chosen once, and counted honestly."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from conftest import STARTER
from hypothesis import given
from hypothesis import strategies as st
from live import eventually
from lora_files import STARTER_SHA, manifest, peft_adapter
from scripted import script

from writer_r1 import adapters, catalog
from writer_r1.agreement import share_interval
from writer_r1.blind_trials import FIRST, BlindTrials, Trial, trial_of, write_pairs
from writer_r1.errors import Busy, ModelError, WriterError
from writer_r1.jobs import Jobs
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.preferences import blind_preferences
from writer_r1.store import BlindPair, Store
from writer_r1.training import job, run_folder
from writer_r1.training.adoption import adopt
from writer_r1.training.config import configured
from writer_r1.training.data import Example
from writer_r1.workspace import Workspace

SALTY = "The keeper rubbed the salt from the rail with his sleeve and went in to see to the lamp."
PLAIN = "The keeper rubbed the rust from the rail with his sleeve and went in to see to the lamp."


class Bare:
    """What is needed of a workspace, with two scripted models for base and adapter."""

    def __init__(self, home: Path) -> None:
        self.home, self.models, self.store = home, home / "models", Store(home / "library.db")
        self.jobs = Jobs(self.store)
        self.base, self.adapter = FakeLLM(script(draft=PLAIN), name="fake"), FakeLLM(script(draft=SALTY), name="fake")
        self.base.adapted = lambda path, strength: self.adapter  # type: ignore[assignment, method-assign]
        self.machine = lambda timeout_s=-1: nullcontext()

    def llm(self, name: str) -> FakeLLM:
        return self.base


@pytest.fixture
def host(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    path = tmp_path / "adapter.gguf"
    path.write_bytes(b"GGUF")
    examples = tuple(Example(str(n), f"A scene at a lighthouse, take {n}", "", None, "") for n in range(3))
    return Trial("sea-1", adapters.digest_of(path), path, "fake", examples, 60)


def pair(seed: int = 0, **changes: Any) -> BlindPair:
    return BlindPair("sea-1", "w" * 64, seed, "fake", "A storm", PLAIN, SALTY, "base")._replace(**changes)


def test_each_pair_is_kept_as_it_is_written_and_never_twice(host: Bare, trial: Trial) -> None:
    told = list(write_pairs(trial, 5, host, never))
    assert [done for done, _ in told] == [1, 2, 3, 4, 5] and told[-1][1] == 0
    kept = host.store.blind_pairs(trial.weights)
    assert [p.seed for p in kept] == list(range(5))
    assert [p.prompt[-1] for p in kept] == ["0", "1", "2", "0", "1"]  # requests begin again, with other seeds
    assert all((p.base_text, p.adapter_text, p.choice) == (PLAIN, SALTY, "") for p in kept)
    assert {p.texts for p in kept} <= {(PLAIN, SALTY), (SALTY, PLAIN)}
    host.adapter.script = script(draft="Another text, which nobody asked for again, of about as many words as that.")
    assert list(write_pairs(trial, 5, host, never)) == []
    assert host.store.blind_pairs(trial.weights) == kept


def test_which_stands_first_is_chance(host: Bare, trial: Trial) -> None:
    list(write_pairs(trial, 40, host, never))
    first = [p.first for p in host.store.blind_pairs()]
    assert 5 < first.count("base") < 35  # beyond these once in three million


def test_a_stop_keeps_whole_pairs_only_and_it_goes_on_from_there(host: Bare, trial: Trial) -> None:
    for done, _ in write_pairs(trial, 5, host, lambda: len(host.store.blind_pairs()) >= 2):
        assert done <= 2
    assert len(host.store.blind_pairs()) == 2
    assert [done for done, _ in write_pairs(trial, 5, host, never)] == [3, 4, 5]


def test_whoever_writes_gets_the_model_and_the_text_is_written_anew(
    host: Bare, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = iter([True])  # once, in the middle of the first text
    monkeypatch.setattr(host.jobs, "waiting", lambda: next(waiting, False))
    turns = list[int]()

    @contextmanager
    def machine(timeout_s: float = -1) -> Iterator[None]:
        turns.append(len(host.store.blind_pairs()))
        if len(turns) == 2:
            raise Busy("Another writing job is using the model.")
        yield

    host.machine = machine  # type: ignore[assignment]
    told = list(write_pairs(trial, 2, host, never))
    assert turns == [0, 0, 0] and told[0] == (0, None) and [done for done, _ in told] == [0, 1, 2]
    assert [p.base_text for p in host.store.blind_pairs()] == [PLAIN, PLAIN]


def test_two_texts_that_are_the_same_are_no_question(host: Bare, trial: Trial) -> None:
    host.adapter.script = script(draft=PLAIN)
    list(write_pairs(trial, 1, host, never))
    [kept] = host.store.blind_pairs()
    assert kept.choice == "out" and list(blind_preferences([kept])) == []


def test_an_adapter_that_was_changed_meanwhile_is_no_longer_written(host: Bare, trial: Trial) -> None:
    trial.path.write_bytes(b"GGUF, another")
    with pytest.raises(WriterError, match="'sea-1' was changed meanwhile; open the comparison again"):
        list(write_pairs(trial, 1, host, never))
    trial.path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        list(write_pairs(trial, 1, host, never))


def test_a_pair_is_chosen_once_and_can_only_be_left_out_afterwards(host: Bare) -> None:
    store = host.store
    for seed in range(3):
        store.keep_blind_pair(pair(seed, prompt="\ud83d"))
    assert store.choose_blind(pair(1), "adapter") and not store.choose_blind(pair(1), "base")
    assert not store.choose_blind(pair(0), "out") and not store.choose_blind(pair(9), "base")
    assert [p.choice for p in Store(store.path).blind_pairs()] == ["", "adapter", ""]
    assert store.choose_blind(pair(2), "neither") and store.blind_count() == 1
    [row] = blind_preferences(store.blind_pairs())
    assert row["source"] == f"blind comparison {pair(1).id}"
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("\ufffd", SALTY, PLAIN)
    assert store.choose_blind(pair(1), "out") and list(blind_preferences(store.blind_pairs())) == []
    store.delete_all()
    assert store.blind_pairs() == []


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_interval_of_a_share_holds_it_and_is_the_same_from_both_sides(wins: int, losses: int) -> None:
    lo, hi = share_interval(wins, wins + losses)
    other = share_interval(losses, wins + losses)
    assert 0 <= lo <= hi <= 1 and (lo, hi) == pytest.approx((1 - other[1], 1 - other[0]))
    assert not wins + losses or lo <= wins / (wins + losses) <= hi


def test_the_interval_of_a_share_is_the_published_one() -> None:
    assert share_interval(7, 12) == pytest.approx((0.2767, 0.8483), abs=1e-4)  # R: binom.test(7, 12)
    assert share_interval(6, 6) == pytest.approx((0.5407, 1.0), abs=1e-4)


# A real adapter of a real run


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return peft_adapter(tmp_path_factory.mktemp("learned"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that has ended, as the training process leaves it."""
    folder, data = job.runs_in(tmp_path / "home") / "sea-1", tmp_path / "pieces.jsonl"
    rows = [{"id": str(n), "prompt": f"A line about a storm, take {n}", "text": PLAIN} for n in range(6)]
    data.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    run_folder.create(folder, configured("sft", name="sea-1", base="starter", data=str(data), text_tokens=36))
    base = {"name": "SmolLM2", "sha256": STARTER_SHA, "source": str(STARTER)}
    run_folder.add_facts(folder, base=base, data={"trained_on": ["0", "1", "2"], "held_out": ["3", "4", "5"]})
    return folder


@pytest.mark.model
def test_a_run_s_adapter_and_its_base_write_to_what_was_held_out(run: Path, learned: Path, tmp_path: Path) -> None:
    (run / "adapter").symlink_to(learned)
    workspace = Workspace(tmp_path / "home", STARTER.parent)
    trials, store = workspace.blind_trials, workspace.store
    adopt(run, workspace.home)
    trial = trial_of("sea-1", workspace)
    assert [e.id for e in trial.examples] == ["3", "4", "5"] and trial.max_words == 24
    trials.open("sea-1")
    assert trials.opened == trial and trials.running() == "sea-1"
    trials.open("sea-1")  # pressed twice
    eventually(lambda: len(store.blind_pairs()) >= 2, 240)
    trials.stop()
    assert workspace.blind_trials.close(30)
    writing = trials.progress(trial)
    assert writing and writing.state == "stopped" and 2 <= writing.done < FIRST == writing.total
    first = store.blind_pairs()[0]
    assert first.base_text != first.adapter_text and first.weights == trial.weights
    base = workspace.llm("starter")
    base._seq.forget()  # type: ignore[attr-defined]  # what it still knows of a prompt is computed in other batches
    again = Bare(tmp_path / "again")
    again.llm = lambda name: base  # type: ignore[assignment, method-assign, return-value]
    list(write_pairs(trial, 1, again, never))
    assert again.store.blind_pairs()[0].base_text == first.base_text  # the same seed, so that the other can be blamed
    assert BlindTrials(workspace).opened == trial  # a studio started anew goes on
    adopt(run, workspace.home)  # as “Compare blind” does each time: the same weights go on with the same pairs
    assert trial_of("sea-1", workspace) == trial
    workspace.close()


def test_what_is_missing_is_told_in_a_sentence(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, made = Workspace(tmp_path / "home", tmp_path / "models"), tmp_path / "made"
    with pytest.raises(ModelError, match="There is no adapter named 'sea-1'"):
        workspace.blind_trials.open("sea-1")
    made.mkdir()
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    created = run_folder.record(run)["created"]
    adapters.register(made, manifest(created=created), workspace.home)
    adapters.register(made, manifest("old", created=1.0), workspace.home)
    with pytest.raises(ModelError, match="is not here; get it on the Models page"):
        workspace.blind_trials.open("sea-1")
    model = catalog.rows(workspace.models)[0].model_copy(update={"state": "ready", "sha256": STARTER_SHA})
    monkeypatch.setattr(catalog, "rows", lambda folder: [model])
    with pytest.raises(WriterError, match="run that made 'old' is deleted, and with it which requests were held out"):
        workspace.blind_trials.open("old")
    Path(run_folder.config_of(run).data).unlink()
    with pytest.raises(WriterError, match="There is no file"):
        workspace.blind_trials.open("sea-1")
    assert workspace.blind_trials.opened is None and threading.active_count() < 50
    workspace.close()
