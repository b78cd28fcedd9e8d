from __future__ import annotations

from dataclasses import replace

import pytest
from builders import ETL, NEW, NEWER, OLD, a_folder, a_push

from promotion.model import ZERO_SHA
from promotion.plan import PlanInput, plan
from promotion.rules import EVERY_FOLDER, Rule, deciding_rule, highest

NOTHING = Rule("rule 1 of dev", ("/Users/**",), follow="nothing")
TAGS = Rule("rule 2 of dev", ("/Repos/Production/*",), follow="tag:v*")
RULES = (NOTHING, TAGS)
PRODUCTION = "/Repos/Production/etl"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/Users/ada@octo.example/etl", NOTHING),
        ("/Users/ada@octo.example/deep/etl", NOTHING),
        ("/Users/.hidden/etl", NOTHING),
        ("/Repos/Production/etl", TAGS),
        ("/Repos/Production/deep/etl", EVERY_FOLDER),
        ("/Repos/production/etl", EVERY_FOLDER),
        ("/Shared/etl", EVERY_FOLDER),
    ],
)
def test_the_first_rule_that_matches_decides(path, rule):
    assert deciding_rule(path, RULES) == rule


@pytest.mark.parametrize(
    ("tags", "best"),
    [
        (["v1.9", "v1.10"], "v1.10"),
        (["v1.0", "v2.0-rc.1"], "v2.0-rc.1"),
        (["v2.0-rc.1", "v2.0"], "v2.0"),
        (["v1", "w2", "vnext"], "v1"),
        (["vnext"], None),
        ([], None),
    ],
)
def test_the_highest_version_is_told_by_numbers_not_by_letters(tags, best):
    assert highest(tags, "v*") == best


def decide(push, folder, tags, rules=RULES):
    [decision] = plan(push, PlanInput({ETL}, rules, tags), [folder])
    return decision.destination.name if decision.moves else None, decision.reason


def test_a_folder_that_follows_nothing_names_its_rule():
    folder = a_folder(path="/Users/ada/etl")

    assert decide(a_push(), folder, {}) == (None, "is left alone by rule 1 of dev")


@pytest.mark.parametrize(
    ("push", "head", "tags", "expected"),
    [
        pytest.param(
            a_push(ref="refs/tags/v1.1"),
            OLD,
            {"v1.0": OLD, "v1.1": NEW},
            ("v1.1", "follows the tags v* by rule 2 of dev"),
            id="a new version",
        ),
        pytest.param(
            a_push(ref="refs/tags/v1.0.1"),
            NEW,
            {"v1.0.1": NEWER, "v1.1": NEW},
            (None, "follows the tags v* by rule 2 of dev: v1.1, not v1.0.1"),
            id="a version lower than the folder's",
        ),
        pytest.param(
            a_push(ref="refs/heads/main"),
            OLD,
            {"v1.1": NEW},
            (None, "follows the tags v* by rule 2 of dev"),
            id="a branch",
        ),
        pytest.param(
            a_push(ref="refs/tags/v1.1", after=ZERO_SHA),
            NEW,
            {"v1.0": OLD},
            (None, "v1.1 was deleted, and rule 2 of dev never goes back"),
            id="a deleted tag",
        ),
        pytest.param(
            a_push(ref="refs/tags/nightly"),
            OLD,
            {"nightly": NEW},
            (None, "no tag is a version that matches v* of rule 2 of dev"),
            id="no version",
        ),
        pytest.param(
            a_push(ref="refs/tags/nightly"),
            NEW,
            {"nightly": NEWER, "v1.1": NEW},
            (None, "follows the tags v* by rule 2 of dev: v1.1, not nightly"),
            id="a tag beside the pattern's",
        ),
    ],
)
def test_a_folder_that_follows_tags(push, head, tags, expected):
    folder = a_folder(path=PRODUCTION, branch=None, head_commit_id=head)

    assert decide(push, folder, tags) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"v1.0": OLD}, ("v1.0", "follows the tags v* by rule 2 of dev")),
        ({}, (None, "no tag is a version that matches v* of rule 2 of dev")),
    ],
)
def test_a_folder_that_may_go_back_leaves_a_deleted_tag(tags, expected):
    folder = a_folder(path=PRODUCTION, branch=None, head_commit_id=NEW)
    push = a_push(ref="refs/tags/v1.1", after=ZERO_SHA)
    rules = tuple(replace(rule, back=True) for rule in RULES)

    assert decide(push, folder, tags, rules) == expected
