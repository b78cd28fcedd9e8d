"""Where a push is taken before it is promoted: GitHub's head of the branch decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NEW, NEWER, OLD, StillClock, a_push

from github_app.storage.branches import BranchPush
from github_app.worker.branch_head import PAUSES, at_head
from promotion.ancestry import Ancestry
from promotion.errors import PromotionError
from promotion.model import ZERO_SHA

ABOUT_TEN_SECONDS = pytest.approx(10, abs=1)


class Repository:
    """Answers with one head after the other, and then with the last; knows what contains what."""

    def __init__(self, *heads, ancestry=Ancestry.LACKS, is_itself=True):
        self.heads, self.ancestry, self.is_itself = list(heads), ancestry, is_itself
        self.compared = []

    def branch_head(self, branch):
        assert branch == "main"
        return self.heads.pop(0) if len(self.heads) > 1 else self.heads[0]

    def compare(self, head, commit):
        self.compared.append((head, commit))
        return self.ancestry

    def require_itself(self):
        if not self.is_itself:
            raise PromotionError("another repository has the name")


def a_pending_push(**changes):
    pushed = BranchPush(
        a_push(), 7, "https://github.com/octo-org/etl", 11, seq=3, received_at=0.0, run=1
    )
    return replace(pushed, **changes)


def taken(repository, pushed=None):
    clock = StillClock()
    return at_head(pushed or a_pending_push(), repository, clock), clock.now


def test_a_push_that_is_the_head_stays_as_it_is():
    repository = Repository(NEW)

    assert taken(repository) == (a_pending_push(), 0)
    assert repository.compared == []


def test_a_head_that_contains_the_push_is_the_newest_at_once():
    now, waited = taken(Repository(NEWER, ancestry=Ancestry.CONTAINS))

    assert now.push == a_push(before=NEW, after=NEWER)
    assert now.superseded == (a_push(),)
    assert waited == 0


@pytest.mark.parametrize("ancestry", [Ancestry.LACKS, Ancestry.UNKNOWN, Ancestry.FOREIGN])
def test_a_head_that_may_be_an_old_one_is_asked_for_again(ancestry):
    now, waited = taken(Repository(OLD, OLD, NEW, ancestry=ancestry))

    assert now == a_pending_push()
    assert waited == sum(PAUSES[:2])


@pytest.mark.parametrize("ancestry", [Ancestry.LACKS, Ancestry.UNKNOWN, Ancestry.FOREIGN])
def test_in_the_end_github_is_believed(ancestry):
    before = a_push(before=ZERO_SHA, after=OLD)
    earlier = a_pending_push(superseded=(before, replace(before, after=NEWER)))

    now, waited = taken(Repository(OLD, ancestry=ancestry), earlier)

    assert now.push == a_push(before=NEW, after=OLD)
    assert now.superseded == (replace(before, after=NEWER), a_push())
    assert waited == ABOUT_TEN_SECONDS


def test_what_is_known_of_one_head_is_not_asked_twice():
    repository = Repository(OLD)

    taken(repository)

    assert repository.compared == [(OLD, NEW)]


def test_a_branch_that_is_not_there_yet_is_asked_for_again():
    now, waited = taken(Repository(None, NEW))

    assert now == a_pending_push()
    assert waited == PAUSES[0]


def test_a_branch_that_is_gone_is_deleted():
    now, waited = taken(Repository(None))

    assert now.push == a_push(before=NEW, after=ZERO_SHA)
    assert now.superseded == (a_push(),)
    assert waited == ABOUT_TEN_SECONDS


@pytest.mark.parametrize("head", [None, OLD])
def test_a_name_that_is_not_the_repositorys_any_more_says_nothing_of_its_branch(head):
    with pytest.raises(PromotionError, match="another repository"):
        taken(Repository(head, is_itself=False))


def test_a_deletion_of_a_branch_that_is_gone_stays_as_it_is():
    deletion = a_pending_push(push=a_push(after=ZERO_SHA))

    assert taken(Repository(None), deletion) == (deletion, 0)


def test_a_branch_that_was_made_again_after_its_deletion_is_promoted():
    deletion = a_pending_push(push=a_push(after=ZERO_SHA))

    now, waited = taken(Repository(NEWER), deletion)

    assert now.push == a_push(before=ZERO_SHA, after=NEWER)
    assert waited == ABOUT_TEN_SECONDS
