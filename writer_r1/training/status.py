"""What is seen of a training run from outside -> what it is doing, and why it ended. Pure.

The process says what it does and how it ended; where it is gone without a word, or says nothing, this decides.
"""

from typing import Literal, NamedTuple

from writer_r1.training import run_folder
from writer_r1.training.run_folder import Beat, Exit, Failure

State = Literal[
    "starting",
    "preparing",
    "training",
    "evaluating",
    "saving",
    "stopping",
    "finished",
    "stopped",
    "discarded",
    "failed",
]
ENDED: tuple[State, ...] = ("finished", "stopped", "discarded", "failed")
BEGUN = "=== begun "  # stands in the log before what each process of the run says

FIRST_SIGN_S = 60.0  # a start that gives no sign of life for so long has failed
SILENT_S = 60.0  # from which on a page says so
WAITED_S = 300.0  # for which a process that was asked to end, and is not heard of, is waited for: a step may take long
NO_SIGN = (
    "The training process gave no sign of life for {:.0f} seconds and was ended; the last lines of its log say more."
)
SILENT = "The training process had not been heard of for {:.0f} seconds and was ended; {}."
DISCARDED = "Discarded: what was learned is thrown away; the curves, samples and log are kept until you delete the run."
MEMORY = "The machine ran out of memory; {}, or begin again with smaller sizes."
FULL = "The disk is full; free some space, then {}."
CRASHED = "The training process hit a bug and ended; the last lines of its log say which. {} is safe."
ENDED_BY_OTHERS = (
    "The training process was ended from outside: most often the machine ran out of memory, or was switched off; {}."
)
SIGNS_OF: tuple[tuple[Failure, str, tuple[str, ...]], ...] = (
    ("memory", MEMORY, ("MemoryError", "can't allocate memory", "Cannot allocate memory", "out of memory")),
    ("disk", FULL, ("No space left on device", "Disk quota exceeded")),
    ("bug", CRASHED, ("Traceback (most recent call last)",)),
)


class Signs(NamedTuple):
    """What is seen of a run from outside. `lives`: its process; `since_s`: how long ago that was begun."""

    said: run_folder.State
    ended: Exit | None
    lives: bool
    beat: Beat | None
    asked: Literal["save", "discard"] | None
    since_s: float
    silent_s: float | None  # since the last sign of life
    kept: int | None  # the step of the newest checkpoint
    log: str = ""  # its end, where the process is gone without a word
    asked_s: float = 0.0  # since it was asked to end


class Status(NamedTuple):
    """What a run is doing; `done` of `total` of that, where it is known. `sentence` says how it ended."""

    state: State
    done: int = 0
    total: int = 0
    note: str = ""
    failure: Failure | None = None
    sentence: str = ""
    kept: int | None = None
    silent_s: float | None = None

    @property
    def over(self) -> bool:
        return self.state in ENDED


def state_of(signs: Signs) -> Status:
    """Return what a run with these signs is doing. Pure."""
    if signs.ended:
        outcome = signs.ended.outcome
        return Status(outcome, failure=signs.ended.kind, sentence=signs.ended.sentence, kept=signs.kept)
    if not signs.lives:
        if signs.asked == "discard":
            return Status("discarded", sentence=DISCARDED, kept=signs.kept)
        failure, sentence = diagnosed(signs.log, signs.kept)
        return Status("failed", failure=failure, sentence=sentence, kept=signs.kept)
    beat = signs.beat
    state: State = "stopping" if signs.asked else signs.said if signs.said not in ENDED else "saving"
    if beat is None:
        return Status(state if signs.asked else "starting", kept=signs.kept)
    silent = signs.silent_s if signs.silent_s is not None and signs.silent_s > SILENT_S else None
    return Status(state, beat.done, beat.total, beat.note, kept=signs.kept, silent_s=silent)


def diagnosed(log: str, kept: int | None) -> tuple[Failure, str]:
    """Return why a process is gone that did not say so itself, as far as the end of its log tells."""
    last = log.rpartition(BEGUN)[2][-2000:]
    for kind, sentence, words in SIGNS_OF:
        if any(word in last for word in words):
            return kind, sentence.format(_safe(kept) if kind == "bug" else _next(kept))
    return "killed", ENDED_BY_OTHERS.format(_next(kept))


def _safe(kept: int | None) -> str:
    return "Your data" if kept is None else f"The checkpoint of step {kept}"


def _next(kept: int | None) -> str:
    return "no checkpoint was made yet, so begin it again" if kept is None else f"resume goes on from step {kept}"


def hopeless(signs: Signs) -> str:
    """Return why the process of a run must be ended, in a sentence; an empty string where it is well. Pure."""
    if not signs.lives or signs.ended:
        return ""
    if signs.beat is None and signs.since_s > FIRST_SIGN_S:
        return NO_SIGN.format(signs.since_s)
    if signs.asked and signs.silent_s is not None and min(signs.silent_s, signs.asked_s) > WAITED_S:
        return SILENT.format(signs.silent_s, _next(signs.kept))
    return ""
