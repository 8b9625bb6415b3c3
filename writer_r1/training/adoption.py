"""A training run's folder -> an adapter of the home, ready for llama.cpp: what “Try it in Write” does first."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from writer_r1 import adapters
from writer_r1.adapters import Adapter
from writer_r1.errors import TrainingError
from writer_r1.training import job, run_folder
from writer_r1.training.best import FIGURE, Which, adapter_in, best_of
from writer_r1.training.config import Config, Kind, parsed
from writer_r1.training.data import Example, read, read_prompts
from writer_r1.training.export import to_gguf_adapter
from writer_r1.trajectory import prompt_id


def adopt(folder: Path, home: Path, which: Which | None = None) -> Adapter:
    """Return the adapter of a run, kept in `home` under the run's name in the place of an earlier one of this run.

    By default it is the one that did best on what was held out, where there is one.

    Raises:
        WriterError: the run has no adapter, its base or data are gone, or another adapter has its name.
    """
    told = run_folder.record(folder)
    config = parsed(told["config"])
    made, which = adapter_in(folder, which)
    base = base_of(told)
    adapter = _manifest(folder, told, config, which)
    to_gguf_adapter(made, base)
    ours = (a for a in adapters.adapters(home) if (a.name, a.created) == (adapter.name, adapter.created))
    return adapters.register(made, adapter, home, instead=next(ours, None))  # this run's, before it went on


def adopted(folder: Path, home: Path) -> Which | None:
    """Return which of a run's adapters is kept in `home`, as somebody chose it; None where none is."""
    created = run_folder.record(folder).get("created")
    return next((a.which for a in adapters.adapters(home) if a.created == created), None)


def base_of(told: dict[str, Any]) -> Path:
    """Return the GGUF that a run was trained on, from what its `run.json` says.

    Raises:
        TrainingError: it was trained on other weights, or the file is gone.
    """
    base = Path(told["base"]["source"])
    if base.suffix.casefold() != ".gguf":
        raise TrainingError(
            f"This run was trained on {str(base)!r}, and only an adapter of a GGUF model can be used here; train one "
            "on a model of the Models page.",
            "model",
        )
    if not base.is_file():
        raise TrainingError(
            f"The base of this run is not at {str(base)!r} any more; download or move it back.", "model"
        )
    return base


def examples_of(folder: Path, side: Literal["trained_on", "held_out"]) -> list[Example]:
    """Return what a run was trained on, or what it held out.

    Raises:
        WriterError: no run is there, it has not got so far, or its data are gone.
    """
    told = run_folder.record(folder)
    config = parsed(told["config"])
    if "data" not in told:
        raise TrainingError(f"The run {folder.name!r} has not read its data yet; let it train first.", "data")
    ids = set(told["data"][side])
    rows = read(Path(config.data)) if config.kind == "sft" else read_prompts(Path(config.data))
    return [e for e in rows.examples if e.id in ids]


def run_of(adapter: Adapter, home: Path) -> Path:
    """Return the folder of the run that made an adapter.

    Raises:
        TrainingError: it is deleted.
    """
    for folder in job.folders(home):
        with suppress(TrainingError):  # of another version
            if run_folder.record(folder).get("created") == adapter.created:
                return folder
    raise TrainingError(
        f"The run that made {adapter.name!r} is deleted, and with it which requests were held out; "
        "`writer-r1 compare --prompts FILE` compares on requests of your own.",
        "data",
    )


def _manifest(folder: Path, told: dict[str, Any], config: Config, which: Which) -> Adapter:
    examples = examples_of(folder, "trained_on")
    step, metrics = _figures(folder, config.kind, which)
    return Adapter(
        name=config.name,
        kind=config.kind,
        base=told["base"]["name"],
        base_sha256=told["base"]["sha256"],
        trained_on=tuple(sorted({prompt_id(e.prompt) for e in examples})),
        pieces=len(told["data"]["trained_on"]),
        source=Path(config.data).name,
        metrics=metrics,
        judge=config.judge if config.reward == "judge" else None,
        created=told["created"],
        which=which,
        step=step,
    )


def _figures(folder: Path, kind: Kind, which: Which) -> tuple[int, dict[str, float]]:
    """Return the update that an adapter of a run is of, and how it and the start did on what was held out."""
    rows, name = run_folder.metrics(folder), f"held_out_{FIGURE[kind]}"
    found = [float(r[FIGURE[kind]]) for r in rows if r.get("split") == "held_out" and FIGURE[kind] in r]
    before = {f"{name}_before": found[0]} if len(found) > 1 else {}
    if which == "best" and (best := best_of(folder)):
        return best.step, before | {name: best.figure}
    step = max((int(r["step"]) for r in rows if r.get("split", "train") == "train"), default=0)
    return step, before | ({name: found[-1]} if found else {})
