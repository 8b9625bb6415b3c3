"""The `writer-r1` commands that make thoughts to train on: their flags, and what each does.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from writer_r1.flags import command, count, json_flag, model_flag, share
from writer_r1.progress import Line

LEAST, WORDS, ROUNDS = 0.5, 900, 3


def add(parent: Any) -> None:
    """Add the commands."""
    synth = command(
        parent, "synth", synth_command, "Make thoughts to train on: plan, draft, reflections; goes on if stopped."
    )
    what = synth.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompts", type=Path, metavar="FILE", help="requests: a file or folder of rows")
    what.add_argument("--from-history", action="store_true", help="take the library's own rounds, without a model")
    what.add_argument("--report", action="store_true", help="only say what is in OUT")
    synth.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="JSON lines; what is dropped lies beside it"
    )
    synth.add_argument("--limit", type=count, metavar="N", help="only the first N requests")
    synth.add_argument(
        "--rounds", type=count, default=ROUNDS, metavar="N", help=f"revisions at most (default {ROUNDS})"
    )
    synth.add_argument("--judge", metavar="M", help="another model to judge with")
    synth.add_argument("--seed", type=count, default=0, metavar="N", help="seed of the models' choices (default 0)")
    least = f"reward of the piece at least, from 0 to 1 (default {LEAST:g})"
    synth.add_argument("--least", type=share, default=LEAST, metavar="X", help=least)
    synth.add_argument(
        "--words", type=count, default=WORDS, metavar="N", help=f"longest thought (default {WORDS} words)"
    )
    model_flag(synth)
    json_flag(synth)


def synth_command(args: argparse.Namespace) -> int:
    """Make thoughts of requests or of the library, or say what was made; what is there is not made again."""
    from writer_r1.synthesis import Outcomes, read_outcomes

    if args.report:
        return _say(read_outcomes(args.out), args.json)
    line = Line()

    def say(done: int, total: int, left_s: float | None, doing: str) -> None:
        left = f", about {left_s / 60:.0f} min left" if left_s else ""
        line.show(f"{done} of {total} done{left}: {doing}", f"{done} {doing}" if sys.stderr.isatty() else str(done))

    outcomes = Outcomes(args.out)
    try:
        _make(args, outcomes, say)
    except KeyboardInterrupt:
        line.end()
        print("Stopped; what was made is kept: run it again to go on.", file=sys.stderr)
        return 1
    finally:
        line.end()
    return _say(outcomes.summary(), args.json)


def _make(args: argparse.Namespace, outcomes: Any, say: Callable[[int, int, float | None, str], None]) -> None:
    from writer_r1.llm import never
    from writer_r1.synthesis import Wish, from_history, synthesise
    from writer_r1.thinking import Limits
    from writer_r1.training.data import read_prompts
    from writer_r1.workspace import Workspace

    workspace, limits = Workspace(), Limits(args.least, args.words)
    try:
        if args.from_history:
            from_history(workspace.store, outcomes, limits, workspace.similarity, say)
            return
        read = read_prompts(args.prompts)
        for row in read.dropped:
            print(f"{row.file}, line {row.line}, was left out: {row.reason}.", file=sys.stderr)
        writer = workspace.name_of(args.model or workspace.writer)
        judge = workspace.name_of(args.judge or args.model or workspace.judge)
        wish = Wish(writer, judge, args.rounds, args.seed, limits)
        synthesise(workspace, read.examples[: args.limit], outcomes, wish, say, never)
    finally:
        workspace.close()


def _say(found: Mapping[str, Any], as_json: bool) -> int:
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(_told(found)))
    return 0


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    from writer_r1.usefulness import ANCHORS, LABELS

    yield f"{found['traces']} thoughts, {sum(found['dropped'].values())} dropped"
    yield from (f"{many:>6} {why}" for why, many in found["dropped"].items())
    if not found["reflections"]:
        return
    yield f"{found['reflections']} reflections were tried, {found['kept']} kept"
    for label in LABELS:
        told = f"  (R2-Write, at second hand: about {ANCHORS[label]:.0%})" if label in ANCHORS else ""
        yield f"{found[label]:>6.0%} {label}{told}"
