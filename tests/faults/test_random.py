"""Faults that strike by chance, at every API at once."""

from __future__ import annotations

import pytest
from fault_scene import APIS

MIXED = (429, 500, 503, 504, "reset", "html", "half", "empty")
RATE = 0.05 / len(MIXED)  # of each kind: one request in twenty is struck
WAIT = {"Retry-After": "1"}  # without it, GitHub means a minute


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seed", "pushes"),
    [pytest.param(seed, 20, marks=pytest.mark.slow) for seed in range(1, 6)],
)
def test_faults_by_chance_lose_nothing_and_nothing_untrue_is_said(scene, say, seed, pushes):
    struck = [
        faults.add(
            path=path,
            status=status,
            times=None,
            headers=WAIT if status == 429 else None,
            rate=RATE,
            seed=seed * 100 + number,
        )
        for api in APIS
        for faults, path in scene.faults(api)
        for number, status in enumerate(MIXED)
    ]

    for _ in range(pushes):
        scene.wait_promoted(scene.push(), 100)
    hits = sum(fault.hits for fault in struck)
    scene.calm()
    seconds = scene.wait_promoted(scene.push())

    say(f"{hits} faults by chance in {pushes} pushes; the next took {seconds:.1f} s")
    scene.check()
