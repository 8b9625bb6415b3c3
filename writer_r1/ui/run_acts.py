"""What a button of a training run asks for -> what is done with the run, its adapter, or the form of the next one."""

import logging
import threading
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError
from writer_r1.one_go import is_thought
from writer_r1.training import job, run_folder
from writer_r1.training.adoption import adopt, adopted
from writer_r1.training.best import adapter_in
from writer_r1.training.config import Config, smaller, usual
from writer_r1.training.data import read
from writer_r1.training.deletion import delete, set_aside
from writer_r1.training.plan import Plan, keep_plan, plan_of
from writer_r1.training.run_note import keep_note
from writer_r1.ui import adapter_choice
from writer_r1.ui.notes import tell
from writer_r1.workspace import Workspace

log = logging.getLogger(__name__)


def act(workspace: Workspace, folder: Path, asked: dict[str, str]) -> Plan | None:
    """Do it, and return the plan that the form then shows, where it is another.

    Raises:
        WriterError: it cannot be done; the sentence says why.
    """
    match asked["act"]:
        case "stop":
            job.stop(folder)
        case "discard":
            run_folder.ask_stop(folder, discard=True)  # seen at once; the rest takes as long as a step may
            threading.Thread(target=_discard, args=(folder,), name=f"discard {folder.name}", daemon=True).start()
        case "resume":
            job.resume(folder)
            workspace.release()
        case "delete":
            delete(folder)
        case "aside":
            tell(f"“{folder.name}” is off the list. Its files lie in {set_aside(folder)}.")
        case "try" | "last" as which:
            adapter_choice.choose(workspace, adopt(folder, workspace.home, "last" if which == "last" else None))
            tell(f"“{folder.name}” is chosen beside Start and is used from the next session on.")
        case "note":
            keep_note(folder, asked.get("title", ""), asked.get("note", ""))
        case "blind":
            name = run_folder.config_of(folder).name
            if workspace.blind_trials.running() != name:  # its files are in use
                adopt(folder, workspace.home, adopted(folder, workspace.home))
            workspace.blind_trials.open(name)
        case "again":
            return _planned(workspace, run_folder.config_of(folder))
        case "onward":
            return _practised(workspace, folder)
        case "smaller":
            return _planned(workspace, smaller(run_folder.config_of(folder)))
    return None


def _planned(workspace: Workspace, config: Config) -> Plan:
    return _kept(workspace, plan_of(config))


def _practised(workspace: Workspace, folder: Path) -> Plan:
    """Return the plan to practise on requests what a run learned: thoughts where it learned thoughts."""
    plan = plan_of(config := run_folder.config_of(folder))
    if config.kind == "sft":
        found = read(Path(config.data)).examples
        numbers = _of_thoughts(config) if any(is_thought(e.text) for e in found) else {}
        plan = Plan(goal="mrpo", base=config.base, preset=config.preset, numbers=numbers)
    return _kept(workspace, plan.model_copy(update={"adapter": str(adapter_in(folder)[0])}))


def _of_thoughts(config: Config) -> dict[str, Any]:
    """Return the settings to practise thoughts with, which have as much room as they were learned with."""
    known = usual("mrpo", config.preset, "outcome")  # the plainest; credits keep the form as well (docs/training)
    room = {name: getattr(config, name) for name in ("prompt_tokens", "text_tokens")}
    return {"thoughts": "outcome"} | {name: tokens for name, tokens in room.items() if tokens > known[name]}


def _kept(workspace: Workspace, plan: Plan) -> Plan:
    keep_plan(workspace.home, plan)
    return plan


def _discard(folder: Path) -> None:
    try:
        job.discard(folder)
    except WriterError as error:
        log.info("not discarded: %s", error)  # it was over just before
