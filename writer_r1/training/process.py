"""A run folder and its loop -> a process that always says how it ended.

Whatever happens is told in the folder by one sentence and a kind, since nobody may be looking when it happens: too
little memory, data that cannot be used, a full disk, a model that cannot be trained. A bug keeps its traceback.
"""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from writer_r1.errors import Busy, ModelError, TrainingError, WriterError
from writer_r1.training import run_folder
from writer_r1.training.config import Config
from writer_r1.training.run_folder import Exit, Failure

NO_MEMORY = (
    "There was too little memory for this run; start it again with smaller sizes (halve the rows in one pass, the "
    "length of the texts or the size of a group). What was learned up to the newest checkpoint is kept."
)
BEFORE_ANY = "Stopped before the first update; there was nothing to save yet."


class Stopped(Exception):
    """Somebody asked the run to end."""

    def __init__(self, how: Literal["save", "discard"]) -> None:
        super().__init__(how)
        self.how = how


def environment(config: Config) -> dict[str, str]:
    """Return the variables that a training process needs beside its parent's; most are read when torch loads."""
    return {
        "OMP_NUM_THREADS": str(config.threads),
        "OMP_WAIT_POLICY": "passive",  # spinning threads make small models many times slower beside other work
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",  # bars of a loading library would fill the log
    }


def run(folder: Path, train: Callable[[Path, Config], Exit]) -> int:
    """Train in this folder until the end, a stop or a failure; return the exit code of the process."""
    main = os.environ.get("RANK", "0") == "0"  # of processes that train together, one holds the folder
    try:
        with run_folder.alive(folder) if main else nullcontext():
            found = _ended(folder, train)
            if main:
                run_folder.end(folder, found)
    except (Busy, TrainingError) as error:  # the folder itself cannot be had
        print(error, file=sys.stderr)
        return 1
    print(found.sentence, file=sys.stderr if found.outcome == "failed" else sys.stdout, flush=True)
    return 1 if found.outcome == "failed" else 0


def _ended(folder: Path, train: Callable[[Path, Config], Exit]) -> Exit:
    try:
        config = run_folder.config_of(folder)
        _use_threads(config.threads)
        run_folder.set_state(folder, "preparing")
        run_folder.beat(folder, "preparing")
        return train(folder, config)
    except Stopped as stopped:  # the loops save what they learned themselves
        kept, saved = run_folder.newest_step(folder), stopped.how == "save"
        if not saved:
            run_folder.throw_away(folder)
        became = f"what it learned up to update {kept} is kept" if saved else "what was learned is thrown away"
        said = BEFORE_ANY if kept is None else f"Stopped before it went on; {became}."
        return Exit(outcome="stopped" if saved else "discarded", sentence=said)
    except TrainingError as error:
        return _failed(str(error), error.kind)  # type: ignore[arg-type]
    except WriterError as error:
        return _failed(str(error), "model" if isinstance(error, ModelError) else "data")
    except MemoryError:
        return _failed(NO_MEMORY, "memory")
    except Exception as error:
        # torch says it in its own words: "can't allocate memory" on a CPU, "out of memory" on an accelerator, and where
        # oneDNN has no room for what it needs to multiply, "could not create a primitive"
        said = str(error).lower()
        if isinstance(error, RuntimeError) and ("memory" in said or "could not create a primitive" in said):
            return _failed(NO_MEMORY, "memory")
        traceback.print_exc()
        return _failed(f"The training process met a fault of ours ({error!r}); its log says where.", "bug")


def _failed(sentence: str, kind: Failure) -> Exit:
    return Exit(outcome="failed", sentence=sentence, kind=kind)


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)
    print(f"{count} thread{'s' if count > 1 else ''}; torch {torch.__version__}", flush=True)


def check_stop(folder: Path) -> None:
    """Raise Stopped where somebody asked the run to end."""
    if how := run_folder.stop_asked(folder):
        raise Stopped(how)
