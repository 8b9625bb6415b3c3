"""What the writer wants to train, as far as it is chosen -> its data, its settings, and the run that is begun.

A plan is kept in the home while it is made, so that a reload, another browser or a restarted studio finds it again.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from writer_r1 import places
from writer_r1.adapters import adapters
from writer_r1.errors import TrainingError, WriterError
from writer_r1.store import Store
from writer_r1.training import job
from writer_r1.training.config import Config, Kind, Preset, configured
from writer_r1.training.data import Example, Read, read, read_prompts
from writer_r1.training.own_work import PIECES, Work, own
from writer_r1.training.starts import start_at
from writer_r1.trajectory import Noun, name_key
from writer_r1.whole_file import write_whole

FILE = "training_plan.json"
MADE = "material"  # the folder of a home with what was made there to train on, which may grow at any time
NAME = re.compile(r"[^\W_][\w. -]{0,58}")  # of a folder, on every system
USUAL_NAME: dict[Kind, str] = {"sft": "my-style", "mrpo": "my-criteria"}
FEWEST_OWN = "Your library holds no piece with a brief and a text of eight words yet; write one, or use the sample set."
NO_WORK = "Tick at least one kind of your own work: rounds you took over, rounds that you changed, or your own words."

Source = Literal["own", "file", "sample"]


class Plan(Noun):
    """A run as it is being chosen. `numbers` are settings in place of the preset's; `name` may be left empty."""

    goal: Kind = "sft"
    source: Source = "sample"
    path: str = Field(default="", max_length=4096)  # of a file or folder, where that is the source
    works: tuple[Work, ...] = PIECES  # which kinds of own work, where that is the source
    base: str = Field(default="starter", max_length=4096)
    preset: Preset = "quick"
    name: str = Field(default="", max_length=200)
    adapter: str | None = Field(default=None, max_length=4096)  # a folder with an adapter to go on from
    numbers: dict[str, Any] = {}

    @property
    def practised(self) -> str:
        """What is practised (`Config.thoughts`); an empty string where texts are learned from."""
        return str(self.numbers.get("thoughts", "off")) if self.goal == "mrpo" else ""


def read_plan(home: Path) -> Plan:
    """Return the plan kept in a home; a new one where there is none, or none that can be understood."""
    try:
        return Plan.model_validate_json((home / FILE).read_bytes())
    except (OSError, ValidationError):
        return Plan()


