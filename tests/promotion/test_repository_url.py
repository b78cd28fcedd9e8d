from __future__ import annotations

import pytest
from builders import ETL
from hypothesis import given
from hypothesis import strategies as st

from promotion.repository_url import RepositoryKey, repository_key


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/octo-org/etl",
        "https://github.com/octo-org/etl.git",
        "https://github.com/octo-org/etl/",
        "https://github.com/octo-org/etl.git/",
        "https://github.com//octo-org//etl.git",
        "https://www.github.com/octo-org/etl",
        "https://GITHUB.com/Octo-Org/ETL.git",
        "HTTPS://github.com/octo-org/etl.GIT",
        "https://octocat@github.com/octo-org/etl.git",
        "https://octocat:secret@github.com/octo-org/etl.git",
        "https://github.com:443/octo-org/etl.git",
        "https://github.com./octo-org/etl.git",
        "git@github.com.:octo-org/etl.git",
        "https://github.com/octo%2Dorg/etl.git",
        "https://github.com/octo-org/etl?tab=readme#top",
        "http://github.com/octo-org/etl",
        "git://github.com/octo-org/etl.git",
        "ssh://git@github.com/octo-org/etl.git",
        "ssh://git@github.com:22/octo-org/etl.git",
        "ssh://git@ssh.github.com:443/octo-org/etl.git",
        "git@github.com:octo-org/etl.git",
        "git@github.com:/octo-org/etl.git",
        "github.com:octo-org/etl",
        "  https://github.com/octo-org/etl  ",
    ],
)
def test_every_spelling_has_one_key(url):
    assert repository_key(url) == ETL


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (
            "https://ghes.example.com/octo-org/etl.git",
            RepositoryKey("ghes.example.com", "octo-org", "etl"),
        ),
        (
            "https://ghes.example.com:8443/octo-org/etl.git",
            RepositoryKey("ghes.example.com:8443", "octo-org", "etl"),
        ),
        ("https://octo.ghe.com/octo-org/etl", RepositoryKey("octo.ghe.com", "octo-org", "etl")),
        ("octo@octo.ghe.com:octo-org/etl", RepositoryKey("octo.ghe.com", "octo-org", "etl")),
        (
            "https://github.com/octo-org/etl.git.git",
            RepositoryKey("github.com", "octo-org", "etl.git"),
        ),
    ],
)
def test_another_host_is_another_repository(url, key):
    assert repository_key(url) == key


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "etl",
        "/srv/git/etl.git",
        "C:/git/etl",
        "file:///srv/git/octo-org/etl.git",
        "https://github.com/octo-org",
        "https://github.com/octo-org/etl/tree/main",
        "https://github.com/octo-org/.git",
        "https:///octo-org/etl",
        "https://github.com:port/octo-org/etl",
        "https://[::1/octo-org/etl",
        "javascript:alert(1)",
    ],
)
def test_what_names_no_repository_has_no_key(url):
    assert repository_key(url) is None


@given(st.text())
def test_any_text_has_a_key_or_none(url):
    key = repository_key(url)

    assert key is None or (key.host and key.owner and key.name)
