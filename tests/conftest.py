"""For every test: what it leaves behind must hold no token and no secret.

A busy machine is no reason for hypothesis to fail: how long a draw takes says nothing here.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings
from leaks import leak_in, leaks, secrets_of, told_to_github

from sandbox.sandbox import Sandbox

KNOWN = pytest.StashKey[set]()
TOLD = pytest.StashKey[list]()


settings.register_profile(
    "busy machine", suppress_health_check=[HealthCheck.too_slow], deadline=None
)
settings.load_profile("busy machine")


def pytest_configure(config):
    config.stash[KNOWN], config.stash[TOLD] = set(), []


def pytest_fixture_post_finalizer(fixturedef, request):
    """Note what a sandbox gave out, and read what it was told, before it is forgotten."""
    result = fixturedef.cached_result
    if result is None or not isinstance(result[0], Sandbox):
        return
    sandbox, stash = result[0], request.config.stash
    secrets = secrets_of(sandbox)
    marks = [secret.encode() for secret in secrets]
    for name, text in told_to_github(sandbox.github):
        if (found := leak_in(text.encode(), marks)) is not None:
            stash[TOLD].append((name, found))
    # What is not told by its shape is looked for by its value.
    stash[KNOWN] |= {place.principal.client_secret for place in sandbox.places}
    stash[KNOWN].add(sandbox.github.webhook_secret)


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_left_behind(request, tmp_path_factory):
    """Look, once all is over, through everything that the tests have written."""
    yield
    stash = request.config.stash
    found = [*stash[TOLD], *leaks(tmp_path_factory.getbasetemp(), stash[KNOWN])]
    if found:
        pytest.fail("secrets where none may be:\n" + "\n".join(map(str, found)), pytrace=False)


@pytest.fixture
def say(request):
    """Return a function that notes a measurement; all are shown at the end, passed or not."""

    def note(text):
        request.node.user_properties.append(("measured", text))

    return note


def pytest_terminal_summary(terminalreporter):
    reports = [each for some in terminalreporter.stats.values() for each in some]
    properties = [getattr(each, "user_properties", ()) for each in reports if _is_end(each)]
    measured = [text for some in properties for name, text in some if name == "measured"]
    if measured:
        terminalreporter.section("measured")
        terminalreporter.write("".join(f"{text}\n" for text in measured))


def _is_end(report):
    return getattr(report, "when", None) == "call"


@pytest.fixture
def tell(capsys):
    """Return a function that shows at once how far a long test is."""

    def show(text):
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}\n")
            sys.stdout.flush()

    return show
