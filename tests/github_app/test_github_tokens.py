"""Installation tokens and limits, against the stand-in GitHub's real sockets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from builders import StillClock
from structlog.testing import capture_logs

from github_app.github.access import PROBE_PAUSES, InstallationAccess
from github_app.github.app import NEW_TOKEN_PAUSES, GitHubApp
from github_app.github.check_run import CheckRun, Subject
from github_app.github.rate_limits import LimitedError
from github_app.github.tokens import (
    LEAST_SECONDS,
    InstallationGoneError,
    InstallationToken,
    NotGrantedError,
    NotIncludedError,
    SuspendedError,
    TokenRequest,
)
from promotion.errors import ApiError
from promotion.http import open_session
from sandbox.faults import Faults
from sandbox.github.server import GitHub
from sandbox.serving import Listener

ETL, LAKE = "octo-org/etl", "octo-org/lake"
NOT_YET = {"message": "Resource not accessible by integration"}


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def github(tmp_path, faults):
    listening = Listener(None)
    opened = GitHub(tmp_path / "github", url=listening.url)
    listening.serve(faults.wrap(opened.asgi))
    opened.add_organization("octo-org")
    opened.add_repository(ETL)
    opened.add_repository(LAKE)
    yield opened
    opened.close()
    listening.close()


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def app(github, clock):
    with open_session(None) as session:
        yield GitHubApp(
            github.url,
            app_id=github.app_id,
            private_key=github.private_key_path.read_text(),
            session=session,
            clock=clock,
            now=github.now,
        )


@pytest.fixture
def wanted(app):
    """Return a function that says what a token is to be good for."""
    installation = app.installation_id(ETL)

    def build(permission="contents", level="read", repositories=(ETL,), number=installation):
        return TokenRequest(number, permission, level, frozenset(repositories))

    return build


def test_who_asks_at_once_gets_one_and_the_same_token(github, app, wanted, faults):
    faults.latency_seconds = 0.1

    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda _: app.tokens.get(wanted()), range(16)))

    assert len({token.token for token in tokens}) == 1
    assert len(github.issued_tokens) == 1


def test_tokens_for_different_work_do_not_wait_for_each_other_and_are_narrow(github, app, wanted):
    reading, writing = wanted(), wanted("checks", "write")

    app.tokens.get(reading)
    app.tokens.get(writing)
    app.tokens.get(wanted(repositories=(ETL, LAKE)))

    ids = {name: github.repository(name).id for name in (ETL, LAKE)}
    assert [(dict(t.permissions), t.repository_ids) for t in github.issued_tokens] == [
        ({"contents": "read", "metadata": "read"}, (ids[ETL],)),
        ({"checks": "write", "metadata": "read"}, (ids[ETL],)),
        ({"contents": "read", "metadata": "read"}, (ids[ETL], ids[LAKE])),
    ]


def test_a_token_is_renewed_before_it_ends(github, app, wanted):
    first = app.tokens.get(wanted())
    github.clock_skew += 3600 - LEAST_SECONDS - 5
    kept = app.tokens.get(wanted())
    github.clock_skew += 10

    assert kept == first
    assert app.tokens.get(wanted()) != first


def test_a_token_that_github_has_ended_is_replaced_at_once(github, app, wanted, clock):
    acting = app.acting(wanted())
    acting.branch_head(ETL, "main")
    github.clock_skew += 60  # it is no new one any more
    github.expire_tokens()

    assert acting.branch_head(ETL, "main") == github.head(ETL, "main")
    assert len(github.issued_tokens) == 2
    assert clock.now == 0.0


def test_a_token_is_handed_over_once_every_part_of_github_knows_it(github, app, clock):
    github.lag_fresh_tokens(uses=3)
    access = InstallationAccess(app, app.installation_id(ETL), ETL, clock)

    token = access.mint(frozenset())

    issued = github.issued_tokens[-1]
    assert token.token == issued.token
    assert clock.now == sum(PROBE_PAUSES[:4])
    assert app.installation(InstallationToken(token.token, issued.expires_at)).sees(ETL)


def test_a_token_that_github_does_not_know_any_more_is_handed_over_to_nobody(github, app, clock):
    access = InstallationAccess(app, app.installation_id(ETL), ETL, clock)
    first = access.mint(frozenset())
    github.clock_skew += 60  # it is no new one any more
    github.expire_tokens()

    second = access.mint(frozenset())

    assert second.token == github.issued_tokens[-1].token != first.token
    assert clock.now == sum(PROBE_PAUSES[:2])


def test_a_token_is_never_shown(app, wanted):
    token = app.tokens.get(wanted())

    assert token.token not in repr(token)


def test_a_refusal_for_another_reason_is_no_suspension(app, wanted, faults):
    reading = wanted()
    faults.add(path="*/access_tokens", status=403, body={"message": "Forbidden by the proxy"})

    with pytest.raises(ApiError, match="Forbidden by the proxy"):
        app.tokens.get(reading)


def test_both_meanings_of_422_are_told_apart(github, app, wanted):
    github.app_permissions = {"contents": "read", "metadata": "read"}

    with pytest.raises(NotGrantedError, match="has to accept the App's permissions"):
        app.tokens.get(wanted("checks", "write"))
    with pytest.raises(NotIncludedError, match=f"does not include {ETL}, octo-org/no-such: add it"):
        app.tokens.get(wanted(repositories=(ETL, "octo-org/no-such")))


def test_a_suspension_and_an_end_have_their_own_words(github, app, wanted):
    reading = wanted()
    github.suspend(reading.installation_id)
    with pytest.raises(SuspendedError, match="is suspended: its owner can unsuspend it"):
        app.tokens.get(reading)

    github.unsuspend(reading.installation_id)
    github.uninstall(reading.installation_id)
    with pytest.raises(InstallationGoneError, match="install it again on the account"):
        app.tokens.get(reading)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Resource not accessible by integration"),
        (403, "Forbidden"),
        (422, "The integration is odd"),
        (401, "This installation has been suspended"),
    ],
)
def test_any_other_refusal_is_what_github_says(github, app, wanted, faults, status, message):
    reading = wanted()
    faults.add(path="*/access_tokens", status=status, body={"message": message}, times=None)

    with pytest.raises(ApiError, match=message) as caught:
        app.tokens.get(reading)

    assert caught.value.status == status


def test_a_new_token_whose_permission_is_not_known_everywhere_is_given_time(
    github, app, wanted, faults, clock
):
    faults.add(status=403, path="*/check-runs", times=3, body=NOT_YET)
    head = github.head(ETL, "main")

    acting = app.acting(wanted("checks", "write"))
    acting.create_check_run(
        ETL, CheckRun(Subject("refs/heads/main", "dev"), head, "in_progress", "t", "s")
    )

    assert len(github.check_runs) == 1
    assert clock.now == sum(NEW_TOKEN_PAUSES)


def test_an_older_token_that_lacks_a_permission_is_not_waited_for(
    github, app, wanted, faults, clock
):
    acting = app.acting(wanted())
    acting.branch_head(ETL, "main")
    github.clock_skew += 60
    faults.add(status=403, path="*/git/ref/*", times=None, body=NOT_YET)

    with pytest.raises(ApiError, match="not accessible by integration"):
        acting.branch_head(ETL, "main")

    assert clock.now == 0.0


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_new_token_that_is_not_known_everywhere_is_given_time(github, app, wanted, clock, uses):
    github.lag_fresh_tokens(uses=uses)

    assert app.acting(wanted()).branch_head(ETL, "main") == github.head(ETL, "main")
    assert len(github.issued_tokens) == 1
    assert clock.now == sum(NEW_TOKEN_PAUSES[:uses])


def test_a_token_is_handed_over_once_github_knows_it(github, app, clock):
    access = InstallationAccess(app, app.installation_id(ETL), ETL, clock)
    github.lag_fresh_tokens(uses=1)

    token = access.mint(frozenset({ETL}))

    assert app.installation(as_installation(token)).sees(ETL)
    assert (len(github.issued_tokens), clock.now) == (1, 1.0)


def test_a_token_that_github_has_ended_is_replaced_before_it_is_handed_over(github, app, clock):
    access = InstallationAccess(app, app.installation_id(ETL), ETL, clock)
    first = access.mint(frozenset({ETL}))
    github.clock_skew += 60  # it is no new one any more
    github.expire_tokens()

    second = access.mint(frozenset({ETL}))

    assert second.token != first.token
    assert app.installation(as_installation(second)).sees(ETL)


def as_installation(token):
    return InstallationToken(token.token, datetime.fromtimestamp(token.expires_at, UTC))


def test_what_one_installation_has_used_up_the_other_still_has(github, app):
    github.add_organization("hub-org")
    github.add_repository("hub-org/sea")
    ours, theirs = (
        app.acting(TokenRequest(app.installation_id(name), "contents", "read", frozenset({name})))
        for name in (ETL, "hub-org/sea")
    )
    github.limits.per_hour, github.limits.enforced = 20, True
    for _ in range(20):
        ours.branch_head(ETL, "main")

    with pytest.raises(LimitedError, match="is used up for another"):
        ours.branch_head(ETL, "main")

    assert theirs.branch_head("hub-org/sea", "main") == github.head("hub-org/sea", "main")


def test_what_is_left_of_the_hour_is_logged_as_it_becomes_less(github, app, wanted):
    github.limits.per_hour = 20
    acting = app.acting(wanted())

    with capture_logs() as logs:
        for _ in range(20):
            acting.branch_head(ETL, "main")

    number = wanted().installation_id
    said = [each for each in logs if each.get("installation") == number]
    assert {each["event"] for each in said} == {"github.calls_left"}
    assert [each["remaining"] for each in said] == [19, 17, 15, 13, 11, 9, 7, 5, 3, 1]
    assert [each["remaining"] for each in said if each["log_level"] == "warning"] == [1]


def test_an_answer_that_has_not_changed_costs_nothing_of_the_hour(github, app, wanted):
    acting = app.acting(wanted())
    known = acting.head(ETL, "main")
    before = acting.calls_left()

    for _ in range(5):
        known = acting.head(ETL, "main", known)

    assert known.commit == github.head(ETL, "main")
    assert acting.calls_left() == (before[0] - 1, before[1])  # the question itself
