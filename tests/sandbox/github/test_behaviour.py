"""GitHub in other moods: short and fresh tokens, limits, a wrong clock, several keys."""

from __future__ import annotations

import email.utils
import re
import time

import pytest

ETL = "/repos/octo-org/etl"
NOT_GRANTED = "The permissions requested are not granted to this installation."


@pytest.fixture
def installation_id(github):
    installation_id = github.add_organization("octo-org")
    github.add_repository("octo-org/etl")
    return installation_id


def test_tokens_are_short_where_they_still_are(github, rest, installation_id):
    github.short_tokens = True
    path = f"/app/installations/{installation_id}/access_tokens"

    usual = rest.token(installation_id)
    asked = rest.app("POST", path, headers={"X-GitHub-Stateless-S2S-Token": "enabled"}).json()

    assert re.fullmatch(r"ghs_[A-Za-z0-9]{36}", usual)
    assert len(asked["token"]) > 480
    assert rest("GET", ETL, token=usual).status_code == 200


def test_a_fresh_token_is_not_known_everywhere(story, rest, clock):
    story.github.lag_fresh_tokens(uses=2)
    token = rest.token(story.installation_id)
    by_use = [rest("GET", ETL, token=token).status_code for _ in range(3)]
    story.github.lag_fresh_tokens(seconds=5)
    fresh = rest.token(story.installation_id)
    url = story.github.repository("octo-org/etl").clone_url
    remote = url.replace("://", f"://x-access-token:{fresh}@")

    early = (rest("GET", ETL, token=fresh).status_code, story.git.attempt("ls-remote", remote))
    clock.later = 6
    late = (rest("GET", ETL, token=fresh).status_code, story.git.attempt("ls-remote", remote))

    assert by_use == [401, 401, 200]
    assert early[0] == 401
    assert "not found" in early[1].stderr
    assert (late[0], late[1].returncode) == (200, 0)


def test_a_secondary_limit_is_ordered(github, rest, installation_id):
    token = rest.token(installation_id)
    github.limits.refuse_secondary(1, retry_after=7)
    github.limits.refuse_secondary(1, status=429, retry_after=None)

    answers = [rest("GET", ETL, token=token) for _ in range(3)]

    assert [one.status_code for one in answers] == [403, 429, 200]
    assert "secondary rate limit" in answers[0].json()["message"]
    assert [one.headers.get("Retry-After") for one in answers] == ["7", None, None]


def test_the_hourly_limit_is_ordered_or_enforced(github, rest, installation_id, clock):
    token = rest.token(installation_id)
    github.limits.refuse_exhausted(1, reset_in=90)
    ordered = rest("GET", ETL, token=token)
    github.limits.per_hour, github.limits.enforced = 2, True

    used_up = [rest("GET", ETL, token=one) for one in (token, rest.token(installation_id), token)]
    clock.later = 3601
    now = int(clock())
    path = f"/app/installations/{installation_id}/access_tokens"
    renewed = rest("POST", path, token=rest.jwt(iat=now, exp=now + 300)).json()["token"]
    later = rest("GET", ETL, token=renewed)

    assert (ordered.status_code, ordered.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert abs(int(ordered.headers["X-RateLimit-Reset"]) - time.time() - 90) < 20
    assert [one.status_code for one in used_up] == [200, 403, 403]
    assert used_up[1].json()["message"].startswith("API rate limit exceeded")
    assert later.status_code == 200


def test_what_was_read_before_costs_nothing(github, rest, installation_id):
    token = rest.token(installation_id)
    for path in (ETL, f"{ETL}/git/ref/heads/main"):
        first = rest("GET", path, token=token)
        known = {"If-None-Match": first.headers["ETag"]}
        again = rest("GET", path, token=token, headers=known)

        github.commit("octo-org/etl", "main", {"a": path}, "Change")
        changed = rest("GET", f"{ETL}/git/ref/heads/main", token=token, headers=known)

        assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
        assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"]


def test_creating_too_much_in_a_minute(github, rest, installation_id, clock):
    github.limits.content_enforced = True
    token = rest.token(installation_id)

    def create():
        return rest("POST", f"{ETL}/check-runs", token=token, json={}).status_code

    answers = [create() for _ in range(81)]
    clock.later = 61

    assert answers == [422] * 80 + [403]
    assert create() == 422


def test_a_wrong_clock_judges_our_jwts(github, rest, installation_id):
    github.clock_skew = 700

    ahead = rest.app("GET", "/app")

    assert "'exp'" in ahead.json()["message"]
    date = email.utils.parsedate_to_datetime(ahead.headers["Date"]).timestamp()
    assert abs(date - time.time() - 700) < 20
    github.clock_skew = -700
    assert "too far in the future" in rest.app("GET", "/app").json()["message"]


def test_permissions_count_once_they_are_accepted(github, rest, installation_id):
    path = f"/app/installations/{installation_id}/access_tokens"
    wanted = {"permissions": {"statuses": "write"}}
    github.request_permissions({**github.app_permissions, "statuses": "write"})

    before = rest.app("POST", path, json=wanted)
    github.accept_permissions(installation_id)
    after = rest.app("POST", path, json=wanted)

    assert (before.status_code, before.json()["message"]) == (422, NOT_GRANTED)
    assert after.status_code == 201
    assert rest.app("GET", "/app").json()["permissions"]["statuses"] == "write"


def test_an_app_has_several_keys_while_they_are_changed(github, rest):
    old = github.private_key_path
    before = rest.jwt()
    new = github.add_private_key()

    both = [rest("GET", "/app", token=one).status_code for one in (before, rest.jwt())]
    github.delete_private_key(old)
    after = [rest("GET", "/app", token=one).status_code for one in (before, rest.jwt())]

    assert (both, after) == ([200, 200], [200, 401][::-1])
    assert new == github.private_key_path != old


def test_deliveries_are_forgotten_after_three_days(story, rest, clock, until):
    story.git("push", "--quiet", "origin", "main:refs/heads/a", cwd=story.work)
    until(lambda: len(story.github.deliveries) == 1)
    number = story.github.deliveries[0].id
    clock.later = 3 * 24 * 3600
    story.github.clock_skew = 60
    now = int(clock()) + 60
    token = rest.jwt(iat=now - 60, exp=now + 300)

    log = rest("GET", "/app/hook/deliveries", token=token)
    attempt = rest("POST", f"/app/hook/deliveries/{number}/attempts", token=token)

    assert (log.json(), attempt.status_code) == ([], 404)
