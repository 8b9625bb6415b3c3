"""The `writer-r1` commands that judge: parsed arguments -> scores, or how far the judge agrees with people.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import sys

from writer_r1.commands import asked, rubric_of, said, text_of
from writer_r1.progress import Steps


def judge_command(args: argparse.Namespace) -> int:
    """Score one draft."""
    from writer_r1.batch import judge_row
    from writer_r1.workspace import Workspace

    prompt, draft = asked(args.prompt), text_of(args.draft)
    rubric = rubric_of(args.rubric, prompt)
    workspace = Workspace()
    try:
        rubric, evaluation = judge_row(workspace, prompt, draft, rubric, args.model, said)
    finally:
        workspace.close()
    if args.json:
        print(evaluation.model_dump_json())
        return 0
    for score in evaluation.scores:
        shown = "not scored" if score.value is None else f"{1 + 9 * score.value:.1f}"
        print(f"{rubric.criterion(score.criterion_id).name}: {shown}  {score.reason}")
    print("A guide, not a verdict.", file=sys.stderr)
    return 0


def judge_many_command(args: argparse.Namespace) -> int:
    """Score the rows of a file."""
    from writer_r1.batch import judge_file
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    try:
        done = judge_file(workspace, args.rows, args.out, args.model, lambda line: print(line, file=sys.stderr))
    finally:
        workspace.close()
    print(f"{done} rows scored", file=sys.stderr)
    return 0


def calibrate_command(args: argparse.Namespace) -> int:
    """Fit a judge model to people's ratings and keep the fit."""
    from contextlib import nullcontext

    from writer_r1.calibrate import calibrate, write_calibration
    from writer_r1.calibration import NO_MODEL, kept_in
    from writer_r1.embedding import embed
    from writer_r1.llm import never
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    alone = args.model == NO_MODEL
    show = Steps("reading texts")
    try:
        with nullcontext() if alone else workspace.machine():
            llm = None if alone else workspace.llm(args.model or workspace.default_model())
            name = llm.name if llm else NO_MODEL
            kept = workspace.home / "judges" / f"{name}.read.jsonl"
            found = calibrate(args.data, llm, embed, kept, show, never)
    finally:
        show.end()
        workspace.close()
    path = args.out or kept_in(workspace.home, name)
    write_calibration(path, found)
    if args.json:
        print(found.model_dump_json(include={"model", "texts", "pairs", "ordered", "margin", "data_digest"}))
        return 0
    print(f"{found.model}: {found.texts} rated texts, {found.pairs} known pairs; agreement with readers it never saw")
    for aspect in found.aspects:
        q = aspect.quality
        rivals = ", ".join(f"{name} {rival.rho:.2f}" for name, rival in q.rivals.items())
        print(f"{aspect.name:<16} {q.rho:5.2f}  [{q.low:.2f}, {q.high:.2f}]  ({rivals})")
    print(f"{'known order':<16} {found.ordered:5.2f}  smallest clear difference {9 * found.margin:.1f} of 10")
    print(f"kept in {path}", file=sys.stderr)
    return 0
