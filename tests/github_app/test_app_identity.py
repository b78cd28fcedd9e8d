from __future__ import annotations

import base64
from email.utils import formatdate

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from github_app.github.identity import UNKNOWN_KEY, AppIdentity, rsa_key
from promotion.errors import ApiError, ConfigError
from promotion.http import Answer

GOOD = Answer(200, {}, {})
NOW = 1_800_000_000.0


def a_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return key, pem.decode()


KEY, PEM = a_key()


def refused(message, **headers):
    return ApiError("GET /app", status=401, message=message, headers=headers)


def claims(identity, key=KEY):
    encoded = identity.authorization().partition(" ")[2]
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(encoded, key.public_key(), algorithms=["RS256"], options=options)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PEM, id="PEM"),
        pytest.param(PEM.replace("\n", "\\n"), id="literal newlines"),
        pytest.param(f'"{PEM}"', id="quoted"),
        pytest.param(base64.b64encode(PEM.encode()).decode(), id="base64"),
        pytest.param(base64.encodebytes(PEM.encode()).decode(), id="base64 in lines"),
    ],
)
def test_a_key_is_taken_in_every_form_in_which_it_is_handed_around(text):
    assert rsa_key(text).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    "text", ["", "garbage", "-----BEGIN RSA PRIVATE KEY-----\nAAAA", "aGVsbG8="]
)
def test_what_is_no_key_is_said_without_showing_it(text):
    with pytest.raises(ConfigError, match="is no PEM private key") as told:
        rsa_key(text)

    assert text[:5] not in str(told.value) or not text


def test_a_token_has_a_margin_on_both_sides():
    identity = AppIdentity(7, [PEM], lambda: NOW)

    assert claims(identity) == {"iat": NOW - 60, "exp": NOW + 540, "iss": "7"}


@pytest.mark.parametrize(
    "message",
    [
        "'Expiration time' claim ('exp') is too far in the future",
        "'Issued at' claim ('iat') must be an Integer representing the time",
    ],
)
def test_githubs_time_is_learnt_from_its_refusal_once(message):
    identity, calls = AppIdentity(7, [PEM], lambda: NOW), []

    def call():
        calls.append(claims(identity)["iat"])
        if len(calls) == 1:
            raise refused(message, Date=formatdate(NOW - 600, usegmt=True))
        return GOOD

    assert identity.send(call) is GOOD
    assert calls == [NOW - 60, NOW - 660]
    assert identity.offset == -600


@pytest.mark.parametrize("date", [{}, {"Date": "yesterday"}])
def test_without_githubs_time_its_refusal_stands(date):
    identity = AppIdentity(7, [PEM], lambda: NOW)

    def call():
        raise refused("'Expiration time' claim ('exp') is wrong", **date)

    with pytest.raises(ApiError):
        identity.send(call)


def test_the_next_key_is_tried_and_kept():
    other, other_pem = a_key()
    identity, calls = AppIdentity(7, [PEM, other_pem], lambda: NOW), []

    def call():
        calls.append(identity.fingerprint)
        if len(calls) == 1:
            raise refused(UNKNOWN_KEY)
        return GOOD

    identity.send(call)
    identity.send(call)

    assert calls[0] != calls[1] == calls[2]
    assert claims(identity, other)["iss"] == "7"


def test_when_github_knows_none_of_the_keys_each_was_tried_once():
    identity, calls = AppIdentity(7, [PEM, a_key()[1]], lambda: NOW), []

    def call():
        calls.append(identity.fingerprint)
        raise refused(UNKNOWN_KEY)

    with pytest.raises(ApiError, match=UNKNOWN_KEY):
        identity.send(call)

    assert len(set(calls)) == len(calls) == 2
