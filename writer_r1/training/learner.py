"""A run folder -> what both loops work with: policy, optimizer and processes, and how each update is kept.

Only the main process writes; the others compute their rows and keep quiet.
"""

import importlib.metadata
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from writer_r1 import __version__
from writer_r1.digests import digest_file
from writer_r1.errors import TrainingError
from writer_r1.llm.chat import encode
from writer_r1.training import checkpoint, run_folder
from writer_r1.training.best import best_of, is_better
from writer_r1.training.config import Config
from writer_r1.training.critic import Critic
from writer_r1.training.data import Example, Tokens, as_tokens, chat_of, practised_request
from writer_r1.training.lessons import read_lessons, with_lessons
from writer_r1.training.llama_sampler import LlamaSampler, open_sampler
from writer_r1.training.optimizer import Crew, Optimizer
from writer_r1.training.policy import Policy, open_policy
from writer_r1.training.process import check_stop
from writer_r1.training.replay import Buffer
from writer_r1.training.rows import files
from writer_r1.training.run_folder import Exit, State
from writer_r1.training.server_sampler import ServerSampler, open_servers
from writer_r1.training.sharding import held
from writer_r1.training.weights import prepared

BEAT_S = 2.0  # between signs of life while a text is sampled
PACKAGES = ("torch", "transformers", "peft", "accelerate")

LeftOut = tuple[str, str]  # the id of a row, and why it is left out


class Asked(NamedTuple):
    """A request that is trained on, as tokens; `aided` is the same with lessons in it, where some fit."""

    example: Example
    prompt: list[int]
    aided: list[int] | None = None


