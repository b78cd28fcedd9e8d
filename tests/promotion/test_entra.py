"""Every way to sign in, by MSAL as it is, against a stand-in Entra over TLS."""

from __future__ import annotations

import datetime

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from nobody import NOBODY

from promotion.entra import Entra, MsalSession, ServicePrincipal
from promotion.entra_credentials import (
    AUDIENCE,
    Certificate,
    ClientSecret,
    Federated,
    ManagedIdentity,
    Pfx,
    federated_token_file,
    github_actions_token,
)
from promotion.errors import SignInError, UnreachableError
from promotion.http import open_session
from sandbox.certificates import make_certificate
from sandbox.entra.server import Entra as StandIn
from sandbox.serving import Listener

UTC = datetime.UTC
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    certificate = make_certificate(tmp_path_factory.mktemp("ca"))
    listener = Listener(certificate)
    entra = StandIn(url=listener.url)
    listener.serve(entra.asgi)
    entra.ca_path = str(certificate.ca_path)
    yield entra
    listener.close()


@pytest.fixture
def faults(stand_in):
    """Those of the stand-in, of which none is left for the next test."""
    yield stand_in.faults
    stand_in.faults.clear()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "brickpush")])
    now = datetime.datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def pem_of(key):
    return key.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode()


def principal_with(stand_in, credential=None, **changes):
    known = stand_in.add_principal(stand_in.add_tenant())
    values = {
        "tenant_id": known.tenant_id,
        "client_id": known.client_id,
        "credential": credential or ClientSecret(known.client_secret),
        "authority_host": stand_in.url,
    }
    return ServicePrincipal(**(values | changes))


@pytest.fixture
def sign_in(stand_in):
    with open_session(stand_in.ca_path) as session:
        yield lambda identity: Entra(identity, session)


def client_of(stand_in, entra):
    return stand_in.identify(entra.authorization().removeprefix("Bearer "))


def test_a_client_secret(stand_in, sign_in):
    principal = principal_with(stand_in)

    assert client_of(stand_in, sign_in(principal)) == principal.client_id


def test_a_certificate(stand_in, sign_in, key, certificate):
    pem = certificate.public_bytes(PEM).decode()
    principal = principal_with(stand_in, Certificate(pem_of(key), pem))
    stand_in.register_certificate(principal.client_id, pem)

    assert client_of(stand_in, sign_in(principal)) == principal.client_id


def test_a_certificate_in_a_pfx_file_with_a_passphrase(
    stand_in, sign_in, key, certificate, tmp_path
):
    path = tmp_path / "app.pfx"
    encryption = serialization.BestAvailableEncryption(b"pa55")
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(None, key, certificate, None, encryption)
    )
    principal = principal_with(stand_in, Pfx(path, "pa55"))
    stand_in.register_certificate(principal.client_id, certificate.public_bytes(PEM).decode())

    assert client_of(stand_in, sign_in(principal)) == principal.client_id


def federated(stand_in, key, assertion):
    principal = principal_with(stand_in, Federated(assertion))
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    stand_in.register_federated_credential(
        principal.client_id, issuer="https://issuer", subject="job", public_key=public.decode()
    )
    return principal


def signed(key):
    now = datetime.datetime.now(UTC)
    claims = {
        "iss": "https://issuer",
        "sub": "job",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + datetime.timedelta(minutes=5),
        "jti": str(now),
    }
    return jwt.encode(claims, key, algorithm="RS256")


def test_a_federated_token_file(stand_in, sign_in, key, tmp_path):
    path = tmp_path / "token"
    path.write_text(signed(key))
    principal = federated(stand_in, key, federated_token_file(path))

    assert client_of(stand_in, sign_in(principal)) == principal.client_id


def test_a_federated_token_file_that_is_missing_says_so(stand_in, sign_in, key, tmp_path):
    principal = federated(stand_in, key, federated_token_file(tmp_path / "none"))

    with pytest.raises(SignInError, match="is workload identity switched on for this pod"):
        sign_in(principal).authorization()


def test_github_actions(stand_in, sign_in, key):
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    asked = []

    async def token(request):
        asked.append((request.headers["authorization"], request.query_params["audience"]))
        return JSONResponse({"value": signed(key)})

    listener = Listener(None)
    listener.serve(Starlette(routes=[Route("/token", token)]))
    environ = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{listener.url}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job-secret",
    }
    session = open_session(None)
    principal = federated(stand_in, key, github_actions_token(environ, session))

    assert client_of(stand_in, sign_in(principal)) == principal.client_id
    assert asked == [("Bearer job-secret", AUDIENCE)]
    session.close()
    listener.close()


def test_a_job_without_the_permission_says_which_one():
    with open_session(None) as session, pytest.raises(SignInError, match="id-token: write"):
        github_actions_token({}, session)


@pytest.mark.parametrize("client_id", [None, "theirs"])
def test_a_managed_identity(stand_in, sign_in, monkeypatch, client_id):
    known = stand_in.add_principal(stand_in.add_tenant())
    stand_in.use_as_managed_identity(known)
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", stand_in.url)
    identity = ManagedIdentity(client_id=known.client_id if client_id else None)

    assert client_of(stand_in, sign_in(identity)) == known.client_id


