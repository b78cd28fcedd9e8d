"""Serve a stand-in Entra ID: discovery, signing keys and the token endpoints v1 and v2."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.entra import errors
from sandbox.entra.directory import Directory, FederatedCredential, Principal
from sandbox.entra.proof import Proofs
from sandbox.entra.tokens import DATABRICKS, LIFETIME_SECONDS, Tokens, key_set
from sandbox.faults import Faults

__all__ = ["Entra", "Principal", "TokenRequest"]

AZURE_MANAGEMENT = "https://management.core.windows.net/"
AUDIENCES = {
    DATABRICKS: DATABRICKS,
    "https://management.core.windows.net": AZURE_MANAGEMENT,
    "https://management.azure.com": "https://management.azure.com/",
}
NO_STORE = {"cache-control": "no-store, no-cache", "pragma": "no-cache"}


@dataclass(frozen=True)
class TokenRequest:
    """A request for a token, and the code it was refused with."""

    tenant_id: str
    client_id: str
    grant_type: str
    version: str  # "1.0" or "2.0", the endpoint's
    error_code: int | None = None


class Entra:
    """A stand-in Entra ID. Its own `identify` is how the stand-in workspaces check a token."""

    asgi: ASGIApp

    def __init__(self, *, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = url.rstrip("/")
        self.faults = Faults()
        self.token_requests: list[TokenRequest] = []
        self._clock = clock
        self._directory = Directory()
        self._proofs = Proofs()
        self._tokens = Tokens(clock)
        self._managed_identity: Principal | None = None
        self.asgi = self.faults.wrap(self._application())

    def add_tenant(self) -> str:
        """Add a tenant and return its id."""
        return self._directory.add_tenant()

    def add_principal(self, tenant_id: str, *, certificate: str | None = None) -> Principal:
        """Add a service principal with a client secret and, if given, a certificate (PEM)."""
        principal = self._directory.add_principal(tenant_id)
        if certificate:
            self.register_certificate(principal.client_id, certificate)
        return principal

    def register_certificate(self, client_id: str, certificate: str) -> None:
        """Let the principal sign in with the key of *certificate* (PEM)."""
        self._directory.of(client_id).certificates.append(certificate)

    def register_federated_credential(
        self, client_id: str, *, issuer: str, subject: str, public_key: str
    ) -> None:
        """Let the principal sign in with another issuer's tokens, signed by *public_key* (PEM)."""
        credential = FederatedCredential(issuer, subject, public_key)
        self._directory.of(client_id).federated.append(credential)

    def use_as_managed_identity(self, principal: Principal) -> None:
        """Answer the metadata endpoint of a virtual machine with this principal's tokens."""
        self._managed_identity = principal

    def expire_secret(self, client_id: str) -> None:
        """Let the principal's client secret be too old."""
        self._directory.of(client_id).secret_expired = True

    def authority(self, tenant_id: str) -> str:
        """Return what MSAL calls the authority."""
        return f"{self.url}/{tenant_id}"

    def tenant_of(self, client_id: str) -> str | None:
        """Return the tenant of an application."""
        return self._directory.tenant_of(client_id)

    def identify(self, access_token: str) -> str | None:
        """Return the client id behind a token that Databricks would accept, else None."""
        return self._tokens.identify(access_token)

    def expire_tokens(self) -> None:
        """Let every token handed out so far be expired."""
        self._tokens.expire()

    def _application(self) -> Starlette:
        routes = [
            Route("/metadata/identity/oauth2/token", self._metadata_token),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/discovery/v2.0/keys", self._keys),
            Route("/{tenant}/oauth2/v2.0/token", self._token_v2, methods=["POST"]),
            Route("/{tenant}/oauth2/token", self._token_v1, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={errors.AadstsError: self._refuse})

    async def _refuse(self, request: Request, exc: Exception) -> Response:
        assert isinstance(exc, errors.AadstsError)
        correlation_id = request.headers.get("client-request-id")
        body = exc.body(now=self._clock(), correlation_id=correlation_id)
        return JSONResponse(body, status_code=exc.status, headers=NO_STORE)

    async def _discovery(self, request: Request) -> Response:
        tenant_id = request.path_params["tenant"]
        self._directory.require_tenant(tenant_id)
        return JSONResponse(discovery(self.authority(tenant_id)))

    async def _keys(self, request: Request) -> Response:
        self._directory.require_tenant(request.path_params["tenant"])
        return JSONResponse(key_set())

    async def _token_v2(self, request: Request) -> Response:
        form = await _form(request)
        tenant_id = request.path_params["tenant"]
        principal = self._prove(request, form, version="2.0")
        audience = audience_of_scope(form.get("scope", ""), tenant_id)
        token = self._tokens.issue(principal, audience=audience)
        body = {"token_type": "Bearer", "expires_in": LIFETIME_SECONDS - 1}
        body |= {"ext_expires_in": LIFETIME_SECONDS - 1, "access_token": token}
        return JSONResponse(body, headers=NO_STORE)

    async def _token_v1(self, request: Request) -> Response:
        form = await _form(request)
        principal = self._prove(request, form, version="1.0")
        audience = audience_of_resource(form.get("resource", ""), principal.tenant_id)
        return JSONResponse(self._token_in_text(principal, audience), headers=NO_STORE)

    async def _metadata_token(self, request: Request) -> Response:
        principal = self._managed_identity
        wanted = request.query_params.get("client_id")
        if request.headers.get("metadata") != "true" or principal is None:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        if wanted not in (None, principal.client_id):
            body = {"error": "invalid_request", "error_description": "Identity not found"}
            return JSONResponse(body, status_code=400)
        resource = request.query_params.get("resource", "")
        audience = audience_of_resource(resource, principal.tenant_id)
        return JSONResponse(self._token_in_text(principal, audience))

    def _prove(self, request: Request, form: Mapping[str, str], *, version: str) -> Principal:
        """Return the principal that *form* proves, recording the request either way."""
        tenant_id, client_id = request.path_params["tenant"], form.get("client_id", "")
        grant_type = form.get("grant_type", "")
        code: int | None = None
        try:
            if grant_type != "client_credentials":
                raise errors.bad_grant_type(grant_type)
            known = self._directory.registration(tenant_id, client_id)
            self._proofs.check(form, known, f"{self.url}{request.url.path}")
        except errors.AadstsError as exc:
            code = exc.code
            raise
        finally:
            seen = TokenRequest(tenant_id, client_id, grant_type, version, code)
            self.token_requests.append(seen)
        return known.principal

    def _token_in_text(self, principal: Principal, audience: str) -> dict[str, str]:
        """Return the answer of version 1, whose numbers are strings."""
        now = int(self._clock())
        return {
            "token_type": "Bearer",
            "expires_in": str(LIFETIME_SECONDS - 1),
            "ext_expires_in": str(LIFETIME_SECONDS - 1),
            "expires_on": str(now + LIFETIME_SECONDS - 1),
            "not_before": str(now),
            "resource": audience,
            "access_token": self._tokens.issue(principal, audience=audience),
        }


def discovery(authority: str) -> dict[str, Any]:
    """Return the OpenID configuration of a tenant."""
    return {
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "jwks_uri": f"{authority}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code", "id_token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def audience_of_scope(scope: str, tenant_id: str) -> str:
    """Return the audience that a v2 scope asks for: one resource's `/.default`."""
    resource, default, rest = scope.rpartition("/.default")
    if not default or rest or " " in resource:
        raise errors.bad_scope(scope)
    return audience_of_resource(resource, tenant_id)


def audience_of_resource(resource: str, tenant_id: str) -> str:
    """Return the audience of tokens for *resource*."""
    audience = AUDIENCES.get(resource.rstrip("/"))
    if audience is None:
        raise errors.resource_not_found(resource, tenant_id)
    return audience


async def _form(request: Request) -> dict[str, str]:
    """Return the form's fields, without asking for a multipart parser as `request.form` does."""
    return dict(parse_qsl((await request.body()).decode()))
