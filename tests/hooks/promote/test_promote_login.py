"""`git promote login`: a person signs in once, and promotions use it without asking."""

from __future__ import annotations

import gc
import os
import time

import jwt
import msal
import pytest
from nobody import NOBODY
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from hooks.workspaces.candidates import candidates
from hooks.workspaces.connection import NeedsLoginError
from hooks.workspaces.settings import load_settings
from hooks.workspaces.user_sign_in import UserSignIn, _access_token, _in_words
from promotion.errors import SignInError
from sandbox.faults import Faults
from sandbox.serving import Listener

HOST = "https://adb-1.1.azuredatabricks.net"
CLIENT_ID = "an-app-registration"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.fixture
def sign_in_host(stage, monkeypatch):
    """An Entra that signs a person in by device code, and whatever it was asked for."""
    listener = Listener(stage.certificate)
    authority = f"{listener.url}/a-tenant"
    claims = {
        "aud": CLIENT_ID,
        "exp": time.time() + 3600,
        "iat": time.time(),
        "iss": f"{authority}/v2.0",
        "sub": "ada",
        "oid": "ada",
        "tid": "a-tenant",
        "preferred_username": "ada@octo.example",
    }
    token = {
        "token_type": "Bearer",
        "expires_in": 3599,
        "access_token": "eyJ-of-ada",
        "refresh_token": "again",
        "scope": "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default",
        "id_token": jwt.encode(claims, "k" * 32),
        "client_info": "eyJ1aWQiOiJhZGEiLCJ1dGlkIjoiYS10ZW5hbnQifQ",
    }
    code = {
        "device_code": "d",
        "user_code": "ABCD",
        "verification_uri": f"{listener.url}/device",
        "expires_in": 900,
        "interval": 1,
        "message": "open the page and enter ABCD",
    }
    endpoints = {
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
    }

    def answer(body):
        return lambda _request: JSONResponse(body)

    routes = [
        Route("/a-tenant/v2.0/.well-known/openid-configuration", answer(endpoints)),
        Route("/a-tenant/oauth2/v2.0/devicecode", answer(code), methods=["POST"]),
        Route("/a-tenant/oauth2/v2.0/token", answer(token), methods=["POST"]),
    ]
    listener.faults = Faults()
    listener.serve(listener.faults.wrap(Starlette(routes=routes)))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", listener.url)
    yield listener
    gc.collect()  # close what clients still hold open
    listener.close()