def test_a_managed_identity_of_an_app_service(stand_in, sign_in, monkeypatch):
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    known = stand_in.add_principal(stand_in.add_tenant())
    stand_in.use_as_managed_identity(known)
    asked = []

    async def token(request):
        asked.append((request.headers["x-identity-header"], request.query_params["resource"]))
        return JSONResponse({"access_token": "t0ken", "expires_on": "9999999999", "resource": "r"})

    listener = Listener(None)
    listener.serve(Starlette(routes=[Route("/token", token)]))
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{listener.url}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "s3cret")
    for name in ("MSI_ENDPOINT", "MSI_SECRET", "IDENTITY_SERVER_THUMBPRINT"):
        monkeypatch.delenv(name, raising=False)

    assert sign_in(ManagedIdentity()).authorization() == "Bearer t0ken"
    assert asked == [("s3cret", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d")]
    listener.close()


def test_a_managed_identitys_token_is_asked_for_again_once_it_is_forgotten(
    stand_in, sign_in, monkeypatch
):
    known = stand_in.add_principal(stand_in.add_tenant())
    stand_in.use_as_managed_identity(known)
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", stand_in.url)
    entra = sign_in(ManagedIdentity())

    first, same = entra.authorization(), entra.authorization()
    entra.forget()

    assert first == same != entra.authorization()


def test_a_sign_in_does_not_wait_for_ever(stand_in, sign_in, monkeypatch, faults):
    entra = sign_in(principal_with(stand_in))
    connect, read = MsalSession.TIMEOUT
    assert 0 < connect <= read <= 60
    monkeypatch.setattr(MsalSession, "TIMEOUT", (connect, 0.2))
    faults.add(path="*", status="late", seconds=1.0, times=None)

    with pytest.raises(UnreachableError, match="got no answer"):
        entra.authorization()


@pytest.mark.parametrize(
    "quoted",
    [
        "AADSTS500131: assertion {secret} is not valid",
        "AADSTS7000215: no. Bearer {secret} was sent",
        "{secret}",
    ],
)
@pytest.mark.parametrize("status", [400, 401])
def test_an_entra_that_quotes_a_token_back_has_it_shown_to_nobody(
    stand_in, sign_in, faults, status, quoted
):
    secret = "eyJhbGciOiJQUzI1NiJ9.eyJhdWQiOiJicmlja3B1c2gifQ.c2lnbmF0dXJl-_"
    words = quoted.format(secret=secret)
    body = {"error": "invalid_client", "error_description": words, "error_codes": [500131]}
    entra = sign_in(principal_with(stand_in))
    faults.add(path="*/token", status=status, body=body, times=None)

    with pytest.raises(SignInError) as refused:
        entra.authorization()

    assert secret[:16] not in str(refused.value)
    assert "[hidden]" in str(refused.value)


def test_a_token_is_asked_for_once_until_it_is_forgotten(stand_in, sign_in):
    entra = sign_in(principal_with(stand_in))
    before = len(stand_in.token_requests)

    first, second = entra.authorization(), entra.authorization()
    assert first == second
    assert len(stand_in.token_requests) == before + 1
    entra.forget()
    entra.authorization()

    assert len(stand_in.token_requests) == before + 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"credential": ClientSecret("wrong")},
            "the client secret is wrong: use the secret's value, not its id",
            id="secret",
        ),
        pytest.param(
            {"client_id": "00000000-0000-0000-0000-000000000000"},
            "the tenant has no such application",
            id="application",
        ),
        pytest.param({"tenant_id": "nowhere"}, "was refused", id="tenant"),
    ],
)
def test_a_refused_sign_in_names_the_next_step_and_no_secret(stand_in, sign_in, changes, words):
    with pytest.raises(SignInError, match=words) as refused:
        sign_in(principal_with(stand_in, **changes)).authorization()

    assert "Trace ID" not in str(refused.value)
    assert "wrong'" not in str(refused.value)


def test_an_expired_secret_is_told_from_a_wrong_one(stand_in, sign_in):
    principal = principal_with(stand_in)
    stand_in.expire_secret(principal.client_id)

    with pytest.raises(SignInError, match="make a new one in the app registration"):
        sign_in(principal).authorization()


def test_an_entra_that_is_away_is_no_refusal(stand_in, sign_in):
    principal = principal_with(stand_in, authority_host=f"https://{NOBODY}")

    with pytest.raises(UnreachableError, match="check the network and the proxy"):
        sign_in(principal).authorization()


@pytest.mark.parametrize("path", ["*/openid-configuration", "*/token"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param({"status": 503}, "got no answer", id="503"),
        pytest.param({"status": "html"}, "got no answer", id="a gateway's page"),
        pytest.param({"status": "half"}, "got no answer", id="half an answer"),
        pytest.param({"status": "reset"}, "got no answer", id="a reset connection"),
        pytest.param(
            {"status": 200, "body": "<p>Sign in to the Wi-Fi, Ada</p>"},
            "was answered without JSON",
            id="another's page",
        ),
        pytest.param({"status": 200, "body": ""}, "was answered without JSON", id="nothing"),
    ],
)
def test_an_entra_that_answers_with_nothing_of_use_is_no_refusal(
    stand_in, sign_in, faults, caplog, path, fault, words
):
    entra = sign_in(principal_with(stand_in))
    faults.add(path=path, times=None, **fault)

    with pytest.raises(UnreachableError, match=words):
        entra.authorization()

    assert "Ada" not in caplog.text
