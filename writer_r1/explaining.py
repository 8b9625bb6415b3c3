"""A run of which scores lack a reason, as where it was stopped -> a job that gives them; nothing else of it changes."""

from collections.abc import Iterator

from writer_r1 import catalog
from writer_r1.events import BY_USER, Edited, Event, Finished, Status, Stopped
from writer_r1.folding import fold
from writer_r1.llm import Cancel
from writer_r1.reasons import GIVING, explained_at_the_end
from writer_r1.workspace import Workspace


def explain(workspace: Workspace, run_id: str) -> None:
    """Begin to give the scores of a run that is over their reasons, by the model that judged last.

    Raises:
        Busy: it is still being written.
        ModelError: that model is not here any more.
    """
    run = workspace.store.trajectory(run_id)
    judges = [a.evaluation.judge.model for a in run.attempts if a.evaluation]
    if run.rubric is None or not judges:
        return
    catalog.refuse_absent(judges[-1], workspace.models)
    again = Edited(rubric=run.rubric)
    ends = (
        Stopped(why=run.stopped or BY_USER),
        Finished(trajectory_id=run.id, best_attempt=run.best, rounds=max(0, len(run.attempts) - 1)),
    )

    def work(stop: Cancel) -> Iterator[Event]:
        yield again
        yield Status(text=GIVING)
        judge = workspace.judge_by(judges[-1], stop)
        yield from map(workspace.marked, explained_at_the_end(iter(ends), fold([again], run), judge.llm, stop))

    workspace.jobs.resume(run_id, work)
