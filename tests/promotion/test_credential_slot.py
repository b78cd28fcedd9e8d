from __future__ import annotations

import contextlib
import threading
import time
from functools import partial

import pytest
from threads import at_once

from promotion.credential_lock import OneProcess
from promotion.credential_slot import LEAST_SECONDS, CredentialSlot
from promotion.databricks import GitCredential
from promotion.errors import ApiError
from promotion.git_credential import GitToken, find_git_credential, store_git_credential


class Source:
    """Numbered tokens of one holder, each good for an hour."""

    def __init__(self, holder="installation 1", now=lambda: 0.0):
        self.holder = holder
        self.minted = []
        self._now = now

    def mint(self, repositories):
        self.minted.append(set(repositories))
        return GitToken("x-access-token", f"{self.holder}/{len(self.minted)}", self._now() + 3600)


class Credentials:
    """A principal's Git credentials in a workspace: one for each provider."""

    def __init__(self, *stored):
        self.stored = {GitCredential(7, provider, "octocat", True): "old" for provider in stored}
        self.log = []
        self.created_by_somebody_else = False

    def list_git_credentials(self):
        return list(self.stored)

    def create_git_credential(self, *, provider, username, token):
        if self.created_by_somebody_else:
            self.stored[GitCredential(8, provider, "octocat", True)] = "theirs"
            self.created_by_somebody_else = False
            raise ApiError("POST", status=409, error_code="RESOURCE_CONFLICT")
        self.stored[GitCredential(9, provider, username, True)] = token
        self.log.append(("created", token))

    def update_git_credential(self, credential_id, *, provider, username, token):
        self.log.append(("updated", credential_id, username, token))


def ensure(slot, credentials, source, repository="octo-org/etl", others=frozenset()):
    return slot.ensure(credentials, source, provider="gitHub", repository=repository, others=others)


def test_a_token_is_stored_once_for_many_pulls():
    slot, source, credentials = CredentialSlot(lambda: 0.0), Source(), Credentials()

    for _ in range(3):
        ensure(slot, credentials, source)

    assert credentials.log == [("created", "installation 1/1")]


def test_a_token_covers_the_repositories_that_share_the_slot():
    slot, source, credentials = CredentialSlot(lambda: 0.0), Source(), Credentials()

    ensure(slot, credentials, source, others=frozenset({"octo-org/ml"}))
    ensure(slot, credentials, source, repository="octo-org/ml")
    ensure(slot, credentials, source, repository="octo-org/new")

    assert source.minted == [
        {"octo-org/etl", "octo-org/ml"},
        {"octo-org/etl", "octo-org/ml", "octo-org/new"},
    ]


def test_a_token_that_would_expire_inside_a_pull_is_renewed():
    now = [0.0]
    slot, credentials = CredentialSlot(lambda: now[0]), Credentials()
    source = Source(now=lambda: now[0])

    ensure(slot, credentials, source)
    now[0] = 3600 - LEAST_SECONDS - 1
    ensure(slot, credentials, source)
    assert len(source.minted) == 1
    now[0] = 3600 - LEAST_SECONDS
    ensure(slot, credentials, source)

    assert len(source.minted) == 2


def test_a_refused_token_is_replaced_once_for_all_who_pulled_with_it():
    slot, source, credentials = CredentialSlot(lambda: 0.0), Source(), Credentials()
    number = ensure(slot, credentials, source)

    slot.forget(number)
    ensure(slot, credentials, source)
    slot.forget(number)
    ensure(slot, credentials, source)

    assert len(source.minted) == 2


def test_what_is_stored_is_updated_and_the_user_name_is_sent_again():
    credentials = Credentials("GITHUB")

    store_git_credential(credentials, provider="gitHub", token=GitToken("x-access-token", "t"))

    assert credentials.log == [("updated", 7, "x-access-token", "t")]


def test_of_several_credentials_the_default_one_is_meant():
    first, default = (
        GitCredential(7, "gitHub", "ada", default=False),
        GitCredential(8, "GitHub", "ada", default=True),
    )
    credentials = Credentials()
    credentials.stored = {first: "a", default: "b"}

    assert find_git_credential(credentials, "github") == default
    del credentials.stored[default]
    assert find_git_credential(credentials, "github") == first
    assert find_git_credential(credentials, "gitLab") is None


