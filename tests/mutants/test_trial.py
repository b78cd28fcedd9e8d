"""A change is tried in a copy, by tests in processes of their own."""

from __future__ import annotations

import pytest
from mutants.copies import Copy, make_copy
from mutants.mutations import mutations
from mutants.trial import in_order, tried

PRODUCT = "def most(a, b):\n    if a > b:\n        return a\n    return b\n"
TESTS = """\
import subprocess, sys
from promotion.tiny import most

def test_it_is_the_second():
    assert most(1, 2) == 2

def test_it_is_the_first_in_a_process_of_its_own():
    program = "from promotion.tiny import most; print(most(3, 2))"
    ran = subprocess.run((sys.executable, "-I", "-c", program), capture_output=True, text=True)
    assert ran.stdout.strip() == "3"
"""
NAMES = [
    f"tests/promotion/test_tiny.py::{name}"
    for name in ("test_it_is_the_second", "test_it_is_the_first_in_a_process_of_its_own")
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Copy:
    made = make_copy(tmp_path_factory.mktemp("copy"), ["pyproject.toml"])
    for name, text in (("promotion/tiny.py", PRODUCT), ("tests/promotion/test_tiny.py", TESTS)):
        path = made.tree / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return made


def verdict(copy, change, tests=NAMES):
    [mutation] = [each for each in mutations("promotion/tiny.py", PRODUCT) if each.change == change]
    content = mutation.applied(PRODUCT)
    return tried(copy, "promotion/tiny.py", content, tests, seconds=5.0)


def test_the_first_test_that_fails_has_noticed_it(copy):
    assert verdict(copy, "if a > b  ->  if True").by == NAMES[0]


@pytest.mark.slow
def test_a_test_notices_in_another_process_too(copy):
    assert verdict(copy, "if a > b  ->  if False").by == NAMES[1]


def test_what_changes_nothing_survives_and_the_copy_is_as_before(copy):
    survived = verdict(copy, "a > b  ->  a >= b")

    assert (survived.by, survived.tests) == ("", 2)
    assert (copy.tree / "promotion" / "tiny.py").read_text() == PRODUCT


def test_without_a_test_it_survives(copy):
    assert verdict(copy, "if a > b  ->  if True", tests=[]).by == ""


def test_the_modules_own_tests_come_first_and_then_the_fastest():
    seconds = {
        "tests/test_a.py::x": 0.1,
        "tests/test_tiny.py::y": 5.0,
        "tests/test_tiny.py::z": 1.0,
    }

    assert in_order("promotion/tiny.py", set(seconds), seconds) == [
        "tests/test_tiny.py::z",
        "tests/test_tiny.py::y",
        "tests/test_a.py::x",
    ]
