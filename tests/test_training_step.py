"""The bench of a training step: our side of it runs on the loops as they are. TRL's side needs TRL."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT


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