class Learner:
    """One run's policy and where it stands. `state` are the counters that a checkpoint keeps."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config, self.crew = folder, config, Crew()
        self.beat("preparing", note="reading the base")
        self.base = prepared(config.base)
        began = Path(config.adapter, "adapter_config.json") if config.adapter else None
        if began and not began.is_file() and (kept := checkpoint.every(folder)):  # deleted since this run began with it
            config = config.model_copy(update={"adapter": str(kept[-1] / "adapter")})
        self.policy = open_policy(self.base, config, self.crew)
        drafted = config.kind == "mrpo" and config.rollouts == "llamacpp"
        self.served = open_servers(self.policy, self.base, config, self.crew, folder) if config.servers else None
        self.sampler: Policy | LlamaSampler | ServerSampler = self.served or (
            open_sampler(self.policy, self.base, config) if drafted else self.policy
        )
        self.optimizer = Optimizer(self.policy.parameters, config, self.crew)
        self.critic = Critic(self.policy.width, self.policy.device) if config.thoughts == "ppo" else None
        self.template, self.tokenise = chat_of(self.policy.tokenizer)
        self.state: dict[str, Any] = {"step": 0, "drawn": 0}
        self.restored: Path | None = None
        if found := checkpoint.restore(folder, self.policy, self.optimizer, self.critic):
            self.state, self.restored = found
            print(f"going on from update {self.state['step']}", flush=True)
        self._began = time.monotonic()
        self.serve()

    def serve(self) -> None:
        """Put the policy's adapter on the rollout servers, where there are any; at the start all have to be there."""
        if self.served and not self.served.wear(self.state["step"], self.stopping):
            check_stop(self.folder)

    # rows

    def tokens_of(self, examples: Sequence[Example]) -> tuple[list[tuple[Example, Tokens]], list[LeftOut]]:
        """Return the rows that fit, as tokens, and the ids of those that do not, each with why."""
        fit, dropped = list[tuple[Example, Tokens]](), list[LeftOut]()
        for example in examples:
            row = as_tokens(example, self.template, self.tokenise, self.policy.ends[0])
            if why := self._too_long("prompt", len(row.prompt), self.config.prompt_tokens) or self._too_long(
                "text", len(row.text), self.config.text_tokens
            ):
                dropped.append((example.id, why))
            else:
                fit.append((example, row))
        return fit, dropped

    def prompts_of(self, examples: Sequence[Example]) -> tuple[list[tuple[Example, list[int]]], list[LeftOut]]:
        """Return the prompts that fit, as tokens, and the ids of those that do not, each with why."""
        fit, dropped = list[tuple[Example, list[int]]](), list[LeftOut]()
        for example in examples:
            head, tail = encode(practised_request(example, self.config.thoughts), self.template, self.tokenise)
            if why := self._too_long("prompt", len(head + tail), self.config.prompt_tokens):
                dropped.append((example.id, why))
            else:
                fit.append((example, head + tail))
        return fit, dropped

    def asked(self, examples: Sequence[Example], held_out: Sequence[Example]) -> tuple[list[Asked], list[LeftOut]]:
        """Return the prompts that fit and those that do not, as `prompts_of`, with lessons where the run shows some."""
        fit, dropped = self.prompts_of(examples)
        lessons = read_lessons(self.folder, held_out) if self.config.memory_share else []
        if not lessons:
            return [Asked(example, prompt) for example, prompt in fit], dropped
        from writer_r1.embedding import similarity

        chat, longest = (self.template, self.tokenise), self.config.prompt_tokens
        found = [Asked(e, prompt, with_lessons(e, lessons, similarity, chat, longest)) for e, prompt in fit]
        aided = sum(a.aided is not None for a in found)
        print(f"{len(lessons)} lessons; {aided} of {len(found)} prompts are shown some", flush=True)
        return found, dropped

    def _too_long(self, what: str, length: int, most: int) -> str:
        return f"its {what} is {length} tokens long and {most} are read" if length > most else ""

    def note_data(self, trained: Sequence[Any], held_out: Sequence[Any], dropped: Sequence[LeftOut]) -> None:
        """Write down what is trained on and what is held out.

        Raises:
            TrainingError: nothing is left to train on, or to hold out.
        """
        if not trained or not held_out:
            why = f" Of the first that was left out, {dropped[0][1]}." if dropped else ""
            side = "train on" if not trained else "hold out for a test"
            raise TrainingError(
                f"No row is left to {side}: {len(dropped)} were too long.{why} Allow longer texts or add shorter ones.",
                "data",
            )
        digest, before = _digest(Path(self.config.data)), run_folder.record(self.folder).get("data", {}).get("digest")
        if before not in (None, digest):
            raise TrainingError(
                f"The data in {self.config.data!r} have changed since this run began, so it would be tested on what it "
                "was trained on; put them back as they were, or begin a new run with them.",
                "data",
            )
        if not self.crew.is_main:
            return
        data = {
            "digest": digest,
            "trained_on": [row[0].id for row in trained],
            "held_out": [example.id for example, _ in held_out],
            "dropped": [{"id": id_, "reason": why} for id_, why in dropped],
        }
        base = {"name": self.base.name, "sha256": self.base.sha256, "source": str(self.base.source)}
        versions = {name: importlib.metadata.version(name) for name in PACKAGES} | {"writer-r1": __version__}
        machine = {"threads": self.config.threads, "cores": psutil.cpu_count(), "device": str(self.policy.device)}
        machine["processes"] = self.crew.count
        run_folder.add_facts(self.folder, base=base, data=data, versions=versions, machine=machine)

    # what is kept

    def beat(self, phase: State, done: int = 0, total: int = 0, note: str = "") -> None:
        """Leave a sign of life, and end here where somebody asked for that."""
        self._doing, self._beaten = (phase, done, total, note), time.monotonic()
        if self.crew.is_main:
            if run_folder.state(self.folder) != phase:
                run_folder.set_state(self.folder, phase)
            run_folder.beat(self.folder, phase, done, total, note)
        if self.crew.count == 1:  # several end together, between two updates
            check_stop(self.folder)

    def begin(self) -> int:
        """Return the number of the update that begins, unless all processes are to end here."""
        self.beat("training", self.state["step"], self.config.steps)
        if self.crew.agreed(run_folder.stop_asked(self.folder) is not None):
            check_stop(self.folder)
        return int(self.state["step"])

    def evaluation_due(self) -> bool:
        """Return whether what was held out is to be looked at now: at the start, the end, and in between."""
        step = int(self.state["step"])
        due = step % self.config.evaluate_every == 0 or step >= self.config.steps
        return due and bool(self.state.get("evaluated") != step)

    def stopping(self) -> bool:
        """Return whether somebody asked the run to end; looked at between tokens, so it gives signs of life."""
        if time.monotonic() - self._beaten > BEAT_S:
            doing = self._doing
            self.beat(*doing[:3], note=(self.served.waits if self.served else "") or doing[3])
            self._doing = doing
        return self.crew.count == 1 and run_folder.stop_asked(self.folder) is not None

    def add_metrics(self, row: dict[str, Any]) -> None:
        """Keep a row of numbers, with the memory in use and the seconds since this process began."""
        if self.crew.is_main:
            own = {"rss_mib": psutil.Process().memory_info().rss >> 20, "t": round(time.monotonic() - self._began, 3)}
            run_folder.add_metrics(self.folder, row | own)

    def add_samples(self, step: int, examples: Sequence[tuple[Example, Any]], shown: Sequence[tuple[str, str]]) -> None:
        """Keep the texts of the same few prompts, so that they can be seen to change."""
        prompts = {example.id: example.prompt for example, _ in examples}
        for id_, text in shown if self.crew.is_main else ():
            row = {"step": step, "prompt_id": id_, "prompt": prompts[id_], "text": text}
            run_folder.add_sample(self.folder, row)

    def keep(self, buffer: Buffer | None = None, *, always: bool = False) -> None:
        """Write a checkpoint where one is due, or where the run ends."""
        if self.crew.is_main and (always or self.state["step"] % self.config.checkpoint_every == 0):
            path = checkpoint.write(self.folder, self.state, self.policy, self.optimizer, buffer, critic=self.critic)
            if buffer is not None:  # a copy for those who look on
                part = self.folder / f".replay.{os.getpid()}.part"
                with run_folder.explained(self.folder):
                    shutil.copyfile(path / "replay.db", part)
                    os.replace(part, self.folder / "replay.db")

    def keep_best(self, figure: float) -> None:
        """Keep the adapter where it does better than ever on what was held out, `figure`; the start is no candidate."""
        step, best = int(self.state["step"]), best_of(self.folder)
        if self.crew.is_main and step > 0 and is_better(self.config.kind, figure, best):
            checkpoint.keep_best(self.folder, step, figure, self.policy)

    def ended(self, how: str, buffer: Buffer | None = None) -> Exit:
        """Save what was learned, or throw it away where that was asked for, and return how the run ended."""
        step = self.state["step"]
        if self.served:
            self.served.close()
        if how == "discard":
            if self.crew.is_main:
                run_folder.throw_away(self.folder)
            return Exit(outcome="discarded", sentence=f"Stopped after {step} updates; what was learned is thrown away.")
        if self.crew.is_main:
            run_folder.add_facts(self.folder, parameters=held(self.policy.model))  # that each process holds
            run_folder.set_state(self.folder, "saving")
            self.keep(buffer, always=True)
            checkpoint.publish(self.folder, self.policy)
        best = best_of(self.folder)
        also = (
            f" The best on what was held out, of update {best.step}, is kept too." if best and best.step < step else ""
        )
        if how == "finished":
            return Exit(outcome="finished", sentence=f"Finished: {step} updates; the adapter is ready to try.{also}")
        sentence = f"Stopped after {step} of {self.config.steps} updates; the adapter is saved and the run can go on."
        return Exit(outcome="stopped", sentence=sentence + also)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files by name."""
    import hashlib

    if path.is_file():
        return digest_file(path)
    found = hashlib.sha256()
    for file in files(path):  # those that are read
        found.update(f"{file.relative_to(path)} {digest_file(file)}\n".encode())
    return found.hexdigest()
