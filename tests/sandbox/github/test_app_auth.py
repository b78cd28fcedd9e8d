"""Who is the App: the JWTs that GitHub takes, and its words for those that it does not."""

from __future__ import annotations

import email.utils
import stat
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github.api.app_auth import JwtRefusedError, verify_jwt
from sandbox.github.state.apps import Apps

NOW = 1_800_000_000
UNDECODABLE = "A JSON web token could not be decoded"
LATER = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was"
EXPIRED = "'Expiration time' claim ('exp') must be a numeric value representing the future time"


@pytest.fixture
def app(tmp_path):
    return Apps(tmp_path, time.time).add_first()


def test_the_private_key_is_pkcs1_and_only_its_owners(github):
    assert github.private_key_path.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert stat.S_IMODE(github.private_key_path.stat().st_mode) == 0o600


def test_the_app_is_known_by_its_client_id_and_by_its_app_id(github, rest):
    github.add_organization("octo-org")

    answers = [
        rest("GET", "/app", token=rest.jwt(iss=issuer))
        for issuer in (github.client_id, str(github.app_id))
    ]

    for answer in answers:
        app = answer.json()
        assert (app["id"], app["slug"]) == (github.app_id, github.app_slug)
        assert (app["client_id"], app["installations_count"]) == (github.client_id, 1)
        assert app["permissions"] == {"contents": "read", "metadata": "read", "checks": "write"}
        assert app["events"] == ["push", "repository"]


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        pytest.param({"exp": -1}, 401, EXPIRED, id="expired"),
        pytest.param({"exp": None}, 401, EXPIRED, id="without an end"),
        pytest.param(
            {"exp": 700},
            401,
            "'Expiration time' claim ('exp') is too far in the future",
            id="longer than ten minutes",
        ),
        pytest.param({"iat": 30}, 401, LATER, id="issued in the future"),
        pytest.param({"iat": None}, 401, LATER, id="without a start"),
        pytest.param({"iss": "nobody"}, 404, "Integration not found", id="of another app"),
    ],
)
def test_a_jwt_that_is_refused(app, claims, status, message):
    good = {"iat": NOW - 60, "exp": NOW + 300, "iss": str(app.id)}
    absolute = {
        name: NOW + value if isinstance(value, int) else value for name, value in claims.items()
    }
    given = {name: value for name, value in {**good, **absolute}.items() if value is not None}
    encoded = jwt.encode(given, app.private_key_path.read_text(), algorithm="RS256")

    with pytest.raises(JwtRefusedError) as refused:
        verify_jwt([app], f"Bearer {encoded}", lambda: NOW)

    assert refused.value.status == status
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize("claims", [{"exp": NOW + 1}, {"exp": NOW + 600}, {"iat": NOW}])
def test_a_jwt_at_the_limit_is_taken(app, claims):
    given = {"iat": NOW - 60, "exp": NOW + 300, "iss": app.client_id, **claims}
    encoded = jwt.encode(given, app.private_key_path.read_text(), algorithm="RS256")

    verify_jwt([app], f"Bearer {encoded}", lambda: NOW)


def test_a_jwt_of_another_key_is_refused(github, rest):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 60, "iss": github.client_id}

    answer = rest("GET", "/app", token=jwt.encode(claims, key, algorithm="RS256"))

    assert answer.status_code == 401
    body = answer.json()
    assert (body["message"], body["status"]) == (UNDECODABLE, "401")
    assert body["documentation_url"].startswith("https://docs.github.com/rest")


def test_a_jwt_goes_as_bearer_only(rest):
    for authorization in (f"token {rest.jwt()}", "Bearer rubbish", ""):
        answer = rest("GET", "/app", headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["message"]) == (401, UNDECODABLE)


def test_the_date_is_that_of_githubs_clock(rest, clock):
    clock.later = 900

    answer = rest.app("GET", "/app")

    assert answer.json()["message"].startswith(EXPIRED)
    date = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert abs(date.timestamp() - time.time() - 900) < 10


def test_installations_are_found_in_every_way(github, rest):
    first, second = github.add_organization("octo-org"), github.add_organization("hub-org")
    github.add_repository("octo-org/etl")
    github.add_repository("monalisa/dotfiles")
    github.suspend(second)

    listed = rest.app("GET", "/app/installations?per_page=1")

    assert [one["id"] for one in listed.json()] == [first]
    following = rest.app("GET", listed.links["next"]["url"]).json()
    assert following[0]["id"] == second
    assert following[0]["suspended_at"] is not None
    for path in (
        f"/app/installations/{first}",
        "/repos/Octo-Org/etl/installation",
        "/orgs/octo-org/installation",
    ):
        found = rest.app("GET", path).json()
        assert (found["id"], found["app_id"]) == (first, github.app_id)
        assert (found["account"]["login"], found["repository_selection"]) == ("octo-org", "all")
    for path in (
        "/app/installations/1",
        "/repos/monalisa/dotfiles/installation",
        "/repos/octo-org/nowhere/installation",
        "/orgs/nobody/installation",
    ):
        assert rest.app("GET", path).status_code == 404


def test_every_answer_tells_the_rate_and_the_version(rest):
    first, second = rest.app("GET", "/app"), rest.app("GET", "/app")

    assert first.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"
    assert first.headers["X-RateLimit-Limit"] == "5000"
    assert int(second.headers["X-RateLimit-Used"]) >= 1
    assert int(second.headers["X-RateLimit-Reset"]) > time.time()


def test_requests_that_github_does_not_look_at(rest):
    nameless = rest("GET", "/app", headers={"User-Agent": ""})
    unknown = rest.app("GET", "/app", headers={"X-GitHub-Api-Version": "1999-01-01"})

    assert nameless.status_code == 403
    assert "User-Agent header" in nameless.text
    assert unknown.status_code == 400


def test_a_trailing_slash_or_a_wrong_method_is_not_found(rest):
    for method, path in (("GET", "/app/"), ("DELETE", "/app"), ("GET", "/nowhere"), ("GET", "/")):
        answer = rest.app(method, path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_requests_are_recorded(github, rest):
    rest.app("GET", "/app?x=1")
    rest("GET", "/app")

    assert github.requests == [("GET", "/api/v3/app", 200), ("GET", "/api/v3/app", 401)]
