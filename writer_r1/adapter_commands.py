"""The `writer-r1` commands for what a run learned: export it, and compare it with its base.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import sys

from writer_r1.training_commands import folder_of


def export_command(args: argparse.Namespace) -> int:
    """Write what a run learned to a file or folder of one's own, and print its path."""
    import shutil

    from writer_r1.errors import WriterError
    from writer_r1.progress import Line
    from writer_r1.training import export, run_folder
    from writer_r1.training.adoption import base_of
    from writer_r1.training.best import adapter_in

    folder, line = folder_of(args.dir), Line()
    told = run_folder.record(folder)
    made, which = adapter_in(folder, args.which)
    if which == "best":
        print(f"This is the adapter that did best on what was held out: {made.parent.name}.", file=sys.stderr)
    if args.out.exists():
        raise WriterError(f"{str(args.out)!r} is there already; give a name that is free.")
    try:
        if args.to == "peft":
            shutil.copytree(made, args.out, ignore=shutil.ignore_patterns("*.gguf"))
        elif args.to == "gguf-adapter":
            export.to_gguf_adapter(made, base_of(told), args.out)
        else:
            size, needed = export.merged_bytes(base := base_of(told), args.type)
            print(f"About {size / 1e6:,.0f} MB, {needed / 1e6:,.0f} MB while it is made.", file=sys.stderr)
            tick = lambda done, total: line.show(f"merging: {done} of {total} tensors", "merging")  # noqa: E731
            export.to_gguf(made, base, args.out, args.type, tick)
    except OSError as error:
        raise WriterError(f"{str(args.out)!r} cannot be written ({error.strerror}).") from error
    finally:
        line.end()
    print(args.out)
    return 0


def compare_command(args: argparse.Namespace) -> int:
    """Let a base and an adapter write to the same held-out requests, and print which the judge finds better."""
    from writer_r1 import adapters, catalog
    from writer_r1.llm import never
    from writer_r1.progress import Line
    from writer_r1.training.compare import Sides, compared, comparison, held_out
    from writer_r1.workspace import Workspace

    workspace, line = Workspace(), Line()
    adapter = adapters.find(args.adapter, workspace.home)
    path = adapters.weights_for(adapter.name, catalog.find(args.base, workspace.models), workspace.home)
    examples, left_out = held_out(args.prompts, adapter)
    if left_out:
        print(f"Left out, because {adapter.name!r} was trained on them: {left_out}.", file=sys.stderr)
    examples = examples[: args.most]
    line.show("waiting for the model, which another job may be using", "waiting")
    try:
        with workspace.judging(args.judge or args.base, never) as judge:
            base = workspace.llm(args.base)
            sides = Sides(base, base.adapted(path, args.strength))
            tick = lambda done, total: line.show(f"writing and judging: {done} of {total} texts", "writing")  # noqa: E731
            pairs = list(compared(examples, sides, judge, seed=args.seed, max_words=args.max_words, tick=tick))
            found = comparison(pairs, adapter, strength=args.strength, judge=judge.llm.name, left_out=left_out)
    finally:
        line.end()
        workspace.close()
    if args.json:
        print(found.model_dump_json())
        return 0
    print(f"{adapter.name} against {found.base}: {found.wins} won, {found.ties} even, {found.losses} lost")
    print(f"share won {found.win_rate:.2f} (95 % {found.win_rate_lo:.2f} to {found.win_rate_hi:.2f})")
    print(f"reward {found.difference:+.3f} (95 % {found.difference_lo:+.3f} to {found.difference_hi:+.3f})")
    return 0