def keep_plan(home: Path, plan: Plan) -> None:
    """Keep a plan, the old one or this one whole.

    Raises:
        TrainingError: it cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        write_whole(home / FILE, plan.model_dump_json(indent=1).encode())
    except OSError as error:
        raise TrainingError(f"The plan cannot be kept in {str(home)!r} ({error.strerror}).", "disk") from error


def sample_set(goal: Kind) -> Path:
    """Return the file of pieces, or of requests, that were written for this project."""
    return places.data("assets/sample_pieces.jsonl" if goal == "sft" else "assets/sample_prompts.jsonl")


def data_of(plan: Plan, store: Store) -> Read:
    """Return what the plan would be trained on.

    Raises:
        WriterError: nothing is chosen, it cannot be read, or nothing in it can be used.
    """
    if plan.source == "own":
        return own_data(plan, store)
    if plan.source == "file" and not plan.path.strip():
        raise WriterError("Type or paste the path of a file or folder on this machine.")
    path = sample_set(plan.goal) if plan.source == "sample" else path_of(plan.path)
    return read(path) if plan.goal == "sft" else read_prompts(path)


def own_data(plan: Plan, store: Store) -> Read:
    """Return the writer's own work of the kinds that are chosen; of a practice its requests, each once.

    Raises:
        WriterError: no kind is chosen, or nothing of it can be used.
    """
    works = [work for work in plan.works if plan.goal == "sft" or work in PIECES]
    if not works:
        raise WriterError(NO_WORK)
    found = own(store, works)
    if not found.examples:
        many = len(found.dropped)
        why = f" {many} left out, the first because of this: {found.dropped[0].reason}." if many else ""
        raise WriterError(FEWEST_OWN + why)
    if plan.goal == "sft":
        return found
    first = dict[str, Example]()
    for example in found.examples:
        first.setdefault(name_key(example.prompt), example)
    return found._replace(examples=tuple(first.values()))


def path_of(said: str) -> Path:
    """Return a path as a person pastes it: perhaps in quotes, perhaps from the home folder on."""
    return Path(said.strip().strip("\"'")).expanduser().absolute()


def name_of(plan: Plan, home: Path) -> str:
    """Return the run's name: the one chosen, or else the usual one with the first number that is free.

    Raises:
        TrainingError: it is taken, or cannot be the name of a folder.
    """
    runs, kept = job.runs_in(home), {a.name.casefold() for a in adapters(home)}
    if not (name := plan.name.strip()):
        usual = USUAL_NAME[plan.goal]
        names = [usual, *(f"{usual}-{n}" for n in range(2, 10_000))]
        return next(name for name in names if not (runs / name).exists() and name not in kept)
    if not NAME.fullmatch(name) or name.endswith((".", " ")):
        raise TrainingError(
            f"{name[:60]!r} cannot be a name; use letters, digits, dots, spaces and dashes, 59 at most.", "settings"
        )
    if (runs / name).exists() or name.casefold() in kept:
        whose = "run" if (runs / name).exists() else "adapter"
        raise TrainingError(f"The name {name!r} is taken by another {whose}; choose another name.", "settings")
    return name


def config_of(plan: Plan, home: Path, data: str | None = None) -> Config:
    """Return the settings of the run that is planned; `data` is the file its rows were copied to.

    Raises:
        TrainingError: its name or a number cannot be used.
    """
    named = {"own": "your own pieces", "sample": str(sample_set(plan.goal)), "file": str(path_of(plan.path))}
    base = str(path_of(plan.base)) if os.sep in plan.base else plan.base
    chosen: dict[str, Any] = {"name": name_of(plan, home), "base": base, "data": data or named[plan.source]}
    return configured(plan.goal, preset=plan.preset, adapter=plan.adapter, **{**plan.numbers, **chosen})


def plan_of(config: Config) -> Plan:
    """Return the plan that leads to these settings again, under a name still to be found."""
    same: dict[str, Any] = {"preset": config.preset, "thoughts": config.thoughts}
    usual = configured(config.kind, name="x", base="x", data="x", **same).model_dump() | {"thoughts": "off"}
    told = ("kind", "name", "base", "data", "preset", "adapter")
    numbers = {k: v for k, v in config.model_dump().items() if k not in told and v != usual[k]}
    source: Source = "sample" if config.data == str(sample_set(config.kind)) else "file"
    return Plan(
        goal=config.kind,
        source=source,
        path="" if source == "sample" else config.data,
        base=config.base,
        preset=config.preset,
        adapter=config.adapter,
        numbers=numbers,
    )


def is_made(plan: Plan, home: Path) -> bool:
    """Return whether a plan's data were made in this home to train on, or copied there for another run."""
    kept = ((home / MADE).absolute(), job.runs_in(home).absolute())
    return plan.source == "file" and any(path_of(plan.path).is_relative_to(folder) for folder in kept)


def begin(plan: Plan, home: Path, store: Store) -> Path:
    """Return the folder of the run that was begun; what may change is copied beside it, as it is now.

    That is the writer's own pieces, what was made in this home to train on, and what was copied for another run.

    Raises:
        WriterError: it cannot be begun; nothing was left behind.
    """
    folder = job.runs_in(home) / name_of(plan, home)
    if plan.adapter:
        start_at(plan.adapter, home)
    if plan.source != "own" and not is_made(plan, home):
        data_of(plan, store)
        config = config_of(plan, home)
        job.start(folder, config, store.lessons() if config.memory_share else ())
        return folder
    copy = job.copied_data(folder)
    write_rows(copy, data_of(plan, store).examples)
    try:
        config = config_of(plan, home, str(copy))
        job.start(folder, config, store.lessons() if config.memory_share else ())
    except WriterError:
        if not folder.exists():
            copy.unlink(missing_ok=True)
        raise
    return folder


def write_rows(path: Path, examples: tuple[Example, ...]) -> None:
    """Write examples as JSON lines that `data.read` reads again.

    Raises:
        TrainingError: the file cannot be written.
    """
    rows = [
        {"id": e.id, "prompt": e.prompt, "text": e.text}
        | ({"rubric": e.rubric.model_dump(mode="json", by_alias=True)} if e.rubric else {})
        for e in examples
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    except OSError as error:
        raise TrainingError(f"The rows cannot be written to {str(path)!r} ({error.strerror}).", "disk") from error
