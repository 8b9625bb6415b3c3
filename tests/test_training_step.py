"""The bench of a training step: our side of it runs on the loops as they are. TRL's side needs TRL."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.long


@pytest.mark.parametrize("loop", ["mrpo", "sft"])
def test_a_step_of_ours_is_measured(loop: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training_step.py"), "ours", loop, "tiny"],
        env={**os.environ, "BENCH_STEPS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    assert told["seconds"] > 0 and told["peak_mib"] > 100
    assert told["tokens_s"] == pytest.approx(8 * (256 if loop == "sft" else 128) / told["seconds"], rel=0.02)


def test_without_a_gpu_the_bench_of_one_says_so_and_measures_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training_step.py"), "gpu"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("make bench-gpu measures on a GPU, and torch finds none here")
