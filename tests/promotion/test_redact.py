from __future__ import annotations

import pytest

from promotion.safe_text import redact


@pytest.mark.parametrize(
    "secret",
    [
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghs_123456_eyJhbGciOi-JSUzI1NiJ9.eyJpc3M_iOiIxIn0.c2lnbmF0dXJl-X_y",
        "github_pat_11ABCDEFG0123456789_abcdefghij",
        "dapi0123456789abcdef0123456789abcdef-2",
        "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIyZmY4MTRhNiJ9.c2lnbmF0dXJl",
    ],
)
def test_a_token_is_hidden_to_its_last_character(secret):
    assert redact(f"before {secret} after") == "before [hidden] after"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://octocat:pa55@github.com/o/r", "https://[hidden]@github.com/o/r"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [hidden]"),
        ("Authorization: Basic eDp5enp6enp6", "Authorization: Basic [hidden]"),
        (
            "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
            "a [hidden] b",
        ),
        ("a commit 1a2b3c4 in /Repos/team/etl", "a commit 1a2b3c4 in /Repos/team/etl"),
    ],
)
def test_other_secrets_are_hidden_and_the_rest_is_left_alone(text, shown):
    assert redact(text) == shown
