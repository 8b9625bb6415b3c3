"""The wheel: it holds all that the installed studio reads, no weights, and works away from a checkout."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "writer_r1"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
OFFLINE = ["--no-deps", "--no-index"]
WEIGHTS = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".onnx", ".npz")

USE = """
import json
from writer_r1 import places, prompts, store
from writer_r1.catalog import rows
print(json.dumps({
    "package": str(places.PACKAGE),
    "assets": places.data("assets").is_dir(),
    "models": [row.name for row in rows(places.models())],
    "into": str(places.models()),
    "prompt": prompts.fixed_start("open_coding").messages[0].role,
    "migrations": list(store.MIGRATIONS),
}))
"""


def run(*command: str, cwd: Path = ROOT, **more: str) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("WRITER_R1_")} | more
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("writer_r1-*.whl"))


@pytest.fixture(scope="module")
def inside(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {item.filename for item in archive.infolist() if not item.is_dir()}


def test_everything_the_package_reads_is_in_the_wheel(inside: set[str]) -> None:
    data = [f for f in PACKAGE.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    assets = [f for f in (ROOT / "assets").rglob("*") if f.is_file()]
    wanted = {f"writer_r1/{f.relative_to(PACKAGE)}" for f in data}
    wanted |= {f"writer_r1/data/{f.relative_to(ROOT)}" for f in assets}
    wanted |= {"writer_r1/data/models/catalog.json"}
    assert {f.suffix for f in data} >= {".py", ".md", ".sql"}
    assert wanted - inside == set()


def test_the_licence_is_in_the_wheel(inside: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)


def test_no_weights_and_no_tests_are_in_the_wheel(wheel: Path, inside: set[str]) -> None:
    assert [name for name in inside if name.endswith(WEIGHTS)] == []
    assert {name.split("/")[0].partition("-")[0] for name in inside} == {"writer_r1"}
    assert wheel.stat().st_size < 8_000_000


def test_an_installed_studio_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    run(*PIP, "install", *OFFLINE, "--quiet", "--target", str(site), str(wheel))
    found = json.loads(run(sys.executable, "-c", USE, cwd=home, HOME=str(home), PYTHONPATH=str(site)))
    assert Path(found["package"]) == site / "writer_r1"
    assert found["assets"]
    catalog = json.loads((ROOT / "models/catalog.json").read_text("utf-8"))
    assert set(found["models"]) >= {entry["name"] for entry in catalog}
    assert ROOT not in Path(found["into"]).parents
    assert found["prompt"] == "system"
    assert found["migrations"] == [f.stem for f in sorted((PACKAGE / "schema").glob("m*.sql"))]


def test_every_dependency_is_pinned_to_a_plain_version_in_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [Requirement(r) for r in project["dependencies"] + project["optional-dependencies"]["test"]]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and line[0] != "#")
    assert {name: version for name, version in pins.items() if not set(version) <= set("0123456789.")} == {}
    names = {r: canonicalize_name(r.name) for r in wanted}
    assert [str(r) for r in wanted if names[r] not in pins or not r.specifier.contains(pins[names[r]])] == []
