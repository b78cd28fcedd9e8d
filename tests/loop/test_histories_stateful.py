"""Histories that hypothesis makes up, through real git and a real service: commits, force-pushes,
reverts, branches that share commits, tags, and people at work in their Git folders."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from app_world import FAST
from crash_scenario import be_unkind
from histories import ALL, RULES, Story, write_rules
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from running import running_service
from witness import Witness

from sandbox import world
from sandbox.sandbox import Options, Sandbox, open_sandbox

FEW, MANY = 3, 60  # histories
SETTLE_SECONDS = 45.0
ANYHOW = settings(
    # A failure is not made smaller: each try takes seconds, and none is quite like the last.
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Stage:
    """Where the histories take place, each in a repository of its own."""

    sandbox: Sandbox
    numbers: itertools.count = field(default_factory=itertools.count)
    stories: list[Story] = field(default_factory=list)
    failure: AssertionError | None = None  # the first one; hypothesis would tell of the last

    def add(self) -> Story:
        number = next(self.numbers)
        name = f"{world.ORGANIZATION}/story-{number}"
        directory = self.sandbox.directory / f"story-{number}"
        return Story(self.sandbox, directory, seed=number, repository=name)

    def take(self) -> Story:
        """Return a story that nobody has had yet."""
        return self.stories.pop() if self.stories else self.add()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as sandbox:
        write_rules(sandbox)
        stage = Stage(sandbox)
        with ThreadPoolExecutor(4) as pool:
            stage.stories = list(pool.map(lambda _: stage.add(), range(FEW)))
        stage.witness = Witness(sandbox, RULES)
        be_unkind(sandbox, seed=1)
        with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="1", **FAST):
            yield stage


def machine_on(stage):
    """Return the state machine whose runs take place there."""

    class Histories(RuleBasedStateMachine):
        @initialize(seed=st.integers(0, 2**32))
        def begin(self, seed):
            self.known = set(stage.witness.all_faults())
            self.story = stage.take()
            self.story.seeded(seed)

        @rule(kinds=st.lists(st.sampled_from(sorted(ALL)), min_size=3, max_size=6))
        def go_on(self, kinds):
            for kind in kinds if stage.failure is None else ():
                self.story.do(kind)

        @rule()
        def rest(self):
            """Wait until all is done; what follows finds nothing under way."""
            self.judge()

        def teardown(self):
            self.judge()

        def judge(self):
            if stage.failure is None and hasattr(self, "story"):
                self.story.finish()
                try:
                    stage.witness.wait_until_settled(
                        seconds=SETTLE_SECONDS, told=self.story.told, known=self.known
                    )
                    stage.witness.check(self.story.told, self.known)
                except AssertionError as exc:
                    stage.failure = exc
            assert stage.failure is None

    return Histories


@pytest.mark.first
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("histories", "steps", "derandomize"),
    [
        pytest.param(FEW, 3, True, id="few"),
        pytest.param(MANY, 6, False, id="many", marks=pytest.mark.slow),
    ],
)
def test_whatever_happens_each_commit_is_told_what_is_so(stage, histories, steps, derandomize):
    how = settings(
        ANYHOW, max_examples=histories, stateful_step_count=steps, derandomize=derandomize
    )
    try:
        run_state_machine_as_test(machine_on(stage), settings=how)
    finally:
        if stage.failure is not None:
            raise stage.failure from None

    assert stage.witness.successes > histories
