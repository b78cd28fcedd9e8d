"""Registering an App from a manifest, as a browser and a program do it together."""

from __future__ import annotations

import json
import re
import urllib.parse

import jwt
import pytest
import requests
from form_browser import Browser

from sandbox.github.server import GitHub
from sandbox.github.state.manifest import ManifestInvalidError, read_manifest
from sandbox.serving import Listener

CALLBACK = "http://127.0.0.1:9/callback"
GOOD = {
    "name": "Our brickpush",
    "url": "https://brickpush.example",
    "redirect_url": CALLBACK,
    "setup_url": "http://127.0.0.1:9/installed?from=github",
    "public": False,
    "hook_attributes": {"url": "http://127.0.0.1:9/webhooks/github"},
    "default_permissions": {"contents": "read", "checks": "write"},
    "default_events": ["push", "repository"],
}


@pytest.fixture
def bare(tmp_path, certificate, clock):
    listener = Listener(certificate)
    github = GitHub(tmp_path / "github", url=listener.url, clock=clock, has_app=False)
    listener.serve(github.asgi)
    github.add_account("octo-org")
    github.add_repository("octo-org/etl")
    github.add_repository("octo-org/other")
    yield github
    github.close()
    listener.close()


@pytest.fixture
def browser(certificate):
    with requests.Session() as session:
        yield Browser(session, str(certificate.ca_path))


def query_of(answer):
    assert answer.status_code == 302, answer.text
    parts = urllib.parse.urlsplit(answer.headers["Location"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}", dict(urllib.parse.parse_qsl(parts.query))


def register(github, browser, manifest=GOOD, organization="octo-org", **typed):
    place = f"/organizations/{organization}" if organization else ""
    url = f"{github.url}{place}/settings/apps/new?state=one+%22state%22"
    return browser.submit(browser.post(url, manifest=json.dumps(manifest)), **typed)


def convert(github, browser, code):
    return browser.post(f"{github.api_url}/app-manifests/{code}/conversions")


def test_an_app_is_registered_in_the_browser_and_converted_once(bare, browser):
    where, query = query_of(register(bare, browser, name="Another name"))

    first = convert(bare, browser, query["code"])
    second = convert(bare, browser, query["code"])

    assert (where, query["state"]) == (CALLBACK, 'one "state"')
    assert (first.status_code, second.status_code) == (201, 404)
    app = first.json()
    assert (app["name"], app["slug"], app["owner"]["login"]) == (
        "Another name",
        "another-name",
        "octo-org",
    )
    assert app["permissions"] == {"contents": "read", "checks": "write", "metadata": "read"}
    assert app["events"] == ["push", "repository"]
    assert app["html_url"] == f"{bare.url}/apps/another-name"
    assert app["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert (bare.client_id, bare.webhook_secret) == (app["client_id"], app["webhook_secret"])
    assert len(app["client_secret"]) == 40


def test_the_stand_in_is_that_app_from_then_on(bare, browser, clock, until):
    _, query = query_of(register(bare, browser))
    app = convert(bare, browser, query["code"]).json()
    page = browser.get(f"{app['html_url']}/installations/new?state=s1")
    where, landed = query_of(browser.submit(page, target_id="octo-org"))
    now = int(clock())
    claims = {"iat": now - 60, "exp": now + 300, "iss": app["client_id"]}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, app['pem'], algorithm='RS256')}"}

    path = f"/app/installations/{landed['installation_id']}"
    found = requests.get(
        bare.api_url + path, headers=headers, verify=browser.ca_path, timeout=20
    ).json()

    assert where == "http://127.0.0.1:9/installed"
    assert landed == {
        "from": "github",
        "installation_id": landed["installation_id"],
        "setup_action": "install",
        "state": "s1",
    }
    assert (found["app_id"], found["account"]["login"]) == (app["id"], "octo-org")
    until(lambda: len(bare.deliveries) == 2)
    assert [delivery.event for delivery in bare.deliveries] == ["ping", "installation"]
    created = bare.deliveries[1]
    assert (created.action, created.status) == ("created", "failed to connect to host")
    names = [one["full_name"] for one in created.payload["repositories"]]
    assert names == ["octo-org/etl", "octo-org/other"]


def test_only_chosen_repositories_and_a_second_choice(bare, browser, until):
    _, query = query_of(register(bare, browser, {**GOOD, "setup_url": None}))
    app = convert(bare, browser, query["code"]).json()
    url = f"{bare.url}/github-apps/{app['slug']}/installations/new"
    etl, other = (bare.repository(f"octo-org/{name}").id for name in ("etl", "other"))

    first = browser.submit(
        browser.get(url), target_id="octo-org", selection="selected", repository_ids=[etl]
    )
    again = browser.submit(
        browser.get(url), target_id="octo-org", selection="selected", repository_ids=[other]
    )

    where, _ = query_of(first)
    assert query_of(again)[0] == where
    assert where.startswith(f"{bare.url}/organizations/octo-org/settings/installations/")
    shown = browser.get(where).text
    assert "octo-org/other" in shown
    assert "octo-org/etl" not in shown
    until(lambda: len(bare.deliveries) == 4)
    assert [(one.event, one.action) for one in bare.deliveries] == [
        ("ping", None),
        ("installation", "created"),
        ("installation_repositories", "added"),
        ("installation_repositories", "removed"),
    ]


