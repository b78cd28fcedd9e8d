"""Entra's errors: an AADSTS code inside an OAuth error. Pure, but for the ids and the clock."""

from __future__ import annotations

import datetime
import uuid
from typing import Any


class AadstsError(Exception):
    """A refused request, as Entra reports it."""

    def __init__(self, code: int, error: str, text: str, *, status: int = 400) -> None:
        super().__init__(f"AADSTS{code}: {text}")
        self.code = code
        self.error = error
        self.text = text
        self.status = status

    def body(self, *, now: float, correlation_id: str | None) -> dict[str, Any]:
        """Return the JSON that Entra would send."""
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        timestamp = moment.strftime("%Y-%m-%d %H:%M:%SZ")
        trace_id, correlation_id = str(uuid.uuid4()), correlation_id or str(uuid.uuid4())
        return {
            "error": self.error,
            "error_description": (
                f"AADSTS{self.code}: {self.text} Trace ID: {trace_id} "
                f"Correlation ID: {correlation_id} Timestamp: {timestamp}"
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }


def tenant_not_found(tenant: str) -> AadstsError:
    return AadstsError(
        90002,
        "invalid_tenant",
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are "
        "signing into the correct cloud. Check with your subscription administrator, this may "
        "happen if there are no active subscriptions for the tenant.",
    )


def application_not_found(client_id: str, tenant: str) -> AadstsError:
    return AadstsError(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. "
        "This can happen if the application has not been installed by the administrator of the "
        "tenant or consented to by any user in the tenant.",
    )


def wrong_secret(client_id: str) -> AadstsError:
    return AadstsError(
        7000215,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID, for a secret added to app "
        f"'{client_id}'.",
        status=401,
    )


def secret_expired(client_id: str) -> AadstsError:
    return AadstsError(
        7000222,
        "invalid_client",
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure "
        "portal to create new keys for your app, or consider using certificate credentials.",
        status=401,
    )


def missing_credential() -> AadstsError:
    return AadstsError(
        7000218,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
        status=401,
    )


def resource_not_found(resource: str, tenant: str) -> AadstsError:
    return AadstsError(
        500011,
        "invalid_resource",
        f"The resource principal named {resource} was not found in the tenant named {tenant}.",
    )


def bad_scope(scope: str) -> AadstsError:
    return AadstsError(
        70011,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the "
        f"input parameter 'scope' is not valid. The scope {scope} is not valid.",
    )


def bad_grant_type(grant_type: str) -> AadstsError:
    return AadstsError(
        70003, "unsupported_grant_type", f"The app requested an unsupported grant '{grant_type}'."
    )


def bad_assertion_signature(reason: str) -> AadstsError:
    return AadstsError(
        700027,
        "invalid_client",
        f"The certificate with identifier used to sign the client assertion is not registered on "
        f"application, or the assertion is not valid: {reason}.",
        status=401,
    )


def assertion_expired() -> AadstsError:
    return AadstsError(
        700024,
        "invalid_client",
        "Client assertion is not within its valid time range.",
        status=401,
    )


def no_federated_credential(issuer: str, subject: str) -> AadstsError:
    return AadstsError(
        700213,
        "invalid_client",
        "No matching federated identity record found for presented assertion subject "
        f"'{subject}' of issuer '{issuer}'.",
        status=401,
    )
