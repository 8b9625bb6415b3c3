"""The `writer-r1 train` and `runs` commands: training runs begun, listed, watched, stopped and gone on with.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from writer_r1.flags import count, json_flag

if TYPE_CHECKING:
    from writer_r1.training.config import Config
    from writer_r1.trajectory import Lesson

STOP_POLL_S = 0.5
LAUNCHED = ("--config_file", "docs/scale/ddp.yaml", "--num_processes", "2")


def train_flags(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add the flags of `train sft` or `train mrpo`."""
    parser.set_defaults(kind=kind, rollouts=None, servers=None, thoughts=None)
    parser.add_argument("--run", dest="run_dir", type=Path, required=True, metavar="DIR", help="a new folder for it")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="a file or folder of rows")
    parser.add_argument("--base", required=True, metavar="M", help="a catalog name, a GGUF or a folder of safetensors")
    parser.add_argument("--steps", type=count, metavar="N", help="updates; default: the preset's")
    parser.add_argument("--preset", choices=("quick", "standard", "thorough"), help="sizes (default quick)")
    parser.add_argument("--adapter", metavar="RUN", help="a run, or a folder with an adapter, to go on from")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (JSON) in place of the preset's")
    if kind == "mrpo":
        what = "practise whole thoughts, and what pays them (default: pieces)"
        parser.add_argument("--thoughts", choices=("outcome", "credits", "dense", "ppo"), help=what)
        who = "who writes the texts to learn from (default torch)"
        parser.add_argument("--rollouts", choices=("torch", "llamacpp", "servers"), help=who)
        url = "a vLLM server that does, for `--rollouts servers`; may be given several times"
        parser.add_argument("--server", dest="servers", action="append", metavar="URL", help=url)
    parser.add_argument("--prepare", action="store_true", help="only make its folder, for `accelerate launch`")
    json_flag(parser)


def train(args: argparse.Namespace) -> int:
    """Train until the end and tell how far it is; Ctrl-C stops it and saves what was learned.

    Where the run is only to be prepared, print what begins it in several processes.
    """
    from writer_r1.errors import TrainingError
    from writer_r1.progress import Line
    from writer_r1.training import job

    folder, line = args.run_dir.absolute(), Line()
    config = _config(args)
    lessons = _lessons() if config.memory_share else ()
    if args.prepare:
        job.prepare(folder, config, lessons)
        command = shlex.join(["accelerate", "launch", *LAUNCHED, *job.PROGRAM[config.kind], str(folder)])
        print(json.dumps({"run": str(folder), "command": command}) if args.json else command)
        return 0
    job.start(folder, config, lessons)
    try:
        while not (found := job.status(folder)).over or job.is_alive(folder):
            try:
                far = f" {found.done} of {found.total}" if found.total else ""
                line.show(f"{found.state}{far}" + (f", {found.note}" if found.note else ""), found.state)
                time.sleep(STOP_POLL_S)
            except KeyboardInterrupt:
                job.stop(folder)
    finally:
        line.end()
    if found.state == "failed":
        raise TrainingError(found.sentence, found.failure or "bug")
    return _say(folder, args.json)


def _config(args: argparse.Namespace) -> "Config":
    from writer_r1.training.config import configured, read_config

    settings: dict[str, Any] = read_config(args.config) if args.config else {}
    base = Path(args.base).expanduser()
    settings |= {"base": str(base.resolve()) if base.exists() else args.base, "data": str(args.data.resolve())}
    chosen = ("steps", "preset", "rollouts", "servers", "thoughts")
    settings |= {name: value for name in chosen if (value := getattr(args, name))}
    settings |= {"adapter": str(_adapter(args.adapter))} if args.adapter else {}
    settings.pop("kind", None)
    config = configured(args.kind, **{"name": args.run_dir.absolute().name, **settings})
    _warn_of_servers(config)
    return config


def _adapter(said: str) -> Path:
    """Return the folder of an adapter that was given by it, or by the run that made it."""
    from writer_r1.training.best import adapter_in
    from writer_r1.weights_folder import ADAPTER_FILE

    folder = folder_of(said)
    return folder if (folder / ADAPTER_FILE).is_file() else adapter_in(folder)[0]


def _warn_of_servers(config: "Config") -> None:
    """Tell before a run begins where its requests and texts go; what is no address is refused."""
    from writer_r1.servers import server_of

    for url in config.servers:
        if leaving := server_of(url, config.base).leaving:
            print(leaving, file=sys.stderr)


def _lessons() -> "list[Lesson]":
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    try:
        return workspace.store.lessons()
    finally:
        workspace.close()


def runs_list(args: argparse.Namespace) -> int:
    """Print every training run of the home, the newest first."""
    from writer_r1 import places
    from writer_r1.training.report import as_json, reports

    rows = [as_json(found) for found in reports(places.home())]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        far = f"{row['step']} of {row['steps']}" if "steps" in row else row["sentence"]
        called = f"  “{row['title']}”" if row.get("title") else ""
        print(f"{row['name']:<24} {row.get('kind', ''):<5} {row['state']:<11} {far}{called}")
    return 0


def runs_status(args: argparse.Namespace) -> int:
    """Print how far a run is, or how it ended."""
    return _say(folder_of(args.dir), args.json)


def runs_stop(args: argparse.Namespace) -> int:
    """Ask a run to end and wait until it has; `--discard` throws away what it learned."""
    from writer_r1.progress import Line
    from writer_r1.training import job

    folder, line = folder_of(args.dir), Line()
    if args.discard:
        job.discard(folder)
        return _say(folder, args.json)
    job.stop(folder)
    began = time.monotonic()
    try:
        while not job.status(folder).over or job.is_alive(folder):
            line.show(f"Waiting for the end of a step: {time.monotonic() - began:.0f} s")
            time.sleep(STOP_POLL_S)
    finally:
        line.end()
    return _say(folder, args.json)


def runs_resume(args: argparse.Namespace) -> int:
    """Go on with a run from its newest checkpoint, in the background."""
    from writer_r1.training import job, run_folder

    folder = folder_of(args.dir)
    _warn_of_servers(run_folder.config_of(folder))
    job.resume(folder)
    return _say(folder, args.json)


def folder_of(said: str) -> Path:
    """Return the folder of a run that was given by its path, or by its name in the home."""
    from writer_r1 import places
    from writer_r1.training import job

    named = job.runs_in(places.home()) / said
    return named if not Path(said).exists() and (named / "run.json").exists() else Path(said).absolute()


def _say(folder: Path, json_wanted: bool) -> int:
    from writer_r1.training import run_folder
    from writer_r1.training.report import HEADLINE, as_json, report

    run_folder.record(folder)  # what is no run is refused in a sentence
    found = report(folder)
    if json_wanted or found.config is None:
        print(json.dumps(as_json(found), ensure_ascii=False))
        return 0
    lines = [f"{found.name}: {found.status.state}, step {found.step} of {found.config.steps}"]
    if found.left_s is not None and found.pace_s is not None:
        lines.append(f"about {found.left_s / 60:.0f} minutes left, {found.pace_s:.1f} s a step")
    if found.headline:
        lines.append(f"{HEADLINE[found.config.kind][1]}: {found.headline[0]:.3g} at first, {found.headline[1]:.3g} now")
    lines += [said for said in (found.left_out, found.status.sentence) if said]
    print("\n".join(lines))
    return 0
