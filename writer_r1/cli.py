"""`writer-r1`: the studio from a shell. Results go to stdout, progress to stderr; exit 0 done, 1 failed, 2 wrong usage.

Names and fields here are relied upon by scripts: adding is free, renaming is a breaking change.
"""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from writer_r1 import (
    __version__,
    adapter_commands,
    commands,
    hub_commands,
    judge_commands,
    piece_commands,
    reflection_commands,
    taskset_commands,
    trace_commands,
    training_commands,
    writer_commands,
)
from writer_r1.errors import WriterError
from writer_r1.flags import command as _command
from writer_r1.flags import count as _count
from writer_r1.flags import json_flag as _json_flag
from writer_r1.flags import model_flag as _model_flag
from writer_r1.flags import some as _some

_JUDGE = "the judge chosen in the settings, else the model that writes"  # the usual `--model` of what judges

EXAMPLES = """examples:
  writer-r1 models pull starter
  writer-r1 criteria "A farewell letter from a lighthouse to its last keeper" --json
  writer-r1 write "A 150-word fable about a proud kettle" --rounds 2 --jsonl > run.jsonl
  writer-r1 judge --prompt "A 150-word fable about a proud kettle" --draft @fable.txt --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = build_parser().parse_args(argv)
    try:
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        sys.stdout.flush()
        return code
    except WriterError as e:
        print(e, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    except OSError as e:
        if e.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        if e.errno == errno.ENOSPC:
            print(
                "The disk is full: the output ends early; free some space and run the command again.", file=sys.stderr
            )
        # The reader went away (`| head`) or the disk is full: the rest has nowhere to go, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="writer-r1",
        description="Criteria for a request, drafts, scores and revision rounds, on a model of your own machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"writer-r1 {__version__}")
    parent = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_models(parent)
    _add_writing(parent)
    _add_judging(parent)
    _add_history(parent)
    _add_files(parent)
    _add_runs(parent)
    trace_commands.add(parent)
    taskset_commands.add(parent)
    writer_commands.add(parent)
    _add_compare(parent)
    _add_bench(parent)
    return parser


def _add_models(parent: Any) -> None:
    models = parent.add_parser("models", help="list, find, download, add or verify models", description="Models.")
    sub = models.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _json_flag(_command(sub, "list", commands.models_list, "Show the models of the catalog and your own."))
    pull = _command(sub, "pull", commands.models_pull, "Download a model; a broken download is resumed.")
    pull.add_argument("name", metavar="NAME", help="starter, standard, …; or on the hub hf:OWNER/NAME[/FILE.gguf]")
    _json_flag(pull)
    about = "Add a GGUF file or a folder of safetensors, which stay where they are, or a model on a server."
    add = _command(sub, "add", commands.models_add, about)
    add.add_argument(
        "path", metavar="PATH", help="the GGUF file, a folder of safetensors, or http://HOST:PORT/v1 of a server"
    )
    add.add_argument("--model", metavar="NAME", help="which of the server's models (default: the only one it has)")
    add.add_argument("--at-once", type=_some, metavar="N", help="most calls under way at the server (default 4)")
    _json_flag(add)
    test = _command(sub, "test", commands.models_test, "Ask a server again what it can do for a model on your list.")
    test.add_argument("name", metavar="NAME", help="a name from `models list`")
    _json_flag(test)
    verify = _command(sub, "verify", commands.models_verify, "Compare a model's file with its SHA-256.")
    verify.add_argument("name", metavar="NAME", help="a name from `models list`")
    _json_flag(verify)
    hub_commands.add(sub)


def _add_writing(parent: Any) -> None:
    criteria = _command(parent, "criteria", commands.criteria_command, "Make criteria for a request.")
    criteria.add_argument("prompt", metavar="PROMPT", help="the request, or @FILE")
    criteria.add_argument("--depth", choices=("quick", "full"), default="quick", help="full: learn from sample drafts")
    criteria.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the model's choices (default 0)")
    _model_flag(criteria, "the one chosen for criteria in the settings, else the one that judges")
    _json_flag(criteria)
    write = _command(parent, "write", commands.write_command, "Write a piece: criteria, draft, scores, better rounds.")
    write.add_argument("prompt", metavar="PROMPT", help="the request, or @FILE")
    write.add_argument("--rubric", type=Path, metavar="FILE", help="criteria to use (JSON) instead of making them")
    write.add_argument("--rounds", type=_count, default=3, metavar="N", help="revisions at most (default 3)")
    write.add_argument("--judge", metavar="M", help="another model to judge with")
    write.add_argument("--depth", choices=("quick", "full"), default="quick", help="full: learn from sample drafts")
    write.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the model's choices (default 0)")
    write.add_argument("--max-words", type=_some, metavar="N", help="longest draft, about")
    write.add_argument("--one-go", action="store_true", help="let the model think in one go, instead of rounds")
    write.add_argument("--jsonl", action="store_true", help="print every event as one JSON line, as it happens")
    _model_flag(write)


def _add_judging(parent: Any) -> None:
    judge = _command(parent, "judge", judge_commands.judge_command, "Score a draft against criteria.")
    judge.add_argument("--prompt", required=True, metavar="TEXT", help="the request, or @FILE")
    judge.add_argument("--draft", required=True, metavar="@FILE", help="the draft: @FILE, or the text itself")
    judge.add_argument("--rubric", type=Path, metavar="FILE", help="criteria (JSON); default: made for the request")
    _model_flag(judge, _JUDGE)
    _json_flag(judge)
    many = _command(
        parent, "judge-many", judge_commands.judge_many_command, "Score many drafts; rows already in OUT are skipped."
    )
    many.add_argument(
        "--in", dest="rows", required=True, type=Path, metavar="ROWS", help="JSON lines: id, prompt, draft"
    )
    many.add_argument("--out", required=True, type=Path, metavar="SCORES", help="JSON lines, written in input order")
    _model_flag(many, _JUDGE)
    fit = _command(
        parent,
        "calibrate",
        judge_commands.calibrate_command,
        "Fit a judge model to texts that people rated; resumable.",
    )
    fit.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="a folder with wp_a_teacher_ratings.jsonl, or a file of JSON lines: prompt, story, ratings, system",
    )
    fit.add_argument("--model", metavar="M", help=f"{_JUDGE}; none: fit only what needs no model")
    fit.add_argument(
        "--out", type=Path, metavar="FILE", help="where to keep the fit (default: your home, in use at once)"
    )
    _json_flag(fit)
    _add_qualify(parent)


def _add_qualify(parent: Any) -> None:
    measure = _command(
        parent, "qualify", judge_commands.qualify_command, "Measure how far a judge can be trusted; goes on if stopped."
    )
    measure.add_argument(
        "--data", type=Path, metavar="DIR", help="a folder of texts that people rated, to compare with"
    )
    measure.add_argument("--all", action="store_true", help="every piece that no fit has seen, not 6 of them")
    measure.add_argument(
        "--per-set", type=_some, default=60, metavar="N", help="texts of each rated set, about (default 60)"
    )
    measure.add_argument("--seed", type=int, default=0, metavar="N", help="seed of what is chosen (default 0)")
    _model_flag(measure, _JUDGE)
    _json_flag(measure)


def _add_history(parent: Any) -> None:
    history = parent.add_parser("history", help="list, show or export sessions", description="Earlier sessions.")
    sub = history.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rows = _command(sub, "list", commands.history_list, "Show the newest sessions.")
    rows.add_argument("--search", metavar="WORDS", help="only those that contain these words")
    _json_flag(rows)
    show = _command(sub, "show", commands.history_show, "Show one session with its rounds.")
    show.add_argument("id", metavar="ID", help="an id from `history list`, or its beginning")
    _json_flag(show)
    about = (
        "Print what was chosen in reviews and blind comparisons, or scored higher by yourself, as pairs of texts to "
        "train on, a JSON line each."
    )
    _command(sub, "preferences", commands.history_preferences, about)
    export = _command(sub, "export", commands.history_export, "Print one session as a file.")
    export.add_argument("id", metavar="ID", help="an id from `history list`, or its beginning")
    export.add_argument("--format", choices=("md", "json"), default="md", help="its best text, or every event")


def _add_files(parent: Any) -> None:
    export = _command(parent, "export", piece_commands.export_command, "Write a piece or a session to a file.")
    export.add_argument("piece", metavar="PIECE", help="a piece's id, the beginning of it, or its title; or a session")
    forms = (*piece_commands.MANUSCRIPTS, *piece_commands.OF_A_SESSION)
    about = (
        "the manuscript (docx, md, txt, epub), or of its newest session the critique (report) or all of it (session)"
    )
    export.add_argument("--as", dest="form", required=True, choices=forms, help=about)
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="a file that is not there yet")
    read = _command(parent, "import", piece_commands.import_command, "Make a new piece of a file.")
    read.add_argument("file", type=Path, metavar="FILE", help="a .txt, .md or .docx file, or a session (.json)")
    save = _command(parent, "backup", piece_commands.backup_command, "Write the whole library to one zip.")
    save.add_argument("file", type=Path, metavar="FILE", help="a zip that is not there yet")
    back = _command(
        parent, "restore", piece_commands.restore_command, "Put a backup in the place of the library, which is kept."
    )
    back.add_argument("file", type=Path, metavar="FILE", help="a zip that `backup` or the studio made")


def _add_export(parent: Any) -> None:
    export = _command(parent, "export", adapter_commands.export_command, "Write what a run learned to a file.")
    export.add_argument("dir", metavar="DIR", help="the run's folder, or its name from `runs list`")
    forms = "the adapter as PEFT wrote it (a folder) or for llama.cpp, or the base with it merged in"
    export.add_argument("--to", required=True, choices=("peft", "gguf-adapter", "gguf"), help=forms)
    export.add_argument("--out", required=True, type=Path, metavar="PATH", help="a name that is free")
    best = "the adapter that did best on what was held out, or the last one (default best, where there is one)"
    export.add_argument("--which", choices=("best", "last"), help=best)
    export.add_argument("--type", choices=("q8_0", "q4_k_m"), default="q8_0", help="of a merged model (default q8_0)")


def _add_compare(parent: Any) -> None:
    compare = _command(
        parent, "compare", adapter_commands.compare_command, "Let a base and its adapter write to the same requests."
    )
    compare.add_argument("--base", required=True, metavar="M", help="the model that the adapter was trained on")
    compare.add_argument("--adapter", required=True, metavar="NAME", help="an adapter of the Models page")
    compare.add_argument("--prompts", required=True, type=Path, metavar="FILE", help="requests it has not seen")
    compare.add_argument("--strength", type=float, default=1.0, metavar="X", help="of the adapter (default 1)")
    compare.add_argument("--judge", metavar="M", help="who judges (default: the base, without the adapter)")
    compare.add_argument("--most", type=_some, default=20, metavar="N", help="requests compared (default 20)")
    compare.add_argument("--max-words", type=_some, default=150, metavar="N", help="longest text, about (default 150)")
    compare.add_argument("--seed", type=int, default=0, metavar="N", help="seed of both writers (default 0)")
    _json_flag(compare)


def _add_runs(parent: Any) -> None:
    train = parent.add_parser("train", help="fine-tune a model on this machine", description="Fine-tuning.")
    kinds = train.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for kind, does in (
        ("sft", "Learn to write as the pieces in a file are written."),
        ("mrpo", "Practise against criteria for the prompts in a file, with memory replay."),
    ):
        training_commands.train_flags(_command(kinds, kind, training_commands.train, does), kind)
    runs = parent.add_parser("runs", help="list, watch, stop or resume training runs", description="Training runs.")
    sub = runs.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _json_flag(_command(sub, "list", training_commands.runs_list, "Show the training runs of your home."))
    status = _command(sub, "status", training_commands.runs_status, "Show how far a run is, or how it ended.")
    stop = _command(sub, "stop", training_commands.runs_stop, "Stop a run at its next step and keep what it learned.")
    stop.add_argument("--discard", action="store_true", help="end it now and throw away what it learned")
    resume = _command(sub, "resume", training_commands.runs_resume, "Go on with a run from its newest checkpoint.")
    _add_export(sub)
    for command in (status, stop, resume):
        command.add_argument("dir", metavar="DIR", help="the run's folder, or its name from `runs list`")
        _json_flag(command)


def _add_bench(parent: Any) -> None:
    bench = parent.add_parser("bench", help="measure; ends with one RESULT line", description="Measurements.")
    sub = bench.add_subparsers(title="measurements", required=True, metavar="NAME")
    loop = _command(
        sub, "loop", commands.bench_loop, "First code, rubric, drafting, judging and page start, in seconds."
    )
    loop.add_argument("--quick", action="store_true", help="fewer repetitions")
    _model_flag(loop)
    reflection_commands.add(sub)
    whose = _command(
        sub,
        "criteria",
        judge_commands.bench_criteria,
        "Whose criteria agree best with readers: people's, published ones, ours, …; goes on if stopped.",
    )
    whose.add_argument("--data", required=True, type=Path, metavar="DIR", help="a folder of texts that people rated")
    whose.add_argument("--requests", type=_some, default=40, metavar="N", help="requests compared (default 40)")
    whose.add_argument("--seed", type=int, default=0, metavar="N", help="seed of what is chosen (default 0)")
    whose.add_argument("--out", type=Path, metavar="DIR", help="where result and figure go (default: your home)")
    _model_flag(whose, _JUDGE)
