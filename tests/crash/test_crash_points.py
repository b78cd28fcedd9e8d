"""Kill the service with SIGKILL at chosen calls and commits; the long form tries every one."""

from __future__ import annotations

import itertools
import os
import statistics

import pytest
from crash_scenario import Scenario, serve
from forked import Point
from verdicts import in_words

KINDS = ("call", "commit")
WHENS = ("before", "after")
MOST_WRONG = 10  # points, after which nobody needs to see more
STEP = int(os.environ.get("BRICKPUSH_CRASH_STEP", "1"))  # 7: every seventh point, for a first look


@pytest.fixture
def scenario(sandbox, tmp_path, database):
    return Scenario(sandbox, tmp_path / "clone", **database)


CALL, COMMIT = Point("call", 61, "after"), Point("commit", 33, "before")


@pytest.mark.parametrize(
    ("database", "point"),
    [
        pytest.param("sqlite", CALL, id="sqlite-call"),
        pytest.param("sqlite", COMMIT, id="sqlite-commit", marks=pytest.mark.slow),
        pytest.param("postgresql", CALL, id="postgresql-call"),
        pytest.param("postgresql", COMMIT, id="postgresql-commit", marks=pytest.mark.slow),
    ],
    indirect=["database"],
)
def test_a_death_loses_nothing_and_tells_nothing_untrue(scenario, point):
    assert scenario.killed_at(point)

    assert scenario.witness.successes > 0


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_point(request, scenario, kind, when, say):
    kills, wrong = 0, []
    for number in itertools.count(1, STEP):
        try:
            died = scenario.killed_at(Point(kind, number, when))
        except AssertionError as exc:  # the other points are tried all the same
            wrong.append(f"{kind} {number}, {when}: {exc}")
            scenario.forgive()
            died = len(wrong) < MOST_WRONG
        if not died:
            break
        kills += 1

    seconds = scenario.recovery_seconds
    say(
        f"{request.node.callspec.id}: {kills} kills, {scenario.story.pushes} pushes, "
        f"{scenario.witness.successes} successes; {in_words(scenario.witness.all_faults())}; "
        f"recovered within {statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (most)"
    )
    assert not wrong, "\n\n".join(wrong)
    assert kills > 50 // STEP


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=pytest.mark.slow) for number in (1, 4)]
)
def test_a_death_while_the_tables_are_made(sandbox, new_database, number):
    assert not survives_start(sandbox, new_database(), number, "before")


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("when", WHENS)
def test_every_commit_of_the_first_start(request, sandbox, new_database, when, say):
    kills = 0
    while not survives_start(sandbox, new_database(), kills + 1, when):
        kills += 1

    say(f"{request.node.callspec.id}: {kills} kills while it started; each next start listened")
    assert kills > 3


def survives_start(sandbox, database, number, when):
    """Start on a new database; where that dies, the next start must listen. Say if it lived."""
    first = serve(sandbox, Point("commit", number, when), **database)
    listened = first.url is not None
    first.close()
    if not listened:
        serve(sandbox, **database).close()
    return listened
