from __future__ import annotations

import pytest

from promotion.redirects import named_place, same_place

GITHUB, GHES = "https://api.github.com", "https://ghes.example.com/api/v3"
ASKED = "/repos/octo-org/etl/git/ref/heads/main"


@pytest.mark.parametrize(
    ("base", "location", "address"),
    [
        (GITHUB, "https://api.github.com/repositories/7", "https://api.github.com/repositories/7"),
        (GITHUB, "/repositories/7?per_page=1", "https://api.github.com/repositories/7?per_page=1"),
        (GITHUB, "https://API.github.com:443/repositories/7", f"{GITHUB}/repositories/7"),
        (GHES, f"{GHES}/repositories/7/x%20y", f"{GHES}/repositories/7/x%20y"),
        (GITHUB, "//api.github.com//evil.example/", f"{GITHUB}//evil.example/"),
    ],
)
def test_a_redirect_within_the_api_is_followed_at_the_apis_own_origin(base, location, address):
    assert same_place(f"{base}{ASKED}", location, base) == address


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://evil.example/repositories/7",
        "//evil.example/repositories/7",
        "http://api.github.com/repositories/7",
        "https://api.github.com:8443/repositories/7",
        "https://api.github.com.evil.example/repositories/7",
        "https://api.github.com@evil.example/repositories/7",
        "https://me:pw@api.github.com/repositories/7",
        "https://evil.example\\@api.github.com/repositories/7",
        "\\\\evil.example/repositories/7",
        "https://evil.example /repositories/7",
        "https://evil.example\t/repositories/7",
        "https://api.github.com:port/repositories/7",
        "https://[api.github.com/repositories/7",
        "ftp://api.github.com/repositories/7",
        "javascript:alert(1)",
    ],
)
def test_no_spelling_of_another_place_is_followed(location):
    assert same_place(f"{GITHUB}{ASKED}", location, GITHUB) is None


def test_a_sign_in_page_of_the_same_host_is_not_the_api():
    assert same_place(f"{GHES}{ASKED}", "https://ghes.example.com/login", GHES) is None


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://evil.example:8443/a?token=b", "https://evil.example:8443"),
        ("/login", "https://api.github.com"),
        ("https://me:pw@evil.example", "no address"),
        ("https://evil.example/\x1b[2J", "no address"),
        ("", "no address"),
    ],
)
def test_a_message_names_the_host_and_nothing_more(location, words):
    assert named_place(f"{GITHUB}{ASKED}", location) == words
