"""Rollouts that one or several vLLM servers write: rows shared out among those that wear the policy's newest adapter.

A server may die in the middle of an update and return: its rows go to the others, and it gets the adapter before it is
asked again. Where none is left, there is a minute of patience, then the run ends in a sentence and can be gone on with.
Each rollout carries the version of the adapter that wrote it; one older than `max_staleness` updates is thrown away. A
server's log-probs are kept as the sampler's, and the truncated weight between sampler and trainer makes up for the
difference, as it does for llama.cpp. Seeds are sent, but the same seed is the same text only for the same server.
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from writer_r1.errors import TrainingError
from writer_r1.llm import Cancel, never
from writer_r1.llm.calls import Given, Patience
from writer_r1.servers import server_of
from writer_r1.training.config import Config
from writer_r1.training.optimizer import Crew
from writer_r1.training.policy import Policy, Rollout
from writer_r1.training.rollout_server import SENTENCE, Away, Known, Limits, RolloutServer, Unsound, Worn
from writer_r1.training.run_folder import explained
from writer_r1.training.weights import Base
from writer_r1.weights_folder import ADAPTER_FILE

AT_ONCE = 64  # rows under way at a server: more than that wait there anyway
REFUSED = 4  # of one row's replies, before the run ends
PATIENCE = Patience(away_s=60.0)
COUNTED = ("rows", "age", "stale", "refused", "asked_again")


class NoServer(TrainingError):
    """No rollout server writes what can be learned from. The run can go on once one does."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "server")


class Row(NamedTuple):
    """A rollout to be written."""

    prompt: Sequence[int]
    seed: int
    limits: Limits


