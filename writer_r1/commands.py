"""The `writer-r1` commands: parsed arguments -> a result on stdout, progress on stderr, an exit code.

Each command imports what it needs, so that `--help` answers at once.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError


def models_list(args: argparse.Namespace) -> int:
    """Print the catalog and the user's own models."""
    from writer_r1 import catalog, places

    rows = [_row(m) for m in catalog.rows(places.models())]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        also = f", also called {' or '.join(row['aliases'])}" if row["aliases"] else ""
        print(f"{row['name']:<24} {row['state']:<8} {row['bytes'] / 1e6:>7.0f} MB  {row['label']}{also}")
    return 0


def _row(model: Any) -> dict[str, Any]:
    keep = ("name", "aliases", "label", "licence", "bytes", "state", "path", "sha256", "memory_bytes", "about")
    row: dict[str, Any] = {k: v for k, v in model.model_dump(mode="json").items() if k in keep}
    if model.hub:
        row["hub"] = model.hub
    if model.server:
        row |= {"path": model.server.url, "host": model.server.host, "here": model.server.here}
        row |= {"at_once": model.server.at_once, "can": model.server.can and model.server.can.model_dump()}
    return row


def _say_model(model: Any, as_json: bool) -> int:
    from writer_r1.servers import able

    lies = f"{model.server.url}\n{able(model.server)}" if model.server else model.path
    print(json.dumps(_row(model), ensure_ascii=False) if as_json else f"{model.name} is {model.state}: {lies}")
    return 0


def models_pull(args: argparse.Namespace) -> int:
    """Download a model of the catalog, or one of the hub, which is listed from then on."""
    from writer_r1 import catalog, hub_commands, places

    name = hub_commands.listed(args.name) if args.name.startswith("hf:") else args.name
    hub_commands.downloaded(name)
    return _say_model(catalog.find(name, places.models()), args.json)


def models_add(args: argparse.Namespace) -> int:
    """Register a GGUF of the user's own, or a model on a server, which is asked first what it can do."""
    from writer_r1 import catalog, joining, places, servers

    if args.path.startswith("hf:"):
        return models_pull(argparse.Namespace(name=args.path, json=args.json))
    if not servers.ADDRESS.fullmatch(args.path):
        return _say_model(catalog.add(args.path, places.models()), args.json)
    at_once = args.at_once or servers.AT_ONCE
    added = joining.join(args.path, places.models(), model=args.model or "", at_once=at_once)
    if added.server and added.server.leaving:
        print(added.server.leaving, file=sys.stderr)
    return _say_model(added, args.json)


def models_test(args: argparse.Namespace) -> int:
    """Ask a server again what it can do for a listed model."""
    from writer_r1 import joining, places

    return _say_model(joining.asked_again(args.name, places.models()), args.json)


def models_verify(args: argparse.Namespace) -> int:
    """Hash a model's file and say whether it is what it should be."""
    from writer_r1 import catalog, places

    return _say_model(catalog.verify(args.name, places.models()), args.json)


