"""Get access tokens for Azure Databricks from Entra ID, by MSAL."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

import msal
import requests
from msal.exceptions import MsalServiceError

from promotion.entra_credentials import ClientCredential, ManagedIdentity
from promotion.errors import SignInError, UnreachableError
from promotion.safe_text import redact

# Azure Databricks' application id in every cloud; ".default" requests what was granted to it.
DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
DATABRICKS_SCOPE = f"{DATABRICKS}/.default"
PUBLIC_CLOUD = "https://login.microsoftonline.com"
CLOUDS = {
    "public": PUBLIC_CLOUD,
    "us-government": "https://login.microsoftonline.us",
    "china": "https://login.partner.microsoftonline.cn",
}
MICROSOFT_HOSTS = {
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
    "https://login.chinacloudapi.cn",
}

# Microsoft warns that the codes may change, so they only choose a hint.
NEXT_STEPS = {
    7000215: "the client secret is wrong: use the secret's value, not its id",
    7000222: "the client secret has expired: make a new one in the app registration",
    700016: "the tenant has no such application: compare client id and tenant id",
    90002: "there is no such tenant: check the tenant id",
    900023: "there is no such tenant: check the tenant id",
    500011: "the tenant does not know Azure Databricks: open a workspace of that tenant once",
    70011: "the scope was refused: the authority may belong to another cloud",
    700027: "the certificate is not the one registered with the application",
    700024: "the signed assertion has expired: check this machine's clock",
    700213: "no federated credential matches: compare issuer, subject and audience",
    70021: "no federated credential matches: compare issuer, subject and audience",
}


@dataclass(frozen=True)
class ServicePrincipal:
    """An Entra application and its credential."""

    tenant_id: str
    client_id: str
    credential: ClientCredential
    authority_host: str = PUBLIC_CLOUD  # of another cloud, or of a stand-in

    @property
    def authority(self) -> str:
        return f"{self.authority_host.rstrip('/')}/{self.tenant_id}"

    def __str__(self) -> str:
        return f"application {self.client_id} in tenant {self.tenant_id}"


class Entra:
    """Signs one identity in; one object for each process, so that MSAL's cache is shared.

    MSAL renews a token five minutes before it expires. It answers a repeated failed request from
    its cache for a while, so a retry in that time does not reach the network.
    """

    def __init__(
        self, identity: ServicePrincipal | ManagedIdentity, session: requests.Session
    ) -> None:
        self._identity = identity
        self._session = MsalSession(session)
        self._lock = threading.Lock()
        self._application: msal.ConfidentialClientApplication | None = None
        self._machine: msal.ManagedIdentityClient | None = None

    def authorization(self) -> str:
        """Return the Authorization header's value.

        Raises SignInError where Entra refuses, UnreachableError where it does not answer.
        """
        return f"Bearer {self._access_token()}"

    def forget(self) -> None:
        """Drop the cached token: an API did not accept it."""
        with self._lock:
            if self._application is not None:
                self._application.remove_tokens_for_client()
            self._machine = None

    def _access_token(self) -> str:
        try:
            with self._lock:
                answer = self._acquire()
        except NoJsonError:
            raise UnreachableError(
                f"the sign-in of {self._identity} was answered without JSON: "
                "does something else answer in Entra's place?"
            ) from None
        except (requests.exceptions.RequestException, MsalServiceError) as exc:
            raise UnreachableError(
                f"the sign-in of {self._identity} got no answer ({type(exc).__name__}): "
                "check the network and the proxy"
            ) from None
        except ValueError as exc:  # an unknown tenant, no https, or no managed identity
            raise SignInError(self._refused(str(exc), [])) from None
        if "access_token" not in answer:
            words = str(answer.get("error_description") or answer.get("error") or "")
            raise SignInError(self._refused(words, answer.get("error_codes") or []))
        return str(answer["access_token"])

    def _acquire(self) -> dict[str, Any]:
        answer: dict[str, Any]
        if isinstance(self._identity, ManagedIdentity):
            if self._machine is None:
                managed = _managed_identity(self._identity)
                self._machine = msal.ManagedIdentityClient(managed, http_client=self._session)
            answer = self._machine.acquire_token_for_client(resource=DATABRICKS)
            return answer
        if self._application is None:
            self._application = self._connect(self._identity)
        answer = self._application.acquire_token_for_client([DATABRICKS_SCOPE])
        return answer

    def _connect(self, principal: ServicePrincipal) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            principal.client_id,
            client_credential=principal.credential.for_msal(),
            authority=principal.authority,
            # By default MSAL asks Microsoft about hosts that it does not know.
            instance_discovery=principal.authority_host in MICROSOFT_HOSTS,
            http_client=self._session,
        )

    def _refused(self, words: str, codes: list[int]) -> str:
        codes = codes or [int(code) for code in re.findall(r"AADSTS(\d+)", words)]
        hint = next((NEXT_STEPS[code] for code in codes if code in NEXT_STEPS), "")
        said = redact(words.split(" Trace ID")[0].splitlines()[0])[:300] if words else "no reason"
        return f"sign-in of {self._identity} was refused: {said}" + (f"; {hint}" if hint else "")


def _managed_identity(identity: ManagedIdentity) -> Any:
    ids = {
        "client_id": identity.client_id,
        "resource_id": identity.resource_id,
        "object_id": identity.object_id,
    }
    given = {name: value for name, value in ids.items() if value}
    if not given:
        return msal.SystemAssignedManagedIdentity()
    return msal.UserAssignedManagedIdentity(**given)


class NoJsonError(requests.exceptions.RequestException):
    """Something other than Entra answered; no ValueError, which MSAL would take for its own."""


class MsalSession:
    """The http_client interface of MSAL, with a time-out and the session's own CA bundle."""

    TIMEOUT = (5.0, 30.0)  # seconds to connect, to read

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def get(self, url: str, **options: Any) -> requests.Response:
        return self._call("GET", url, **options)

    def post(self, url: str, **options: Any) -> requests.Response:
        return self._call("POST", url, **options)

    def close(self) -> None:
        """Leave the session open: it is not ours."""

    def _call(self, method: str, url: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", self.TIMEOUT)
        options["allow_redirects"] = False
        answer = self._session.request(method, url, verify=self._session.verify, **options)
        if answer.status_code < 500:
            _require_json(answer)
        return answer


def _require_json(answer: requests.Response) -> None:
    """Raise where MSAL would write the whole answer to the log, with any secret in it."""
    try:
        answer.json()
    except requests.exceptions.JSONDecodeError:
        raise NoJsonError from None