class ServerSampler:
    """The servers of a run, all under the adapter that was last worn. Not thread-safe."""

    def __init__(self, policy: Policy, servers: Sequence[RolloutServer], config: Config, crew: Crew, shelf: Path):
        self._policy, self.servers, self._config, self._crew, self._shelf = policy, servers, config, crew, shelf
        self._patience = PATIENCE
        self._adapter: Worn | None = None
        self._counts, self._total = Counter[str](), Counter[str]()  # of one call here; of the update, everywhere

    @property
    def told(self) -> dict[str, float | None]:
        """Return what the rollouts were since an adapter was last put on, for the update's row of numbers."""
        counts = {f"rollouts/{name}": self._total[name] for name in COUNTED if name != "age"}
        age = self._total["age"] / max(1, self._total["rows"])
        now = self._adapter.version if self._adapter else None
        return {"rollouts/version": now, "rollouts/age/mean": age, "rollouts/servers": len(self._here())} | counts

    @property
    def waits(self) -> str:
        """Return what is waited for where no server wears the adapter, in words for who looks on."""
        return "" if self._here() else "waiting for a rollout server"

    # the adapter

    def wear(self, version: int, cancel: Cancel = never) -> bool:
        """Put the policy's adapter, as it is after so many updates, on every server; False means cancelled.

        One process does that and the others wait for it. At first all servers have to wear it; later those that are
        away get it when they return.

        Raises:
            NoServer: none can wear it, or at first one cannot.
        """
        known = _known(self._policy)  # in each process, since a pass may take all of them
        told = self._crew.agreed(self._put_on(version, known, cancel) if self._crew.is_main else None)
        if told is None:
            return False
        self._adapter, found, trouble = told
        if trouble:
            raise NoServer(trouble)
        for server, (wears, why) in zip(self.servers, found, strict=True):
            server.wears, server.why = wears, why
        self._total.clear()
        return True

    def _put_on(self, version: int, known: Known, cancel: Cancel) -> tuple[Worn, list[tuple[str, str]], str] | None:
        """Return the adapter, what each server wears and why none, and what went wrong; None means cancelled."""
        first, self._adapter, trouble = self._adapter is None, self._saved(version, known), ""
        try:
            self.servers[0].calls.run(self._worn_by_all(first), cancel)
        except Given:
            return None
        except NoServer as error:
            trouble = str(error)
        for old in self._shelf.iterdir():
            if old != self._adapter.folder:
                shutil.rmtree(old, ignore_errors=True)
        return self._adapter, [(server.wears, server.why) for server in self.servers], trouble

    def _saved(self, version: int, known: Known) -> Worn:
        """Return the adapter once it lies whole where servers are told to read it."""
        run = re.sub(r"[^a-z0-9._]+", "-", self._config.name.casefold()).strip("-") or "run"
        part = self._shelf / f".{os.getpid()}.part"
        with explained(self._shelf):
            part.mkdir(parents=True, exist_ok=True)
            self._policy.save(part)
            digest = hashlib.sha256((part / ADAPTER_FILE).read_bytes()).hexdigest()[:8]
            folder = self._shelf / f"writer-r1-{run}-v{version}-{digest}"
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(part, folder)
        return Worn(folder.name, folder, version, known)

    async def _worn_by_all(self, first: bool) -> None:
        await self._join()
        missing = [server for server in self.servers if server.why]
        if missing and first:
            why = "; ".join(f"{server.server.host} {server.why}" for server in missing)
            raise NoServer(f"A rollout server cannot be used: {why}. Put that right, or leave it out of the settings.")
        await self._present(asyncio.get_running_loop().time() + self._patience.away_s)

    async def _join(self) -> None:
        """Put the adapter on the servers that do not wear it and may be asked."""
        assert self._adapter is not None
        without = [server for server in self.servers if server.wears != self._adapter.name]
        await asyncio.gather(*(server.wear(self._adapter) for server in without if server.due_s() <= 0))

    def _here(self) -> list[RolloutServer]:
        """Return the servers that wear the adapter."""
        return [s for s in self.servers if self._adapter is not None and s.wears == self._adapter.name]

    async def _present(self, until: float) -> list[RolloutServer]:
        """Return the servers that can be asked, once there are any.

        Raises:
            NoServer: there are none `until` then.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._join()
            if here := self._here():
                return here
            if loop.time() >= until:
                raise self._nobody()
            soonest = min(server.due_s() for server in self.servers)
            await asyncio.sleep(max(0.01, min(soonest, until - loop.time())))

    def _nobody(self) -> NoServer:
        why = "; ".join(f"{server.server.host} {server.why or 'gives no rollouts'}" for server in self.servers)
        return NoServer(
            f"No rollout server has answered for {self._patience.away_s:.0f} seconds ({why}). What was learned is "
            "kept: see that one runs, then resume the run."
        )

    # rollouts

    def sample(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], most: int, cancel: Cancel = never
    ) -> list[Rollout]:
        """Return one rollout of at most `most` tokens for each prompt and seed; an empty list means cancelled.

        Raises:
            NoServer: this process, or another one of the run, finds no server that writes what can be learned from.
        """
        limits = Limits(most, self._policy.ends, self._policy.words)
        rows = [Row(prompt, seed, limits) for prompt, seed in zip(prompts, seeds, strict=True)]
        self._counts.clear()
        own, trouble = list[Rollout](), ""
        try:
            own = self.servers[0].calls.run(self._write(rows), cancel)
        except Given:
            return []  # only where this is the only process
        except NoServer as error:
            trouble = str(error)
        counts = [float(self._counts[name]) for name in COUNTED]
        *every, failed = self._crew.sum(torch.tensor([*counts, float(bool(trouble))], device=self._policy.device))
        self._total.update({name: round(float(count)) for name, count in zip(COUNTED, every, strict=True)})
        if failed:
            raise NoServer(trouble or "Another process of this run found no rollout server; resume the run later.")
        return own

    async def _write(self, rows: Sequence[Row]) -> list[Rollout]:
        """Return the rows' rollouts: asked in rounds, what a round leaves open goes to the next server."""
        loop, done, asked = asyncio.get_running_loop(), dict[int, Rollout](), 0
        until, refused = loop.time() + self._patience.away_s, Counter[int]()
        while left := [i for i in range(len(rows)) if i not in done]:
            here = await self._present(until)
            if loop.time() >= until:  # they come, but answer nothing
                raise self._nobody()
            self._counts["asked_again"] += len(left) if asked else 0
            chosen = [here[(i + asked) % len(here)] for i in left]
            found = await asyncio.gather(*(self._ask(s, rows[i]) for s, i in zip(chosen, left, strict=True)))
            for i, server, one in zip(left, chosen, found, strict=True):
                if isinstance(one, Rollout):
                    done[i], until = one, loop.time() + self._patience.away_s
                elif one:
                    refused[i] += 1
                    if refused[i] == REFUSED:
                        raise NoServer(
                            f"{REFUSED} replies in a row cannot be learned from; of the last, by {server.server.host}: "
                            f"{one}. What was learned is kept: put the server right, then resume the run."
                        )
            asked += 1
        return [done[i] for i in range(len(rows))]

    async def _ask(self, server: RolloutServer, row: Row) -> Rollout | str:
        """Return a rollout; or why it is refused, "" where the server went away."""
        assert self._adapter is not None
        try:
            found = await server.rollout(self._adapter, *row)
        except Away as away:
            if server.wears:  # the first of its rows to say so
                server.left(str(away))
            return ""
        except Unsound as why:
            self._counts["refused"] += 1
            return str(why)
        age = self._adapter.version - (found.version or 0)
        if not 0 <= age <= self._config.max_staleness:
            self._counts["stale"] += 1
            return f"it was written with the adapter of update {found.version}, and this is {self._adapter.version}"
        self._counts.update({"rows": 1, "age": age})
        return found

    def close(self) -> None:
        """Take the adapter off the servers, where they can be reached, and remove its folder."""

        async def all_of_them() -> None:
            await asyncio.gather(*(server.take_off() for server in self._here()))

        if self._crew.is_main:
            self.servers[0].calls.run(all_of_them(), never)
            shutil.rmtree(self._shelf, ignore_errors=True)


def _known(policy: Policy) -> Known:
    """Return what servers are compared by, as likely as the policy has it now."""
    tokens = tuple(policy.tokenizer(SENTENCE, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        scored = policy.score([tokens[:1]], [tokens[1:]])
    return Known(tokens, tuple(scored.logp[0].tolist()))


def open_servers(policy: Policy, base: Base, config: Config, crew: Crew, folder: Path) -> ServerSampler:
    """Return the servers of a run, which were asked nothing yet; adapters lie in the run's folder.

    Raises:
        ModelError: what is given as a server is no address, or the package that this takes is not installed.
    """
    shelf = folder.absolute() / "served"
    launch = f"'vllm serve {base.folder} --enable-lora --max-lora-rank {config.rank}'"
    servers = list[RolloutServer]()
    for url in config.servers:
        server = RolloutServer(server_of(url, base.name, AT_ONCE), PATIENCE, launch)
        _ = server.calls.client  # so that a missing package is told before anything is read
        servers.append(server)
    return ServerSampler(policy, servers, config, crew, shelf)