def text_of(value: str) -> str:
    """Return the text of `@FILE`, or the value itself; bytes of the command line that are no text become "?"."""
    if not value.startswith("@"):
        return value.encode("utf-8", "replace").decode("utf-8")
    try:
        return Path(value[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise WriterError(f"The file {value[1:]!r} cannot be read as text ({e.__class__.__name__}).") from e


def rubric_of(path: Path | None, prompt: str) -> Any:
    """Return the rubric in a file, or None where no file was named."""
    from writer_r1.rubric_file import read_rubric

    if path is None:
        return None
    try:
        return read_rubric(json.loads(path.read_text("utf-8")), prompt)
    except (OSError, ValueError, RecursionError) as e:
        raise WriterError(f"The rubric file {str(path)!r} cannot be read: {str(e).splitlines()[0]}.") from e


def _follow(events: Iterator[Any], show: Callable[[Any], None]) -> int:
    code = 0
    for event in events:
        show(event)
        if event.event == "error":
            print(event.message, file=sys.stderr)
            code = 1
    return code


def said(event: Any) -> None:
    """Say on stderr what a run is busy with."""
    if event.event == "status":
        print(f"{event.text} …", file=sys.stderr)


def criteria_command(args: argparse.Namespace) -> int:
    """Make criteria and print them."""
    from writer_r1.criteria import Analyst, derive_rubric
    from writer_r1.events import outcome
    from writer_r1.llm import never
    from writer_r1.trajectory import prompt_id
    from writer_r1.workspace import Workspace

    prompt = asked(args.prompt)
    workspace = Workspace()
    try:
        with workspace.machine():
            llm = workspace.llm(args.model or workspace.cast().analyst)
            analyst = Analyst(llm, workspace.similarity, never, args.seed)
            stages = derive_rubric(prompt, analyst, args.depth, (), workspace.store.dismissed(prompt_id(prompt)))
            rubric = outcome(stages, said)
    finally:
        workspace.close()
    if args.json:
        print(rubric.model_dump_json())
        return 0
    for c in rubric.criteria:
        print(f"{c.name} (x{c.weight:g}, {c.source.stage}): {c.description}")
    return 0


def asked(value: str) -> str:
    """Return the request that was given, which has to say something."""
    prompt = text_of(value)
    if not prompt.strip():
        raise WriterError("The request is empty; say in a sentence what the piece should do.")
    return prompt


def write_command(args: argparse.Namespace) -> int:
    """Write a piece as a stored job and follow it."""
    from writer_r1.folding import fold
    from writer_r1.loop import Task
    from writer_r1.trajectory import Trajectory
    from writer_r1.workspace import Workspace

    prompt = asked(args.prompt)
    rubric = rubric_of(args.rubric, prompt)
    workspace = Workspace()
    task = Task("", prompt, rubric, args.rounds, args.seed, args.max_words, args.depth, one_go=args.one_go)
    run_id = workspace.start(task, model=args.model, judge=args.judge)

    seen = Trajectory(id=run_id, prompt=prompt)

    def show(event: Any) -> None:
        nonlocal seen
        seen = fold([event], seen)
        if args.jsonl:
            print(event.model_dump_json(), flush=True)
        else:
            said(event)

    try:
        code = _follow((event for _, event in workspace.jobs.follow(run_id)), show)
    except KeyboardInterrupt:
        print("stopping; the text so far is kept", file=sys.stderr)
        code = 1
    finally:
        workspace.close()
    unsaved = workspace.jobs.trouble(run_id) is not None
    if unsaved:  # a library that cannot be written may be unreadable too
        print("The text could not be saved in the library and is only in this output.", file=sys.stderr)
        last = seen.attempt(seen.best or len(seen.attempts))
        best = last.text if last else ""
    else:
        run = workspace.store.run(run_id)
        best = run.best_text if run else ""
    if not args.jsonl:
        print(best)
    return 1 if unsaved else code


def history_list(args: argparse.Namespace) -> int:
    """Print the newest runs, or those that match."""
    from writer_r1.workspace import Workspace

    store = Workspace().store
    rows = store.search(args.search) if args.search else store.runs()
    if args.json:
        print(json.dumps([row._asdict() for row in rows], ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row.id}  {row.state:<11}  {row.title}")
    return 0


def history_show(args: argparse.Namespace) -> int:
    """Print one run with its rounds."""
    from writer_r1.qualification import marked_since
    from writer_r1.workspace import Workspace

    workspace = Workspace()
    trajectory = marked_since(workspace.store.trajectory(args.id), workspace.common)
    if args.json:
        print(trajectory.model_dump_json())
        return 0
    print(trajectory.prompt)
    for a in trajectory.attempts:
        reward = a.evaluation.reward if a.evaluation else None
        score = "not scored" if reward is None else f"{1 + 9 * reward:.1f}"
        if a.evaluation:
            score += f" ({trusted(a.evaluation.judge)})"
        best = ", best" if a.number == trajectory.best else ""
        why = a.why or ("no verdict" if a.complete else "unfinished")
        print(f"\n--- round {a.number - 1}: {score}{best} ({why})\n{a.text}")
    return 0


def trusted(judge: Any) -> str:
    """Return how far the scores of a judge can be trusted, as the commands say it."""
    from writer_r1.calibration import NOT_FITTED, unfitted

    return f"trust: {judge.trust}" + (f", {NOT_FITTED}" if unfitted(judge.calibration) else "")


def history_export(args: argparse.Namespace) -> int:
    """Print one run as Markdown or as JSON."""
    from writer_r1.workspace import Workspace

    store = Workspace().store
    run_id = store.resolve(args.id)
    if args.format == "json":
        rows = [event.model_dump(mode="json") for _, event in store.events(run_id)]
        own = [o._asdict() | {"criterion": o.criterion.model_dump(mode="json")} for o in store.own_scores(run_id)]
        print(json.dumps({"id": run_id, "events": rows, "own_scores": own}, ensure_ascii=False))
        return 0
    trajectory = store.trajectory(run_id)
    best = trajectory.attempt(trajectory.best) if trajectory.best else None
    best = best or next((a for a in reversed(trajectory.attempts) if a.complete and a.text), None)
    print(best.text if best else "")
    return 0


def history_preferences(args: argparse.Namespace) -> int:
    """Print what was decided in reviews and preferred blind as pairs of texts, a JSON line each."""
    from writer_r1.preferences import preference_lines
    from writer_r1.workspace import Workspace

    print(preference_lines(Workspace().store), end="")
    return 0


def bench_loop(args: argparse.Namespace) -> int:
    """Measure the loop's parts side by side."""
    from writer_r1.bench import bench_loop

    return bench_loop(args.model, quick=args.quick)
