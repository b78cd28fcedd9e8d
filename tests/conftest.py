"""For every test: what it leaves behind must hold no token and no secret.

A busy machine is no reason for hypothesis to fail: how long a draw takes says nothing here.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings
from leaks import leaks, watching

from sandbox import disclosure

settings.register_profile(
    "busy machine", suppress_health_check=[HealthCheck.too_slow], deadline=None
)
settings.load_profile("busy machine")


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_left_behind(tmp_path_factory):
    """Read what the product writes on commits, and once all is over, what is left in files."""
    with watching() as found:
        yield
    found += leaks(tmp_path_factory.getbasetemp(), disclosure.known)
    if found:
        pytest.fail("secrets where none may be:\n" + "\n".join(map(str, found)), pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes longest: nobody is to wait for it alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


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
