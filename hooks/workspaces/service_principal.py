"""Sign a service principal in; MSAL is imported when the first token is requested."""

from __future__ import annotations

from collections.abc import Callable

from promotion.http import open_session


def service_principal_authorization(
    *, tenant_id: str, client_id: str, client_secret: str, authority_host: str, ca_path: str | None
) -> Callable[[], str]:
    """Return a function for the Authorization header of a service principal with a secret."""
    from promotion.entra import Entra, ServicePrincipal
    from promotion.entra_credentials import ClientSecret

    principal = ServicePrincipal(
        tenant_id=tenant_id,
        client_id=client_id,
        credential=ClientSecret(client_secret),
        authority_host=authority_host,
    )
    return Entra(principal, open_session(ca_path)).authorization
