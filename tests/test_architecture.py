"""The shape of the house: what an import costs, which way dependencies point, how large files and functions may be."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "writer_r1"
SOURCES = sorted([*PACKAGE.rglob("*.py"), ROOT / "app.py"])

HEAVY = ("torch", "transformers", "peft", "llama_cpp", "sklearn", "scipy", "openai")
MOST_LINES_IN_A_FILE = 300
MOST_LINES_IN_A_FUNCTION = 60  # the bar is 40; past this one it is no longer a matter of taste
MEANINGLESS = {"utils", "util", "helpers", "common", "misc", "base", "manager", "engine"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCES:
        yield from ((path, node) for node in ast.walk(tree(path)) if isinstance(node, kinds))


@pytest.mark.parametrize(
    "module", ["writer_r1", "writer_r1.loop", "writer_r1.workspace", "writer_r1.cli", "writer_r1.ui.app", "app"]
)
def test_importing_brings_no_model_library(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_dependencies_point_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_a_file_is_short_enough_to_be_read_at_once() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {file: n for file, n in lengths.items() if n > MOST_LINES_IN_A_FILE} == {}


def test_a_function_fits_on_a_page() -> None:
    lengths = {
        f"{name(path)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 100
    assert {function: n for function, n in lengths.items() if n > MOST_LINES_IN_A_FUNCTION} == {}


def test_names_say_what_a_thing_is() -> None:
    files = [name(path) for path in SOURCES if MEANINGLESS & set(path.relative_to(ROOT).with_suffix("").parts)]
    classes = [
        f"{name(path)}: {node.name}"
        for path, node in nodes(ast.ClassDef)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Engine", "Helper", "Util", "Utils"))
    ]
    assert files + classes == []


def test_every_module_says_what_it_is_for() -> None:
    assert [name(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_the_architecture_page_shows_the_tree_and_the_layers_as_they_are() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0][
        "layers"
    ]
    assert "```\n" + "\n".join(layers) + "\n```" in page
    parts = [p for p in PACKAGE.iterdir() if p.name not in ("__pycache__", "__init__.py", "py.typed")]
    lines = {p.name + "/" if p.is_dir() else p.name for p in parts if p.is_dir() or p.suffix == ".py"}
    assert {line for line in lines if f"\n  {line} " not in page} == set()
