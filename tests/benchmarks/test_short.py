from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_promotion_benchmark_runs_and_prints_its_ratios():
    ran = subprocess.run(
        (sys.executable, "-m", "benchmarks", "promotion", "--short"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    goals = [line for line in ran.stdout.splitlines() if line.startswith("goal ")]
    assert len(goals) == 12
    assert "calls for each Git folder, besides the refresh: 3.00" in ran.stdout


def test_a_benchmark_that_does_not_exist_is_named():
    ran = subprocess.run(
        (sys.executable, "-m", "benchmarks", "nothing"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "no benchmark nothing; there are: hook, promotion\n"
