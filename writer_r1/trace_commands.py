"""The `writer-r1` commands that make thoughts to train on: their flags, and what each does.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from writer_r1.errors import WriterError
from writer_r1.flags import command, count, json_flag, model_flag, share, some
from writer_r1.progress import Line
from writer_r1.row_files import Say

if TYPE_CHECKING:
    from writer_r1.difficulty import Requests
    from writer_r1.training.data import Example
    from writer_r1.workspace import Workspace

LEAST, WORDS, ROUNDS = 0.5, 900, 3
DRAFTS, LOW, HIGH = 8, 0.3, 0.85
BAR = 30  # characters of the longest bar


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
    synth.add_argument("--limit", type=some, metavar="N", help="only the first N requests, or runs of the library")
    synth.add_argument("--rounds", type=count, metavar="N", help=f"revisions at most (default {ROUNDS})")
    synth.add_argument("--judge", metavar="M", help="another model to judge with")
    synth.add_argument("--seed", type=count, metavar="N", help="seed of the models' choices (default 0)")
    least = f"reward of the piece at least, from 0 to 1 (default {LEAST:g})"
    synth.add_argument("--least", type=share, default=LEAST, metavar="X", help=least)
    synth.add_argument(
        "--words", type=some, default=WORDS, metavar="N", help=f"longest thought (default {WORDS} words)"
    )
    model_flag(synth)
    json_flag(synth)
    _add_difficulty(parent)


def _add_difficulty(parent: Any) -> None:
    about = "Keep the requests that are neither too easy nor too hard for a model; goes on if stopped."
    choose = command(parent, "difficulty", difficulty_command, about)
    choose.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help="requests: a file or folder of rows"
    )
    choose.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="JSON lines; what is dropped lies beside it"
    )
    choose.add_argument("--drafts", type=some, default=DRAFTS, metavar="N", help=f"of each request (default {DRAFTS})")
    choose.add_argument("--low", type=share, default=LOW, metavar="X", help=f"mean reward at least (default {LOW:g})")
    choose.add_argument("--high", type=share, default=HIGH, metavar="X", help=f"mean reward at most (default {HIGH:g})")
    noise = "spread of the rewards that is not enough (default: the judge's own, by its ranges)"
    choose.add_argument("--noise", type=share, metavar="X", help=noise)
    choose.add_argument("--limit", type=some, metavar="N", help="only the first N requests")
    choose.add_argument("--adapter", default="", metavar="NAME", help="an adapter that the model wears while it drafts")
    choose.add_argument("--judge", metavar="M", help="another model to judge with")
    choose.add_argument("--seed", type=count, default=0, metavar="N", help="seed of the drafts (default 0)")
    model_flag(choose)
    json_flag(choose)


def synth_command(args: argparse.Namespace) -> int:
    """Make thoughts of requests or of the library, or say what was made; what is there is not made again."""
    from writer_r1.synthesis import Outcomes, read_outcomes

    if args.report:
        return _say(read_outcomes(args.out), args.json)
    if args.from_history:
        _refuse_models(args)
    outcomes, left_out = Outcomes(args.out), Counter[str]()
    return _followed(
        lambda say: _make(args, outcomes, left_out, say),
        lambda: _say(outcomes.summary() | {"left_out": left_out}, args.json),
    )


def _refuse_models(args: argparse.Namespace) -> None:
    given = [f"--{name}" for name in ("rounds", "seed", "judge", "model") if getattr(args, name) is not None]
    if given:
        raise WriterError(f"Leave out {' and '.join(given)}: --from-history takes what was written and asks no model.")


def _followed(make: Callable[[Say], object], say: Callable[[], int]) -> int:
    """Do long work with a line that says how far it is; a stop is a sentence, since what was made is kept."""
    line = Line()

    def show(done: int, total: int, left_s: float | None, doing: str) -> None:
        about = f"{left_s:.0f} s" if left_s and left_s < 90 else f"{(left_s or 0) / 60:.0f} min"
        left = f", about {about} left" if left_s else ""
        line.show(f"{done} of {total} done{left}: {doing}", f"{done} {doing}" if sys.stderr.isatty() else str(done))

    try:
        make(show)
    except KeyboardInterrupt:
        line.end()
        print("Stopped; what was made is kept: run it again to go on.", file=sys.stderr)
        return 1
    finally:
        line.end()
    return say()


def _make(args: argparse.Namespace, outcomes: Any, left_out: Counter[str], say: Say) -> None:
    from writer_r1.llm import never
    from writer_r1.synthesis import Wish, from_history, synthesise
    from writer_r1.thinking import Limits
    from writer_r1.workspace import Workspace

    workspace, limits = Workspace(), Limits(args.least, args.words)
    try:
        if args.from_history:
            from_history(workspace.store, outcomes, limits, workspace.similarity, say, never, args.limit)
            return
        rounds = ROUNDS if args.rounds is None else args.rounds
        wish = Wish(*_models(args, workspace), rounds, args.seed or 0, limits)
        synthesise(workspace, _requests(args, left_out), outcomes, wish, say, never)
    finally:
        workspace.close()


def _requests(args: argparse.Namespace, left_out: Counter[str]) -> Sequence["Example"]:
    """Return the requests that were asked for; rows that are none are said, and counted by their reasons."""
    from writer_r1.training.data import read_prompts

    read = read_prompts(args.prompts)
    for row in read.dropped:
        print(row.said, file=sys.stderr)
        left_out[row.kind] += 1
    return read.examples[: args.limit]


def _models(args: argparse.Namespace, workspace: "Workspace") -> tuple[str, str]:
    """Return who writes and who judges."""
    writer = workspace.name_of(args.model or workspace.writer)
    return writer, workspace.name_of(args.judge or args.model or workspace.judge)


def difficulty_command(args: argparse.Namespace) -> int:
    """Keep the requests whose drafts have something to teach; what was tried is not tried again, but parted anew."""
    from writer_r1.difficulty import Requests, summary

    files, left_out = Requests(args.out), Counter[str]()

    def say() -> int:
        found = summary(files) | {"left_out": left_out}
        print(json.dumps(found, ensure_ascii=False) if args.json else "\n".join(_bars(found)))
        return 0

    return _followed(lambda show: _choose(args, files, left_out, show), say)


def _choose(args: argparse.Namespace, files: "Requests", left_out: Counter[str], say: Say) -> None:
    from writer_r1 import adapters
    from writer_r1.difficulty import Limits, Wish, choose, part_anew, refuse_others
    from writer_r1.llm import never
    from writer_r1.workspace import Workspace

    if args.low > args.high:
        raise WriterError(f"No mean is at least {args.low:g} and at most {args.high:g}; choose a lower --low.")
    if args.drafts < 2:
        raise WriterError("One draft has no spread; ask for two at least with --drafts.")
    workspace = Workspace()
    try:
        policy, judge = _models(args, workspace)
        worn = adapters.worn_by(policy, args.adapter, workspace.models, workspace.home)
        wish = Wish(policy, judge, args.drafts, args.seed, Limits(args.low, args.high, args.noise), worn, args.adapter)
        refuse_others(files, wish)
        if said := part_anew(files, wish.limits):
            print(said, file=sys.stderr)
        choose(workspace, _requests(args, left_out), files, wish, say, never)
    finally:
        workspace.close()


def _bars(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['kept']} requests kept, {sum(found['dropped'].values())} dropped"
    yield from _reasons(found)
    bins, kept = found["histogram"], found["kept_histogram"]
    yield "mean reward of a request's drafts (# kept, - dropped)"
    for k, (all_, stays) in enumerate(zip(bins, kept, strict=True)):
        longest = max(1, *bins)
        marks = ["#" * round(BAR * stays / longest), "-" * round(BAR * (all_ - stays) / longest)]
        yield f"{k / len(bins):.1f} to {(k + 1) / len(bins):.1f} {all_:>5} {''.join(marks)}".rstrip()


def _reasons(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield why requests were dropped, and why rows of the file were none."""
    left_out = found.get("left_out", {})
    head = [f"{sum(left_out.values())} left out: no requests, or there twice"] if left_out else []
    dropped, others = ([f"{many:>6} {why}" for why, many in rows.items()] for rows in (found["dropped"], left_out))
    yield from (*dropped, *head, *others)


def _say(found: Mapping[str, Any], as_json: bool) -> int:
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(_told(found)))
    return 0


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    from writer_r1.synthesis import room_for
    from writer_r1.training.config import WHOLE_THOUGHT
    from writer_r1.usefulness import ANCHORS, LABELS

    yield f"{found['traces']} thoughts, {sum(found['dropped'].values())} dropped"
    yield from _reasons(found)
    if found["traces"]:
        room = room_for(found["longest_words"])
        asked = WHOLE_THOUGHT["prompt_tokens"]
        yield f"the longest has {found['longest_words']} words: train with text_tokens of about {room}"
        yield f"and prompt_tokens of {asked} in --config, or what is longer is left out"
    if not found["reflections"]:
        return
    yield f"{found['reflections']} reflections were tried, {found['kept']} kept"
    for label in LABELS:
        told = f"  (R2-Write, at second hand: about {ANCHORS[label]:.0%})" if label in ANCHORS else ""
        yield f"{found[label]:>6.0%} {label}{told}"
