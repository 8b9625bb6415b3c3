"""A run of which scores lack a reason, as where it was stopped -> a job that gives them; nothing else of it changes."""

import logging
from collections.abc import Iterator

from writer_r1 import catalog
from writer_r1.errors import WriterError
from writer_r1.events import BY_USER, Edited, Event, Failed, Finished, Stopped
from writer_r1.llm import Cancel
from writer_r1.reasons import explained_run
from writer_r1.workspace import Workspace

logger = logging.getLogger(__name__)
NO_REASONS = "no reasons could be given"


def explain(workspace: Workspace, run_id: str) -> None:
    """Begin to give the scores of a run that is over their reasons, by the model that judged last.

    Raises:
        Busy: it is still being written.
        ModelError: that model is not here any more.
        WriterError: nothing of it was judged.
    """
    run = workspace.store.trajectory(run_id)
    judges = [a.evaluation.judge.model for a in run.attempts if a.evaluation]
    if run.rubric is None or not judges:
        raise WriterError("Nothing was judged in this session, so there is nothing to give reasons for.")
    catalog.refuse_absent(judges[-1], workspace.models)
    goes_on = Edited(rubric=run.rubric)
    stops = [event.why for _, event in workspace.store.events(run_id) if isinstance(event, Stopped)]
    why = [one for one in stops if not one.startswith(NO_REASONS)]
    rounds = max(0, len(run.attempts) - 1)
    finished = Finished(trajectory_id=run.id, best_attempt=run.best, rounds=rounds)

    def work(stop: Cancel) -> Iterator[Event]:
        yield goes_on  # before it waits for the model, so that the page says that it waits
        stopped = Stopped(why=why[-1] if why else BY_USER)
        try:
            if workspace.jobs.take_lock(run.id, stop):
                judge = workspace.judge_by(judges[-1], stop)
                yield from map(workspace.marked, explained_run(run, judge.llm, stop))
        except WriterError as error:  # such as a server that went away: the run is as good as it was
            logger.warning("The scores of %s are left without reasons: %s", run.id, error)
            stopped = Stopped(why=f"{NO_REASONS}: {error}")
        yield from (Failed(message=run.error),) if run.error else (stopped, finished)

    workspace.jobs.resume(run.id, work, at_once=True)
