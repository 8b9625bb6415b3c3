"""The `writer-r1` commands that measure a judge: parsed arguments -> a result on stdout, progress on stderr."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from writer_r1.errors import WriterError


def qualify_command(args: argparse.Namespace) -> int:
    """Measure how far a judge can be trusted; what was read before a stop is not read again."""
    from writer_r1 import catalog
    from writer_r1.llm import never
    from writer_r1.progress import Line
    from writer_r1.qualify import ORIGINALS, Wanted, qualify
    from writer_r1.workspace import Workspace

    if args.data and not args.data.is_dir():
        raise WriterError(f"There is no folder {str(args.data)!r}; --data names the folder of the rated sets.")
    workspace, line, seen = Workspace(), Line(), (0, 0)

    def say(done: int, total: int, left_s: float | None) -> None:
        nonlocal seen
        seen = done, total
        left = f", about {left_s:.0f} s left" if left_s else ""
        line.show(f"judging: {done} of {total} texts{left}", "done" if done == total else "judging")

    try:
        model = args.model or workspace.judge
        catalog.path_of(model, workspace.models)
        wanted = Wanted(None if args.all else ORIGINALS, args.data, args.per_set, args.seed)
        found = qualify(model, wanted, workspace, say, never)
    except KeyboardInterrupt:
        found = None
    finally:
        line.end()
        workspace.close()
    if found is None:
        done, total = seen
        print(f"Stopped after {done} of {total} texts; what was read is kept: run it again to go on.", file=sys.stderr)
        return 1
    for name, why in found.left_out.items():
        print(f"{name} was left out: {why}.", file=sys.stderr)
    print(found.model_dump_json() if args.json else "\n".join(_told(found)))
    return 0


def _told(found: Any) -> Iterator[str]:
    """Yield a result as lines for people."""
    from writer_r1.qualification import Accuracy, Agreement, sentence

    yield sentence(found)
    yield f"Trust: {found.trust} ({found.judge}, {found.texts} texts, {found.seconds / 60:.0f} minutes)"
    for name, ladder in found.ladders.items():
        yield f"{name:<32} {_share(ladder.il, ladder.lo, ladder.hi)} of steps in order"
    for name, tried in found.adversarial.items():
        yield f"{name:<32} {_share(tried.accuracy, tried.lo, tried.hi)} below the honest text"
    for of, rated in found.sets.items():
        for name, row in rated.items():
            match row:
                case Agreement():
                    yield f"{of + ' ' + name:<32} {_share(row.rho, row.lo, row.hi)} rho with readers"
                case Accuracy():
                    yield f"{of + ' ' + name:<32} {_share(row.accuracy, row.lo, row.hi)} of pairs as readers"
                case _:
                    yield f"{of + ' ' + name:<32} {row:5.2f}"
    if found.failing:
        yield f"Below the pass mark: {', '.join(found.failing)}"


def _share(value: float | None, lo: float | None, hi: float | None) -> str:
    return "not known" if value is None or lo is None or hi is None else f"{value:5.2f} ({lo:.2f} to {hi:.2f})"
