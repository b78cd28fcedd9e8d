"""Faults that strike by chance, at every API at once."""

from __future__ import annotations

import pytest
from fault_scene import APIS
from histories import WITHOUT_TAGS

MIXED = (429, 500, 503, 504, "reset", "html", "half", "empty")
RATE = 0.05 / len(MIXED)  # of each kind: one request in twenty is struck
WAIT = {"Retry-After": "1"}  # without it, GitHub means a minute


def places(scene, api):
    """Return what is struck: of git what Databricks asks, not what developers push."""
    if api == "git":
        return [(scene.sandbox.github_faults, "*/git-upload-pack")]
    return scene.faults(api)


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize(("seed", "pushes"), [(seed, 20) for seed in range(1, 6)])
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
        for faults, path in places(scene, api)
        for number, status in enumerate(MIXED)
    ]

    with scene.unkind(seed):
        for _ in range(pushes):
            sha = scene.push()
            scene.story.step(WITHOUT_TAGS)
            scene.wait_promoted(sha, 100)
        hits = sum(fault.hits for fault in struck)
        scene.calm()
        seconds = scene.wait_promoted(scene.push())
        scene.check()

    say(f"{hits} faults by chance in {pushes} pushes; the next took {seconds:.1f} s")
    assert hits > pushes
