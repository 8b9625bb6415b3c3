"""What the documents tell a reader to type exists: every command is parsed, every flag and make target looked up."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

import app
from writer_r1.cli import build_parser

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "models/README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split())
VARIABLES = set(re.findall(r"^([A-Z_]+) =", MAKEFILE, re.MULTILINE))


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the flags of a parser and of every command below it."""
    flags: set[str] = set()
    for action in parser._actions:
        flags |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            flags = flags.union(*map(flags_of, action.choices.values()))
    return flags


FLAGS = flags_of(build_parser()) | set(re.findall(r'"(--[a-z-]+)"', (ROOT / "app.py").read_text("utf-8")))


def said(text: str) -> list[str]:
    """Return what a document shows as code: the lines of its blocks, and the spans in its sentences."""
    blocks = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()[1:-1]]
    indented = re.findall(r"^ {4}(\S.*)$", FENCE.sub("", text), re.MULTILINE)
    return blocks + indented + re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def fault(code: str) -> str | None:
    """Return what is wrong with a command, or None if it would be understood (or is not ours)."""
    if code.startswith("--"):
        return None if code.split()[0] in FLAGS else f"no flag {code}"
    if not re.match(r"(\S*/)?(writer-r1|make|python3?)( |$)|app\.py --", code):
        return None
    words = shlex.split(re.split(r"\s[>|]\s|\s# ", code)[0])
    words[0] = Path(words[0]).name
    if words[0].startswith("python"):
        words = ["writer-r1", *words[3:]] if words[1:3] == ["-m", "writer_r1"] else words[1:]
    if words[:1] == ["make"]:
        wrong = [w for w in words[1:] if (w.split("=")[0] not in VARIABLES if "=" in w else w not in TARGETS)]
        return f"make knows no {wrong}" if wrong else None
    if words[:1] not in (["writer-r1"], ["app.py"]) or len(words) == 1:
        return None
    if wrong := [w for w in words if w.startswith("--") and w.split("=")[0] not in FLAGS]:
        return f"no flag {wrong}"  # argparse would take the beginning of a flag's name
    try:
        app.read_flags(words[1:]) if words[0] == "app.py" else build_parser().parse_args(words[1:])
    except SystemExit as end:
        return "it is refused" if end.code else None
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_flag_in_the_documents_exists(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = {code: why for code in said(document.read_text("utf-8")) if (why := fault(code))}
    assert faults == {}, capsys.readouterr().err


def test_the_readme_shows_every_command_a_writer_needs_first() -> None:
    lines = said((ROOT / "README.md").read_text("utf-8"))
    for command in ("make run", "writer-r1 models", "writer-r1 criteria", "writer-r1 write", "writer-r1 judge "):
        assert any(line.startswith(command) for line in lines), command


@pytest.mark.parametrize(
    "code",
    [
        "writer-r1 wrte 'A fable'",
        "writer-r1 write 'A fable' --round 2",
        "writer-r1 write",
        "writer-r1 history export 1 --format epub > out",
        "python -m writer_r1 judge --draft @x",
        ".venv/bin/writer-r1 models push x",
        "make everything",
        "make run PROT=1",
        "python app.py --prot 1",
        "--jsn",
    ],
)
def test_a_wrong_command_would_be_found(code: str) -> None:
    assert said(f"Type `{code}` now.") == [code] == said(f"```sh\n{code}\n```") and fault(code)
