"""A tenant's directory: its service principals, and how each may authenticate."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field

from sandbox.entra.errors import application_not_found, tenant_not_found


@dataclass(frozen=True)
class Principal:
    """A service principal with a client secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    object_id: str


@dataclass(frozen=True)
class FederatedCredential:
    """Somebody else's tokens that this principal may sign in with."""

    issuer: str
    subject: str
    public_key: str  # PEM, what a real issuer serves as JWKS


@dataclass
class Registration:
    """A principal, and what it may prove itself with."""

    principal: Principal
    secret_expired: bool = False
    certificates: list[str] = field(default_factory=list)  # PEM, public
    federated: list[FederatedCredential] = field(default_factory=list)


class Directory:
    """All tenants of one stand-in Entra."""

    def __init__(self) -> None:
        self._tenants: dict[str, dict[str, Registration]] = {}
        self._lock = threading.Lock()

    def add_tenant(self) -> str:
        tenant_id = str(uuid.uuid4())
        with self._lock:
            self._tenants[tenant_id] = {}
        return tenant_id

    def add_principal(self, tenant_id: str) -> Principal:
        principal = Principal(
            tenant_id=tenant_id,
            client_id=str(uuid.uuid4()),
            client_secret=f"{secrets.token_urlsafe(3)[:3]}8Q~{secrets.token_urlsafe(25)[:34]}",
            object_id=str(uuid.uuid4()),
        )
        with self._lock:
            self._tenants[tenant_id][principal.client_id] = Registration(principal)
        return principal

    def require_tenant(self, tenant_id: str) -> None:
        """Raise AADSTS90002 unless there is such a tenant."""
        if tenant_id not in self._tenants:
            raise tenant_not_found(tenant_id)

    def registration(self, tenant_id: str, client_id: str) -> Registration:
        """Return the application's registration in that tenant, or raise what Entra answers."""
        self.require_tenant(tenant_id)
        found = self._tenants[tenant_id].get(client_id)
        if found is None:
            raise application_not_found(client_id, tenant_id)
        return found

    def tenant_of(self, client_id: str) -> str | None:
        """Return the tenant of an application."""
        with self._lock:
            for tenant_id, registrations in self._tenants.items():
                if client_id in registrations:
                    return tenant_id
        return None

    def of(self, client_id: str) -> Registration:
        """Return the registration of an application whose tenant does not matter."""
        tenant_id = self.tenant_of(client_id)
        if tenant_id is None:
            raise KeyError(client_id)
        return self.registration(tenant_id, client_id)