@pytest.fixture
def settings(home, tmp_path, monkeypatch):
    """Where [login] is written, and no CLI that is signed in."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("DATABRICKS_HOST", HOST)

    def write(plain_text):
        path = home / "config" / "brickpush" / "promote.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            f'[login]\nclient_id = "{CLIENT_ID}"\ntenant_id = "a-tenant"\n'
            f"plain_text = {str(plain_text).lower()}\n"
        )

    return write


def connect():
    environ = dict(os.environ)
    (candidate,) = candidates(environ, load_settings(environ))
    return candidate.sign_in()


def test_a_sign_in_by_code_is_used_until_it_is_forgotten(home, sign_in_host, settings, git_promote):
    pytest.importorskip("msal_extensions")
    settings(plain_text=True)

    signed_in = git_promote("login", "--device-code")
    connection = connect()
    authorization = connection.authorization()
    cache = home / "data" / "brickpush" / "sign-in.json"
    mode = cache.stat().st_mode & 0o777
    # A keychain has no file to remove: the tokens have to be taken out of what it keeps.
    keychain = home / "what-a-keychain-keeps"
    keychain.hardlink_to(cache)
    kept = keychain.read_text()
    forgotten = git_promote("login", "--forget")
    again = git_promote("login", "--forget")

    assert signed_in.code == 0
    assert signed_in.progress == "open the page and enter ABCD\n"
    assert signed_in.output == f"signed in as ada@octo.example; kept unencrypted in {cache}\n"
    assert connection.identity == "the sign-in of `git promote login`"
    assert authorization == "Bearer eyJ-of-ada"
    assert mode == 0o600
    assert (forgotten.output, cache.exists()) == ("signed out on this machine\n", False)
    assert "eyJ-of-ada" in kept
    assert "eyJ-of-ada" not in keychain.read_text()
    assert again.output == "nobody was signed in\n"


def test_signing_out_leaves_nothing_where_a_file_only_marks_what_a_keychain_keeps(
    home, sign_in_host, settings, git_promote, monkeypatch
):
    pytest.importorskip("msal_extensions")
    settings(plain_text=True)
    keychain = msal.SerializableTokenCache()
    monkeypatch.setattr(UserSignIn, "_cache", lambda _self: keychain)
    git_promote("login", "--device-code")
    kept = keychain.serialize()
    marker = home / "data" / "brickpush" / "sign-in.json"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()

    forgotten = git_promote("login", "--forget")

    assert "eyJ-of-ada" in kept
    assert (forgotten.code, marker.exists()) == (0, False)
    assert "eyJ-of-ada" not in keychain.serialize()
    assert '"again"' not in keychain.serialize()  # the refresh token


SECRET = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.x"


def test_what_entra_repeats_of_a_secret_is_hidden(home, sign_in_host, settings):
    pytest.importorskip("msal_extensions")
    settings(plain_text=True)
    body = {"error": "invalid_grant", "error_description": f"no good: {SECRET}"}
    sign_in_host.faults.add(path="*/token", times=None, status=400, body=body)
    sign_in = UserSignIn(load_settings(os.environ).login, os.environ)

    with pytest.raises(SignInError, match=r"^sign-in was refused: no good: \[hidden\]$"):
        sign_in.sign_in(device_code=True, show=lambda _: None)


def test_what_msal_raises_of_a_secret_is_hidden():
    words = r"^sign-in at https://x was refused: odd \[hidden\]$"
    with pytest.raises(SignInError, match=words), _in_words("https://x"):
        raise ValueError(f"odd {SECRET}\nand more")


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 200, "body": "<p>Wi-Fi</p>"}])
def test_an_entra_that_is_away_is_said_in_words(home, sign_in_host, settings, git_promote, fault):
    pytest.importorskip("msal_extensions")
    settings(plain_text=True)
    sign_in_host.faults.add(path="*/token", times=None, **fault)

    ended = git_promote("login", "--device-code")

    assert ended.code in (1, 2)
    assert f"{sign_in_host.url}/a-tenant did not answer" in ended.progress + ended.output


def test_without_a_safe_place_nothing_is_written_in_plain_text(
    home, sign_in_host, settings, git_promote, monkeypatch
):
    pytest.importorskip("msal_extensions")
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        pytest.skip("this machine may have a safe place")
    settings(plain_text=False)

    ended = git_promote("login", "--device-code")

    assert ended.code == 2
    assert "this system has no secret store for tokens" in ended.progress
    assert "plain_text = true" in ended.progress
    assert not [path for path in (home / "data").rglob("sign-in*") if path.stat().st_size]


def test_a_sign_in_that_was_kept_unencrypted_is_not_used_once_that_is_forbidden(home, settings):
    pytest.importorskip("msal_extensions")
    settings(plain_text=False)
    cache = home / "data" / "brickpush" / "sign-in.json"
    cache.parent.mkdir(parents=True)
    cache.write_text("{}")

    with pytest.raises(NeedsLoginError, match="`git promote login` was not run yet"):
        connect()


def test_what_msal_raises_or_is_told_is_quoted_without_tokens():
    words = f"no such tenant: {TOKEN} was given"

    with pytest.raises(SignInError) as raised, _in_words("https://login.example"):
        raise ValueError(words)
    with pytest.raises(SignInError) as told:
        _access_token({"error_description": words})

    for caught in (raised, told):
        assert "no such tenant: [hidden] was given" in str(caught.value)


def test_promotions_do_not_sign_in_by_themselves(sign_in_host, settings, git_promote):
    settings(plain_text=True)

    ended = git_promote("--url", f"https://{NOBODY}/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "`git promote login` was not run yet" in ended.output
    assert "run `git promote login`" in ended.output


def test_a_sign_in_needs_an_app_registration(git_promote):
    ended = git_promote("login")

    assert ended.code == 2
    assert "has no [login]: it needs the client_id of an app registration" in ended.progress
