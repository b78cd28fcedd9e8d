"""Access tokens for Azure Databricks from Entra ID, by MSAL."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

import msal
import requests

from promotion.errors import SignInError, UnreachableError
from promotion.redact import redact

# Azure Databricks' application id in every cloud; ".default" asks for what was granted to it.
DATABRICKS_SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
PUBLIC_CLOUD = "https://login.microsoftonline.com"
MICROSOFT_HOSTS = {
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
    "https://login.chinacloudapi.cn",
}

# Microsoft warns that the codes may change: they choose a hint, and nothing else.
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
    """An Entra application that signs in with a client secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    authority_host: str = PUBLIC_CLOUD  # another cloud's, or a stand-in's

    @property
    def authority(self) -> str:
        return f"{self.authority_host.rstrip('/')}/{self.tenant_id}"


class Entra:
    """Signs one service principal in; one object a process, so that MSAL's cache is shared."""

    def __init__(self, principal: ServicePrincipal, session: requests.Session) -> None:
        self._principal = principal
        self._session = MsalSession(session)
        self._lock = threading.Lock()
        self._application: msal.ConfidentialClientApplication | None = None

    def authorization(self) -> str:
        """Return the Authorization header's value; MSAL renews it before it expires.

        Raises SignInError where Entra refuses, UnreachableError where it does not answer.
        """
        return f"Bearer {self._access_token()}"

    def _access_token(self) -> str:
        try:
            with self._lock:
                answer: dict[str, Any] = self._connected().acquire_token_for_client(
                    [DATABRICKS_SCOPE]
                )
        except requests.exceptions.RequestException as exc:
            raise UnreachableError(
                f"{self._principal.authority} did not answer ({type(exc).__name__}): "
                "check the network and the proxy"
            ) from None
        except ValueError as exc:  # discovery was refused: an unknown tenant, or no https
            raise SignInError(self._refused(str(exc), [])) from None
        if "access_token" not in answer:
            words = str(answer.get("error_description") or answer.get("error") or "")
            raise SignInError(self._refused(words, answer.get("error_codes") or []))
        return str(answer["access_token"])

    def _connected(self) -> msal.ConfidentialClientApplication:
        if self._application is None:
            self._application = msal.ConfidentialClientApplication(
                self._principal.client_id,
                client_credential=self._principal.client_secret,
                authority=self._principal.authority,
                # MSAL asks Microsoft about hosts that it does not know, unless told not to.
                instance_discovery=self._principal.authority_host in MICROSOFT_HOSTS,
                http_client=self._session,
            )
        return self._application

    def _refused(self, words: str, codes: list[int]) -> str:
        codes = codes or [int(code) for code in re.findall(r"AADSTS(\d+)", words)]
        hint = next((NEXT_STEPS[code] for code in codes if code in NEXT_STEPS), "")
        said = redact(words.split(" Trace ID")[0].splitlines()[0])[:300] if words else "no reason"
        return (
            f"sign-in of application {self._principal.client_id} in tenant "
            f"{self._principal.tenant_id} was refused: {said}" + (f"; {hint}" if hint else "")
        )


class MsalSession:
    """What MSAL asks of its http_client, with a time-out and the session's own trust."""

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
        return self._session.request(method, url, verify=self._session.verify, **options)
