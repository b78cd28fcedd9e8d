"""What `make mutants` changes, and which of it."""

from __future__ import annotations

import ast
import textwrap

import pytest
from mutants.copies import ROOT
from mutants.measuring import product
from mutants.mutations import mutations
from mutants.sample import all_mutations, equivalents, sample

SOURCE = textwrap.dedent(
    '''\
    """A module."""
    import logging

    LIMIT = 5
    log = logging.getLogger(__name__)


    def act(folder: str = "a", *, force: bool = False) -> str | None:
        """Act."""
        if folder is None or force:
            return None
        log.warning("acts", extra=1 + 1)
        prepare(folder)
        text = redact(f"{1 + 1} of {folder}")
        return query().where(folder == text, LIMIT < 4).limit(3)
    '''
)


def changes(source):
    return {(each.function, each.change) for each in mutations("m.py", source)}


@pytest.mark.parametrize(
    ("function", "change"),
    [
        ("", "5 in LIMIT = 5  ->  6"),
        ("act", "if folder is None or force  ->  if False"),
        ("act", "if folder is None or force  ->  if True"),
        ("act", "folder is None or force  ->  folder is None and force"),
        ("act", "folder is None or force  ->  force"),
        ("act", "folder is None  ->  folder is not None"),
        ("act", "prepare(folder)  ->  nothing"),
        ("act", "False in folder: str='a', *, force: bool=False  ->  True"),
    ],
)
def test_a_guard_a_call_or_a_number_is_taken_away_or_changed(function, change):
    assert (function, change) in changes(SOURCE)


def test_logging_texts_and_annotations_stay_as_they_are():
    told = "\n".join(change for _, change in changes(SOURCE))

    assert "log." not in told
    assert "1 in 1 + 1" not in told
    assert "str | None" not in told


def test_every_change_of_a_query_is_another():
    told = [change for _, change in changes(SOURCE) if "where" in change and "limit" in change]

    assert {each.partition("  ->  ")[2] for each in told} >= {
        "query().where(folder == text, LIMIT < 4)",
        "return None",
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", product())
def test_every_change_of_the_product_is_python_and_has_a_key_of_its_own(path):
    source = (ROOT / path).read_text(encoding="utf-8")
    found = mutations(path, source)

    for each in found[:: max(1, len(found) // 20)]:
        changed = each.applied(source)
        ast.parse(changed)
        assert changed != source
    assert len({each.key for each in found}) == len(found)


def test_a_key_survives_lines_that_move():
    moved = SOURCE.replace("LIMIT = 5\n", "# why\n\nLIMIT = 5\n")

    assert {each.key for each in mutations("m.py", moved)} == {
        each.key for each in mutations("m.py", SOURCE)
    }


def test_a_sample_is_repeatable_and_takes_one_change_of_a_function():
    found = all_mutations(ROOT, product()[:20])
    first = sample(found, set(), seed=1, count=10)

    assert sample(found[::-1], set(), seed=1, count=10) == first
    assert sample(found, set(), seed=2, count=10) != first
    assert len({(each.path, each.function) for each in first}) == 10
    without = sample(found, {first[0].key}, seed=1, count=10)
    assert first[0] not in without
    assert without[:9] == first[1:] or len(set(without) & set(first)) >= 8


def test_every_change_that_is_called_equivalent_is_one_that_can_be_made():
    possible = {each.key for each in all_mutations(ROOT, product())}
    listed = equivalents()

    assert [each.key for each in listed if each.key not in possible] == []
    assert [each.change for each in listed if len(each.why) < 20] == []
    assert len({each.key for each in listed}) == len(listed)
