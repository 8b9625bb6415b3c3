"""Requests for pieces of writing and what a piece earns: a taskset of the `verifiers` library (0.4), for one turn.

A piece earns what it would earn in Writer-R1's own training; `scoring.py` says how and needs no verifiers.
"""

import asyncio
from collections.abc import Iterator

import verifiers.v1 as vf

from . import scoring

__all__ = ["PieceTaskset"]


class PieceData(vf.TaskData):
    """A request as it was typed, and the criteria that every piece for it is held to."""

    request: str
    rubric: dict


class PieceTask(vf.Task[PieceData]):
    async def _scored(self, trace: vf.Trace) -> scoring.Reward:
        said = self.data.request, self.data.rubric, trace.last_reply
        return await asyncio.to_thread(scoring.scored, *said, whole=not trace.is_truncated)

    @vf.reward
    async def earned(self, trace: vf.Trace) -> float:
        """Return the reward in [0, 1]; a piece that could not be scored ends as an error, not as a 0."""
        return scoring.value(await self._scored(trace))

    @vf.metric
    async def criteria(self, trace: vf.Trace) -> dict[str, float]:
        """Return the score of each criterion, in [0, 1]."""
        return (await self._scored(trace)).scores


class PieceTaskset(vf.Taskset[PieceTask, vf.TasksetConfig]):
    def load(self) -> Iterator[PieceTask]:
        for row in scoring.rows():
            about = {"id": row["id"], "request": row["request"], "rubric": row["rubric"]}
            yield PieceTask(PieceData(prompt=row["prompt"], system_prompt=row["system"], **about), self.config.task)
