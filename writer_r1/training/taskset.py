"""Prompts, their frozen rubrics and a judge -> a package that trainers built on `verifiers` install (prime-rl, verl).

What we train with on one machine is trained with on many: the package holds the prompts as our training shows them to
a model and the criteria that they are held to, and asks this package what a text earns. It is a taskset of verifiers
0.4, which has no other form of an environment for one turn. No torch.
"""

import importlib.util
import json
import keyword
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from writer_r1 import __version__, catalog, places
from writer_r1.drafting import draft_request
from writer_r1.errors import WriterError
from writer_r1.training.data import Example
from writer_r1.training.rewards import frozen_rubric

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
PROJECT = """[project]
name = "{name}"
version = "0.1.0"
description = "{count} requests for pieces of writing with frozen criteria, from Writer-R1 Studio."
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4,<0.5", "writer-r1=={version}"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""
ABOUT = """# {name}

{count} requests for pieces of writing, each with the criteria that every piece for it is held to, as a taskset of the
[verifiers](https://github.com/PrimeIntellect-ai/verifiers) library (0.4). A piece earns what it earns in the training
of Writer-R1 Studio {version}: {how}.

    pip install PATH_OF_A_WRITER_R1_CHECKOUT PATH_OF_THIS_FOLDER
    vf-eval {name} --client.base-url http://HOST:PORT/v1 --model NAME --no-push \\
        --env.agent.harness.id null --env.agent.runtime.type subprocess

The flags name your own server and run all of it on this machine, where `uv` must be; without them verifiers asks the
servers of its maker.

| file | holds |
|---|---|
| `{package}/prompts.jsonl` | the requests as typed and as the model sees them, and their rubrics |
| `{package}/reward.json` | whether a judge has a say, which, and how much |
| `{package}/scoring.py` | what a text earns; needs writer-r1 only, so other trainers can call it as a plain function |
| `{package}/__init__.py` | the taskset |

A piece that was cut at its longest length has no ending; what is empty, runs in a loop or talks about the task earns 0;
one that the judge gave no score ends as an error, since that is not a 0. Nothing is held out: choose by `select`.
"""


def write_taskset(examples: Sequence[Example], folder: Path, judge: str | None = None) -> Path:
    """Write the package into a new folder and return that folder; with a `judge`, a model's name, half is its.

    Raises:
        WriterError: the folder is there already or cannot be written, its name cannot be that of a package, or the
            judge is not known here or would never be asked.
    """
    package, reward = package_of(folder), reward_of(judge)
    rows = [row_of(example, judged=judge is not None) for example in examples]
    if judge and not any(criterion["check"] is None for row in rows for criterion in row["rubric"]["criteria"]):
        raise WriterError(
            "No request here has a rubric with a criterion to judge, so a judge would never be asked; give the rows a "
            "'rubric' with such criteria, or leave out --judge."
        )
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    about: dict[str, Any] = {"name": folder.name, "package": package, "version": __version__, "count": len(lines)}
    how = "what can be checked" + (f", and for at most a half what the judge {reward['judge']!r} says" if judge else "")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(places.data("assets/taskset"), part / package, ignore=shutil.ignore_patterns("__pycache__"))
        (part / package / "prompts.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")
        (part / package / "reward.json").write_text(json.dumps(reward) + "\n", "utf-8")
        (part / "pyproject.toml").write_text(PROJECT.format(**about), "utf-8")
        (part / "README.md").write_text(ABOUT.format(**about, how=how), "utf-8")
        os.replace(part, folder)
    except OSError as error:
        raise WriterError(f"The folder {str(folder)!r} cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def package_of(folder: Path) -> str:
    """Return the name of the module that a new folder's package has.

    Raises:
        WriterError: the folder is there already, or Python could not import a module of its name.
    """
    package = folder.name.replace("-", "_")
    if not NAME.fullmatch(folder.name) or keyword.iskeyword(package):
        raise WriterError(
            f"{folder.name[:60]!r} cannot be the name of a package; use small letters, digits and dashes."
        )
    if os.path.lexists(folder):
        raise WriterError(f"{str(folder)!r} is there already; give the name of a new folder.")
    if importlib.util.find_spec(package):
        raise WriterError(f"Python has a module named {package!r} already; give the folder another name.")
    return package


def reward_of(judge: str | None) -> dict[str, Any]:
    """Return the settings of the reward, as a training run has them.

    Raises:
        WriterError: no model goes by the judge's name, or it is on a server.
    """
    if judge is None:
        return {"reward": "checks"}
    found = catalog.find(judge, places.models())
    if found.server:
        raise WriterError(f"{found.label} is on a server, and a reward needs a judge that is read from a file.")
    return {"reward": "judge", "judge": found.name}


def row_of(example: Example, *, judged: bool) -> dict[str, Any]:
    """Return a request with what a model sees of it and what its pieces are held to, as plain data."""
    system, user = draft_request(example.prompt).messages
    rubric = frozen_rubric(example, judged=judged).model_dump(mode="json", by_alias=True)
    shown = {"system": system.content, "prompt": user.content}
    return {"id": example.id, "request": example.prompt, **shown, "rubric": rubric}
