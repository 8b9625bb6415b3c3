"""The `writer-r1 bench reflection` command: parsed arguments -> whether reflection helps, as lines, JSON and pictures.

The command imports what it needs, so that `--help` answers at once.
"""

import argparse
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError
from writer_r1.flags import command, count, model_flag, some, writable
from writer_r1.progress import Line

SHORT = {  # as arms are typed -> as they are told
    "direct": "direct",
    "blind": "blind rewrite",
    "placebo": "placebo critique",
    "mrpo": "MRPO",
    "best-of": "best of several",
    "generic": "generic critique",
    "plain-judge": "plain judge rounds",
    "no-memory": "MRPO without memory",
    "one-go": "thinking in one go",
}
ALWAYS, LIMIT, ROUNDS = "direct,blind,placebo,mrpo", 40, 2


def add(parent: Any) -> None:
    """Add the command."""
    about = (
        "Does reflection help: direct, blind rewrite, placebo critique and MRPO at equal tokens; goes on if stopped."
    )
    bench = command(parent, "reflection", bench_reflection, about)
    bench.add_argument("--prompts", type=Path, required=True, metavar="FILE", help="requests: a file or folder of rows")
    bench.add_argument("--limit", type=some, default=LIMIT, metavar="N", help=f"only the first N (default {LIMIT})")
    bench.add_argument("--arms", default=ALWAYS, metavar="A,B", help=f"of {', '.join(SHORT)} (default {ALWAYS})")
    bench.add_argument("--rounds", type=count, default=ROUNDS, metavar="N", help=f"of MRPO at most (default {ROUNDS})")
    bench.add_argument("--judge", metavar="M", help="another model to judge with in the loop")
    bench.add_argument("--second", metavar="M", help="a judge that the loop does not see, for the result alone")
    bench.add_argument("--seed", type=count, default=0, metavar="N", help="seed of the models' choices (default 0)")
    bench.add_argument(
        "--out", type=Path, metavar="DIR", help="where rows, result and figures go (default: bench in your home)"
    )
    bench.add_argument("--page", type=Path, metavar="FILE", help="a Markdown page whose results are written anew")
    model_flag(bench)


def arms_of(said: str) -> list[str]:
    """Return the arms that were typed, as they are told.

    Raises:
        WriterError: there is no such arm, or one needs the loop beside it.
    """
    named = [word.strip() for word in said.split(",") if word.strip()]
    if unknown := [name for name in named if name not in SHORT]:
        raise WriterError(f"There is no arm {unknown[0]!r}; choose of {', '.join(SHORT)}.")
    if "mrpo" not in named and set(named) - {"direct"}:
        raise WriterError("The other arms are given as many tokens as MRPO spends; add mrpo to --arms.")
    return [SHORT[name] for name in SHORT if name in named]


def bench_reflection(args: argparse.Namespace) -> int:
    """Compare the arms; what was made before a stop is not made again, and what came out so far is written."""
    from writer_r1.lines import Kept
    from writer_r1.llm import never
    from writer_r1.reflection_bench import Bench, compare
    from writer_r1.reflection_page import marked
    from writer_r1.reflection_result import table
    from writer_r1.training.data import read_prompts
    from writer_r1.workspace import Workspace

    arms, read, line = arms_of(args.arms), read_prompts(args.prompts), Line()
    examples, more = read.examples[: args.limit], "" if arms == arms_of(ALWAYS) else "_more"
    for row in read.dropped:
        print(row.said, file=sys.stderr)
    if args.page:
        marked(args.page, more)  # now, and not after minutes of work
    workspace, found = Workspace(), dict[str, Any]()
    out = args.out or workspace.home / "bench"

    def say(doing: str, done: int, total: int, left_s: float | None) -> None:
        line.show(f"{doing}: {done} of {total}{_left(left_s)}", doing)

    try:
        model = workspace.name_of(args.model or workspace.writer)
        judge = workspace.name_of(args.judge or args.model or workspace.judge)
        second = workspace.name_of(args.second) if args.second else None
        if second == judge:
            raise WriterError(f"{second} judges in the loop; the second judge has to be another model.")
        kept = Kept(_rows(out, model))
        bench = Bench(workspace, examples, arms, model, judge, second, args.rounds, args.seed, kept)
        for found in compare(bench, say, never):
            _write(found, out, args.page, more)
    except KeyboardInterrupt:
        line.end()
        told = f"; the result of the first {found['requests']} is in {out}" if found else ""
        print(f"Stopped; what was made is kept: run it again to go on{told}.", file=sys.stderr)
        return 1
    finally:
        line.end()
        workspace.close()
    print("\n".join(table(found)))
    print(f"kept in {out}", file=sys.stderr)
    print("RESULT " + json.dumps(found))
    return 0


def _rows(out: Path, model: str) -> Path:
    """Return the file of rows of a model, which can be written: that is found out before anything is made."""
    return writable(out / f"reflection.{re.sub(r'[^a-zA-Z0-9._-]+', '_', model)}.jsonl")


def _left(left_s: float | None) -> str:
    if not left_s:
        return ""
    minutes = math.ceil(left_s / 60)
    return f", about {minutes // 60} h {minutes % 60} min left" if minutes >= 60 else f", about {minutes} min left"


def _write(found: dict[str, Any], out: Path, page: Path | None, more: str) -> None:
    """Write the result and its figures, and into the page if there is one, under names that end in `more`."""
    from writer_r1.raster import png
    from writer_r1.reflection_page import beside, put, section
    from writer_r1.reflection_result import pictures
    from writer_r1.whole_file import write_whole

    drawn = pictures(found)
    try:
        for name, picture in drawn.items():
            write_whole(out / f"{name}{more}.svg", picture.encode())
            write_whole(out / f"{name}{more}.png", png(picture))
        write_whole(out / f"reflection_arms{more}.json", (json.dumps(found, indent=1) + "\n").encode())
    except OSError as error:
        raise WriterError(
            f"The folder {str(out)!r} cannot be written ({error.strerror}); name another --out."
        ) from error
    if page:
        put(page, section(found, beside(page, out, drawn, more)), more)
