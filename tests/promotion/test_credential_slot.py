from __future__ import annotations

import threading

import pytest

from promotion.credential_slot import LEAST_SECONDS, CredentialSlot
from promotion.databricks import GitCredential
from promotion.errors import ApiError
from promotion.git_credential import GitToken, store_git_credential


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


def test_a_credential_that_somebody_created_meanwhile_is_updated():
    credentials = Credentials()
    credentials.created_by_somebody_else = True

    store_git_credential(credentials, provider="gitHub", token=GitToken("x-access-token", "t"))

    assert credentials.log == [("updated", 8, "x-access-token", "t")]


def test_no_pull_runs_with_the_other_installations_token():
    slot, credentials, lock = CredentialSlot(lambda: 0.0), Credentials(), threading.Lock()
    sources = [Source("installation 1"), Source("installation 2")]
    pulls, inside, most = [], [0], [0]

    def current():
        return credentials.log[-1][-1].split("/")[0]

    def promote(source):
        for _ in range(20):
            with slot.held_by(source.holder):
                ensure(slot, credentials, source)
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                pulls.append((source.holder, current()))
                with lock:
                    inside[0] -= 1

    workers = [threading.Thread(target=promote, args=(sources[n % 2],)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert len(pulls) == 160
    assert [pull for pull in pulls if pull[0] != pull[1]] == []


def test_promotions_of_one_installation_share_the_slot():
    slot, together = CredentialSlot(lambda: 0.0), threading.Barrier(3, timeout=10)

    def promote():
        with slot.held_by("installation 1"):
            together.wait()

    workers = [threading.Thread(target=promote) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(15)

    assert not together.broken


def test_a_token_is_never_shown():
    assert "s3cret" not in repr(GitToken("x-access-token", "s3cret"))


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_that_is_no_conflict_is_raised(status):
    class Refusing(Credentials):
        def create_git_credential(self, **_):
            raise ApiError("POST", status=status)

    with pytest.raises(ApiError):
        store_git_credential(Refusing(), provider="gitHub", token=GitToken("u", "t"))
