"""Microsoft's own client works with the stand-in, unmodified."""

from __future__ import annotations

import datetime

import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
SCOPES = [f"{DATABRICKS}/.default"]


def application(entra, session, principal, credential):
    return msal.ConfidentialClientApplication(
        principal.client_id,
        client_credential=credential,
        authority=entra.authority(principal.tenant_id),
        instance_discovery=False,
        http_client=session,
    )


@pytest.fixture
def principal(entra):
    return entra.add_principal(entra.add_tenant())


@pytest.fixture(scope="module")
def key():
    """A private key and a certificate for it, both PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etl")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(made, hashes.SHA256())
    )
    private = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_secret_brings_a_token_of_the_principal(entra, session, principal):
    app = application(entra, session, principal, principal.client_secret)

    result = app.acquire_token_for_client(SCOPES)

    assert result["expires_in"] == 3599
    assert entra.identify(result["access_token"]) == principal.client_id
    assert len(result["access_token"]) > 1000
    (seen,) = entra.token_requests
    assert (seen.client_id, seen.version, seen.error_code) == (principal.client_id, "2.0", None)


def test_a_token_is_signed_by_the_published_key(entra, session, principal):
    app = application(entra, session, principal, principal.client_secret)
    token = app.acquire_token_for_client(SCOPES)["access_token"]

    keys = session.get(f"{entra.authority(principal.tenant_id)}/discovery/v2.0/keys").json()
    signed_by = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, signed_by, algorithms=["RS256"], audience=DATABRICKS)

    assert (claims["appid"], claims["tid"]) == (principal.client_id, principal.tenant_id)
    assert claims["exp"] - claims["iat"] == 3600


def test_a_certificate_brings_a_token(entra, session, key):
    private, certificate = key
    principal = entra.add_principal(entra.add_tenant(), certificate=certificate)
    credential = {"private_key": private, "public_certificate": certificate}

    result = application(entra, session, principal, credential).acquire_token_for_client(SCOPES)

    assert entra.identify(result["access_token"]) == principal.client_id


def test_a_certificate_that_is_not_registered_is_refused(entra, session, principal, key):
    private, certificate = key
    credential = {"private_key": private, "public_certificate": certificate}

    result = application(entra, session, principal, credential).acquire_token_for_client(SCOPES)

    assert (result["error"], result["error_codes"]) == ("invalid_client", [700027])


def federated(private, *, subject="repo:octo-org/etl", lifetime=600):
    now = datetime.datetime.now(datetime.UTC)
    claims = {
        "iss": "https://issuer.example",
        "sub": subject,
        "aud": "api://AzureADTokenExchange",
        "exp": now + datetime.timedelta(seconds=lifetime),
    }
    return {"client_assertion": lambda: jwt.encode(claims, private, algorithm="RS256")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, None, id="good"),
        pytest.param({"subject": "repo:other/etl"}, [700213], id="another subject"),
        pytest.param({"lifetime": -60}, [700024], id="expired"),
    ],
)
def test_another_issuers_token_is_exchanged(entra, session, principal, key, changes, expected):
    private, certificate = key
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    entra.register_federated_credential(
        principal.client_id,
        issuer="https://issuer.example",
        subject="repo:octo-org/etl",
        public_key=pem.decode(),
    )

    app = application(entra, session, principal, federated(private, **changes))
    result = app.acquire_token_for_client(SCOPES)

    assert result.get("error_codes") == expected
    assert ("access_token" in result) == (expected is None)


def test_a_wrong_secret_is_explained(entra, session, principal):
    app = application(entra, session, principal, "wrong")

    result = app.acquire_token_for_client(SCOPES)

    assert (result["error"], result["error_codes"]) == ("invalid_client", [7000215])
    assert result["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert {"trace_id", "correlation_id", "timestamp", "error_uri"} <= set(result)
    assert [seen.error_code for seen in entra.token_requests] == [7000215]


def test_an_expired_secret_is_told_from_a_wrong_one(entra, session, principal):
    entra.expire_secret(principal.client_id)

    app = application(entra, session, principal, principal.client_secret)

    assert app.acquire_token_for_client(SCOPES)["error_codes"] == [7000222]


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("11111111-2222-3333-4444-555555555555/.default", 500011),
        (f"{DATABRICKS}/user_impersonation", 70011),
    ],
)
def test_a_wrong_scope_is_refused(entra, session, principal, scope, code):
    app = application(entra, session, principal, principal.client_secret)

    assert app.acquire_token_for_client([scope])["error_codes"] == [code]


def test_an_unknown_tenant_has_no_discovery(entra, session, principal):
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        msal.ConfidentialClientApplication(
            principal.client_id,
            client_credential="secret",
            authority=entra.authority("00000000-0000-0000-0000-000000000000"),
            instance_discovery=False,
            http_client=session,
        )


def test_a_managed_identity_gets_a_token(entra, session, principal, monkeypatch):
    entra.use_as_managed_identity(principal)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.url)
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=session)

    result = client.acquire_token_for_client(resource=DATABRICKS)

    assert entra.identify(result["access_token"]) == principal.client_id
