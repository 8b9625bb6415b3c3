"""The `writer-r1` commands that judge: parsed arguments -> scores, or how far the judge agrees with people.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from writer_r1.commands import asked, rubric_of, said, text_of, trusted
from writer_r1.errors import WriterError
from writer_r1.flags import writable
from writer_r1.progress import Line


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
    judge = evaluation.judge
    print(f"A guide, not a verdict ({judge.model}, {trusted(judge)}).", file=sys.stderr)
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

    from writer_r1.calibrate import calibrate, read_at, write_calibration
    from writer_r1.calibration import NO_MODEL, kept_in
    from writer_r1.embedding import embed
    from writer_r1.llm import never
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    alone = args.model == NO_MODEL
    line, began = Line(), time.monotonic()

    def show(done: int, total: int) -> None:
        left = (time.monotonic() - began) / done * (total - done)
        line.show(f"reading: {done} of {total} texts, about {left:.0f} s left", "done" if done == total else "reading")

    try:
        with nullcontext() if alone else workspace.machine():
            llm = None if alone else workspace.llm(args.model or workspace.judge)
            name = llm.name if llm else NO_MODEL
            found = calibrate(args.data, llm, embed, read_at(name, workspace.home), show, never)
    finally:
        line.end()
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


def qualify_command(args: argparse.Namespace) -> int:
    """Measure how far a judge can be trusted; what was read before a stop is not read again."""
    from writer_r1 import catalog
    from writer_r1.llm import never
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
        catalog.refuse_absent(model, workspace.models)
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


def bench_criteria(args: argparse.Namespace) -> int:
    """Compare whose criteria agree best with readers; what was made before a stop is not made again."""
    import json

    from writer_r1.calibrate import Reader, gather, read_at
    from writer_r1.criteria_bench import Bench, compare, picture, table
    from writer_r1.embedding import embed
    from writer_r1.lines import Kept
    from writer_r1.llm import never
    from writer_r1.workspace import Workspace

    workspace, line = Workspace(), Line()
    name = workspace.name_of(args.model or workspace.judge)
    out = args.out or workspace.home / "bench"
    writable(out / "criteria_arms.json")

    def say(doing: str, done: int, total: int) -> None:
        line.show(f"{doing}: {done} of {total}", f"{doing} {done == total}")

    try:
        with workspace.judging(name, never) as judge:
            reader = Reader(judge.llm, embed, read_at(name, workspace.home))
            found = gather(args.data, reader, lambda done, total: say("reading", done, total), never)
            kept = Kept(workspace.home / "bench" / f"criteria.{name}.jsonl")
            result = compare(Bench(found, args.data, args.requests, args.seed, judge, kept), say)
    finally:
        line.end()
        workspace.close()
    (out / "criteria_arms.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (out / "criteria_arms.svg").write_text(picture(result), "utf-8")
    print("\n".join(table(result)))
    print(f"kept in {out}", file=sys.stderr)
    print("RESULT " + json.dumps(result))
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
                    held = row.rho_given_length
                    told = "" if held is None else f", {held:.2f} with length held fixed"
                    yield f"{of + ' ' + name:<32} {_share(row.rho, row.lo, row.hi)} rho with readers{told}"
                case Accuracy():
                    yield f"{of + ' ' + name:<32} {_share(row.accuracy, row.lo, row.hi)} of pairs as readers"
                case _:
                    yield f"{of + ' ' + name:<32} {row:5.2f}"
    if found.position_consistency is not None:
        yield f"{'two wordings of the question':<32} {found.position_consistency:5.2f} of steps ordered alike"
    if found.entropy is not None:
        yield f"{'entropy of the scores':<32} {found.entropy:5.2f} bits"
    yield f"{'scores that are missing':<32} {found.unscored:5.2f} of all"
    if found.failing:
        yield f"Below the pass mark: {', '.join(found.failing)}"


def _share(value: float | None, lo: float | None, hi: float | None) -> str:
    return "not known" if value is None or lo is None or hi is None else f"{value:5.2f} ({lo:.2f} to {hi:.2f})"
