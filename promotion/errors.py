"""The errors that stop a promotion: one base class, and a subclass for each cause."""

from __future__ import annotations

from collections.abc import Mapping


class PromotionError(Exception):
    """A promotion can't continue; the message names the thing, the value and the next step."""


class ConfigError(PromotionError):
    """Settings that can't be used."""


class SignInError(PromotionError):
    """No access token could be obtained."""


class CredentialError(PromotionError):
    """The Git credential that a pull needs could not be stored."""


class UnreachableError(PromotionError):
    """There was no answer: name resolution, connection, TLS or a broken answer."""


class TimedOutError(UnreachableError):
    """The request was sent and not answered in time: it may still take effect."""


class BrokenAnswerError(UnreachableError):
    """The request was sent and its answer was lost or invalid: it may have taken effect."""


class ApiError(PromotionError):
    """An API answered with an error."""

    def __init__(
        self,
        call: str,
        *,
        status: int,
        error_code: str = "",
        message: str = "",
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.call = call  # "PATCH https://adb-1.azuredatabricks.net/api/2.0/repos/1"
        self.status = status
        self.error_code = error_code  # Databricks' code, "" where there is none
        self.message = message  # the API's own message, redacted and shortened
        self.retry_after = retry_after  # seconds
        self.headers: Mapping[str, str] = headers or {}  # of the answer
        words = " ".join(part for part in (error_code, message) if part)
        super().__init__(f"{call} answered {status}{': ' + words if words else ''}")

    @property
    def not_there(self) -> bool:
        """Whether Databricks itself says that the object does not exist.

        Proxies, other hosts and workspaces without Git folders answer 404, too.
        """
        return self.status == 404 and self.error_code == "RESOURCE_DOES_NOT_EXIST"

    @property
    def throttled(self) -> bool:
        """Whether the call was throttled and may be sent again a little later."""
        return self.status in (429, 503) or self.error_code in (
            "REQUEST_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
            "TEMPORARILY_UNAVAILABLE",
        )