def test_a_token_covers_no_repository_of_another_holder():
    slot, credentials = CredentialSlot(lambda: 0.0), Credentials()
    other = Source("installation 2")

    ensure(slot, credentials, Source(), others=frozenset({"octo-org/ml"}))
    ensure(slot, credentials, other, repository="other-org/web")

    assert other.minted == [{"other-org/web"}]


def test_a_credential_that_somebody_created_meanwhile_is_updated():
    credentials = Credentials()
    credentials.created_by_somebody_else = True

    store_git_credential(credentials, provider="gitHub", token=GitToken("x-access-token", "t"))

    assert credentials.log == [("updated", 8, "x-access-token", "t")]


def test_a_token_covers_nothing_that_the_other_installations_token_opened():
    slot, credentials = CredentialSlot(lambda: 0.0), Credentials()
    first, second = Source("installation 1"), Source("installation 2")

    ensure(slot, credentials, first, repository="octo-org/etl")
    ensure(slot, credentials, second, repository="other-org/lake")

    assert second.minted == [{"other-org/lake"}]


def test_a_token_that_is_stored_to_prove_it_replaces_a_good_one_and_covers_as_much():
    slot, source, credentials = CredentialSlot(lambda: 0.0), Source(), Credentials()
    before = ensure(slot, credentials, source, repository="octo-org/etl")

    token = slot.replace(
        credentials, source, provider="gitHub", repositories=frozenset({"octo-org/ml"})
    )
    after = ensure(slot, credentials, source, repository="octo-org/etl")

    assert credentials.log[-1][-1] == token.token == "installation 1/2"
    assert source.minted[-1] == {"octo-org/etl", "octo-org/ml"}
    assert after == before + 1


class Pulls:
    """Pulls of several installations, each slow enough for the others to come meanwhile."""

    def __init__(self, credentials):
        self._credentials = credentials
        self._lock = threading.Lock()
        self._inside = []
        self.most = 0  # installations that pulled at the same time
        self.owners = []  # of each pull: whose it was, and whose token was there before and after

    def run(self, holder):
        with self._lock:
            self._inside.append(holder)
            self.most = max(self.most, len(set(self._inside)))
        before = self._stored()
        time.sleep(0.002)  # a slow pull
        after = self._stored()
        with self._lock:
            self._inside.remove(holder)
            self.owners.append((holder, before, after))

    def _stored(self):
        return self._credentials.log[-1][-1].split("/")[0]


def test_no_pull_runs_with_the_other_installations_token():
    credentials, lock = Credentials(), OneProcess()
    # Two names of one workspace: each has a slot of its own, and they share its keeper.
    names = [CredentialSlot(lambda: 0.0, lock), CredentialSlot(lambda: 0.0, lock)]
    holders, pulls = ["installation 1", "installation 2"], Pulls(credentials)
    sources = [Source(holder) for holder in holders]

    def promote(number):
        slot, source = names[number % 2], sources[number // 2 % 2]
        for _ in range(10):
            with slot.held_by(source.holder):
                ensure(slot, credentials, source)
                pulls.run(source.holder)

    at_once(*(partial(promote, number) for number in range(8)))

    assert pulls.most == 1
    assert len(pulls.owners) == 80
    assert [each for each in pulls.owners if set(each) != {each[0]}] == []


def test_promotions_of_one_installation_share_the_slot():
    slot, together = CredentialSlot(lambda: 0.0), threading.Barrier(3, timeout=10)

    def promote():
        with slot.held_by("installation 1"):
            together.wait()

    at_once(promote, promote, promote)


def test_of_two_who_need_a_token_at_once_one_stores_it_for_both():
    slot, credentials, both = CredentialSlot(lambda: 0.0), Credentials(), threading.Barrier(2)
    meeting = threading.Barrier(2, timeout=0.5)

    class Slow(Source):
        def mint(self, repositories):
            with contextlib.suppress(threading.BrokenBarrierError):  # nobody else comes
                meeting.wait()
            return super().mint(repositories)

    source = Slow()

    def promote():
        with slot.held_by(source.holder):
            both.wait(10)
            ensure(slot, credentials, source)

    at_once(promote, promote)

    assert meeting.broken
    assert credentials.log == [("created", "installation 1/1")]


def test_a_token_is_never_shown():
    assert "s3cret" not in repr(GitToken("x-access-token", "s3cret"))


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_that_is_no_conflict_is_raised(status):
    class Refusing(Credentials):
        def create_git_credential(self, **_):
            raise ApiError("POST", status=status)

    with pytest.raises(ApiError):
        store_git_credential(Refusing(), provider="gitHub", token=GitToken("u", "t"))
