"""The machine's clock is set while the service runs: nothing waits for the time it used to have."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_world import commit
from fault_scene import Scene
from running import wait_until

from sandbox.sandbox import Options, open_sandbox

JUMPING = Path(__file__).parents[1] / "jumping_clock.py"
UPDATE = "/api/2.0/repos/*"
HOUR = 3600


class Clock:
    """The clock of the service's machine."""

    def __init__(self, path):
        self.path = path
        self.set(0)

    def set(self, seconds):
        """Let it be so many seconds ahead from now on."""
        new = self.path.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.path)  # at once: it is read all the time


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def jumping(tmp_path_factory, clock):
    """A service on that machine."""
    with open_sandbox(tmp_path_factory.mktemp("jumping"), Options(empty=True)) as sandbox:
        scene = Scene(sandbox)
        service = scene.start(program=(str(JUMPING), str(clock.path)))
        yield scene
        service.close()


@pytest.fixture
def scene(jumping, clock):
    clock.set(0)
    jumping.begin()
    yield jumping
    jumping.calm()


def a_run_that_is_to_be_repeated(scene):
    scene.sandbox.github_faults.add(path="*/git/ref/*", status=503, times=None)
    since = scene.log_size()
    sha = scene.push()
    wait_until(lambda: scene.said("promotion.failed", since), what="a run that failed")
    return sha


def a_folder_that_stays_behind(scene):
    for workspace in scene.workspaces:
        workspace.faults.add(method="PATCH", path=UPDATE, status=400, times=None)
    since = scene.log_size()
    sha = scene.push()
    wait_until(lambda: scene.failed(sha, since), what="a failure")
    return sha


def a_commit_that_nobody_tells(scene):
    sha = commit(scene.sandbox, len(scene.history))
    scene.history.append(sha)
    return sha


def a_run_with_tokens_of_before(scene):
    late = [
        workspace.faults.add(method="PATCH", path=UPDATE, status="late", seconds=1, times=2)
        for workspace in scene.workspaces
    ]
    sha = scene.push()
    wait_until(lambda: all(fault.hits for fault in late), what="the updates")
    return sha


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(HOUR, id="forward", marks=pytest.mark.slow),
        pytest.param(-HOUR, id="back", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "begin",
    [
        a_run_that_is_to_be_repeated,
        pytest.param(a_folder_that_stays_behind, marks=pytest.mark.slow),
        pytest.param(a_commit_that_nobody_tells, marks=pytest.mark.slow),
        pytest.param(a_run_with_tokens_of_before, marks=pytest.mark.slow),
    ],
)
def test_nothing_waits_longer_because_the_clock_was_set(scene, clock, say, begin, seconds):
    sha = begin(scene)
    clock.set(seconds)
    scene.calm()

    first = scene.wait_promoted(sha)
    again = scene.wait_promoted(scene.push())

    words = begin.__name__.replace("_", " ")
    say(f"clock set by {seconds} s, {words}: promoted after {first:.1f} s, the next {again:.1f} s")
    scene.check()


@pytest.mark.slow
def test_a_clock_that_was_wrong_for_a_while_and_is_set_right_holds_up_nothing(scene, clock, say):
    clock.set(HOUR)
    scene.wait_promoted(scene.push())
    sha = a_folder_that_stays_behind(scene)
    clock.set(0)
    scene.calm()

    seconds = scene.wait_promoted(sha)

    say(f"clock set right again: promoted after {seconds:.1f} s")
    scene.check()
