"""The wizard's page on a host that others use too, and in a browser that visits other pages."""

from __future__ import annotations

import contextlib

import pytest
import requests

from github_app.setup.page import Target, create_page
from github_app.setup.page_access import PageAccess
from github_app.setup.serving import open_port, serving, url_of


class Taken:
    """Remembers the codes that it was handed."""

    def __init__(self):
        self.codes = []

    def shown(self):
        return {
            "stage": "ready",
            "wanted": {
                "github": "github.com",
                "organization": None,
                "webhook_url": "u",
                "directory": "d",
            },
            "app": None,
            "problem": "",
            "accounts": (),
            "next_steps": (),
            "permissions": {},
            "events": [],
        }

    def manifest(self):
        return {}

    def take(self, code):
        self.codes.append(code)

    def seen(self, _stage):
        return


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def visitors():
    return PageAccess()


@pytest.fixture
def url(taken, visitors):
    listening = open_port(0)
    page = create_page(Target("https://github.com", None), taken, visitors)
    with serving(page, listening):
        yield url_of(listening)


def get(url, path, *, session=requests, **more):
    return session.get(f"{url}{path}", allow_redirects=False, timeout=10, **more)


def entered(url, visitors):
    session = requests.Session()
    assert get(url, f"/start?token={visitors.token}", session=session).status_code == 303
    return session


def test_the_page_is_on_loopback_only():
    with contextlib.closing(open_port(0)) as listening:
        place = listening.getsockname()
        url = url_of(listening)

    assert (place[0], url) == ("127.0.0.1", f"http://127.0.0.1:{place[1]}")


@pytest.mark.parametrize("path", ["/", "/registered?code=x&state=y", "/stage", "/start?token=x"])
def test_without_the_link_nobody_gets_in(url, taken, path):
    assert get(url, path).status_code == 403
    assert taken.codes == []


def test_the_link_works_once(url, visitors):
    with entered(url, visitors) as session:
        own = get(url, "/", session=session)
        second = get(url, f"/start?token={visitors.token}")

    assert own.status_code == 200
    assert second.status_code == 403
    assert "set-cookie" not in second.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", ""])
def test_a_name_that_was_made_to_point_here_is_refused(url, visitors, host):
    with entered(url, visitors) as session:
        answer = get(url, "/", session=session, headers={"Host": host})

    assert answer.status_code == 400
    assert visitors.state not in answer.text


def test_an_answer_that_nobody_asked_for_is_not_taken(url, visitors, taken):
    with entered(url, visitors) as session:
        state = visitors.state
        foreign = get(url, "/registered?code=theirs&state=guess", session=session)
        own = get(url, f"/registered?code=ours&state={state}", session=session)
        again = get(url, f"/registered?code=theirs&state={state}", session=session)

    assert [each.status_code for each in (foreign, own, again)] == [403, 303, 403]
    assert taken.codes == ["ours"]


def test_the_cookie_and_the_headers_keep_other_pages_out(url, visitors):
    answer = get(url, f"/start?token={visitors.token}")

    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