def test_a_private_app_is_offered_to_its_owner_only(bare, browser):
    bare.add_account("hub-org")
    register(bare, browser)
    register(bare, browser, {**GOOD, "public": True}, name="Public one")

    private = browser.get(f"{bare.url}/apps/our-brickpush/installations/new").text
    public = browser.get(f"{bare.url}/apps/public-one/installations/new").text

    assert re.findall(r"<option[^>]*>([^<]*)<", private) == ["octo-org"]
    assert re.findall(r"<option[^>]*>([^<]*)<", public) == ["octocat", "octo-org", "hub-org"]
    refused = browser.post(f"{bare.url}/apps/our-brickpush/installations/new", target_id="hub-org")
    assert refused.status_code == 404
    assert "Developed by octo-org" in browser.get(f"{bare.url}/apps/our-brickpush").text


def test_a_personal_app_and_a_manifest_in_the_address(bare, browser):
    address = urllib.parse.urlencode({"manifest": json.dumps(GOOD)})

    shown = browser.get(f"{bare.url}/settings/apps/new?{address}")
    _, query = query_of(browser.submit(shown))

    assert "Create GitHub App for octocat" in shown.text
    assert "state" not in query
    assert convert(bare, browser, query["code"]).json()["owner"]["login"] == "octocat"


def test_a_code_is_good_for_an_hour(bare, browser, clock):
    _, query = query_of(register(bare, browser))
    clock.later = 3601

    assert convert(bare, browser, query["code"]).status_code == 404
    assert convert(bare, browser, "0" * 40).status_code == 404


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Taken", "Name has already been taken"),
        ("x" * 35, "Name is too long (maximum is 34 characters)"),
        ("GitHub helper", "Name should not begin with &#x27;GitHub&#x27; or &#x27;Gist&#x27;"),
        (" ", "Name can&#x27;t be blank"),
    ],
)
def test_a_name_that_cannot_be_had_is_asked_for_again(bare, browser, name, problem):
    register(bare, browser, name="Taken")

    again = register(bare, browser, name=name)

    assert again.status_code == 422
    assert problem in again.text
    assert query_of(browser.submit(again, name="Free"))[0] == CALLBACK


def test_no_app_is_there_before(bare, browser):
    with pytest.raises(LookupError, match="no App is registered yet"):
        _ = bare.app_id

    unknown = register(bare, browser, organization="octo-org")
    assert unknown.status_code == 302
    for path in ("/organizations/nowhere/settings/apps/new", "/apps/nothing"):
        assert browser.get(bare.url + path).status_code == 404


def without(*names, **changes):
    return {key: value for key, value in {**GOOD, **changes}.items() if key not in names}


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        pytest.param(without("url", "hook_attributes"), '"url" wasn\'t supplied.', id="no url"),
        pytest.param(
            without(hook_attributes={"active": False}), '"url" wasn\'t supplied.', id="no hook url"
        ),
        pytest.param(
            without(hook_attributes={"url": "https://x.example", "secret": "s"}),
            '"secret" is not a permitted key.',
            id="secret",
        ),
        pytest.param(
            without(),
            "Hook url is not supported because it isn't reachable over the public Internet "
            "(127.0.0.1)",
            id="local hook",
        ),
        pytest.param(
            without("hook_attributes", default_events=["push", "installation"]),
            "Default events unsupported: installation; "
            "Default events are not supported by permissions: installation",
            id="automatic event",
        ),
        pytest.param(
            without("hook_attributes", default_events=["issues", "status", "fork", "release"]),
            "Default events are not supported by permissions: issues and status",
            id="events without permission",
        ),
        pytest.param(
            without("hook_attributes", callback_urls=["https://x.example"] * 11),
            "Callback urls are limited to 10",
            id="callbacks",
        ),
        pytest.param([], "Manifest is not an object", id="a list"),
    ],
)
def test_a_manifest_that_github_refuses(manifest, problem):
    with pytest.raises(ManifestInvalidError) as refused:
        read_manifest(json.dumps(manifest), allow_local_hooks=False)

    assert str(refused.value) == problem


def test_a_refusal_is_shown_as_a_page(bare, browser):
    url = f"{bare.url}/settings/apps/new"

    for manifest, problem in (("{", "Manifest is not valid JSON"), ("{}", "wasn&#x27;t supplied")):
        shown = browser.post(url, manifest=manifest)
        assert shown.status_code == 422
        assert "Invalid GitHub App configuration" in shown.text
        assert problem in shown.text
