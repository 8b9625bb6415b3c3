"""The `writer-r1` command that writes prompts and rubrics for trainers of other makers: its flags, and what it does.

It imports what it needs, so that `--help` answers at once.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from writer_r1.flags import command


def add(parent: Any) -> None:
    """Add the command."""
    about = "Write prompts, frozen rubrics and a judge as an environment for verifiers (prime-rl, verl)."
    export = command(parent, "export-env", export_env, about)
    export.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help="requests: a file or folder of rows"
    )
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder, named as the environment")
    export.add_argument(
        "--judge", metavar="M", help="a model that has a say too, for half of the reward (default: none)"
    )


def export_env(args: argparse.Namespace) -> int:
    """Write the environment and say where it is; rows that were left out are told."""
    from writer_r1.training.data import read_prompts
    from writer_r1.training.taskset import write_taskset

    read = read_prompts(args.prompts)
    for row in read.dropped:
        print(row.said, file=sys.stderr)
    folder = write_taskset(read.examples, args.out.absolute(), args.judge)
    print(f"{len(read.examples)} requests in {folder}; its README.md says how it is installed.")
    return 0
