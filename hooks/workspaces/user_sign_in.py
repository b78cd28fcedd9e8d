"""Sign a developer in by MSAL: `git promote login` fills the cache, promotions read it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from hooks.workspaces.clouds import authority_host, ca_path
from promotion.errors import ConfigError, SignInError, UnreachableError
from promotion.http import open_session
from promotion.safe_text import redact

if TYPE_CHECKING:
    import msal

    from hooks.workspaces.settings import LoginSettings

SIGN_IN_SECONDS = 300
ENCRYPTED, PLAIN_TEXT = "sign-in.bin", "sign-in.json"


@dataclass(frozen=True)
class UserSignIn:
    """The app registration to sign in to; the environment gives the cloud and the CA bundle."""

    settings: LoginSettings
    environ: Mapping[str, str]

    def authorization(self) -> str:
        """Return the Authorization header's value from the cache; never prompts.

        Raises SignInError where nobody is signed in any more.
        """
        if not self.signed_in_before:
            raise SignInError("`git promote login` was not run yet")
        with _in_words(self.authority):
            application = self._application()
            accounts = application.get_accounts()
            answer = application.acquire_token_silent(_scopes(), accounts[0]) if accounts else None
        return f"Bearer {_access_token(answer or {'error': 'the sign-in has ended'})}"

    def sign_in(self, *, device_code: bool, show: Callable[[str], None]) -> str:
        """Sign a person in, in the browser or with a code, and return who it was."""
        with _in_words(self.authority):
            application = self._application()
            if device_code:
                flow = application.initiate_device_flow(_scopes())
                if "user_code" not in flow:
                    _access_token(flow)
                show(str(flow["message"]))
                answer = application.acquire_token_by_device_flow(flow)
            else:
                answer = application.acquire_token_interactive(_scopes(), timeout=SIGN_IN_SECONDS)
        _access_token(answer)
        return str(answer.get("id_token_claims", {}).get("preferred_username") or "you")

    def forget(self) -> None:
        """Remove every token from the cache, wherever the system keeps it, and the cache file."""
        with _in_words(self.authority):
            application = self._application()
            for account in application.get_accounts():
                application.remove_account(account)
        self.cache_path.unlink(missing_ok=True)

    @property
    def authority(self) -> str:
        return f"{authority_host(self.environ)}/{self.settings.tenant_id}"

    @property
    def cache_path(self) -> Path:
        directory = platformdirs.user_data_dir("brickpush", appauthor=False)
        return Path(directory) / (PLAIN_TEXT if self.settings.plain_text else ENCRYPTED)

    @property
    def signed_in_before(self) -> bool:
        """Whether there is a cache; where tokens are kept in a keychain, its file is a marker."""
        return self.cache_path.exists()

    def _application(self) -> msal.PublicClientApplication:
        import msal

        from promotion.entra import MICROSOFT_HOSTS, MsalSession

        return msal.PublicClientApplication(
            self.settings.client_id,
            authority=self.authority,
            instance_discovery=authority_host(self.environ) in MICROSOFT_HOSTS,
            http_client=MsalSession(open_session(ca_path(self.environ))),
            token_cache=self._cache(),
        )

    def _cache(self) -> msal.TokenCache:
        try:
            import msal_extensions  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise ConfigError("sign-ins are kept by msal-extensions: install it") from None
        path = self.cache_path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.settings.plain_text:
            return msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(str(path)))
        try:
            persistence = msal_extensions.build_encrypted_persistence(str(path))
        # On Linux any of these may be missing: PyGObject, a session bus, a secret service.
        except (ImportError, OSError, RuntimeError, ValueError) as exc:
            raise ConfigError(
                f"this system has no secret store for tokens ({type(exc).__name__}): use the az or "
                "databricks CLI's sign-in, or allow a plain file by plain_text = true under "
                "[login] in promote.toml"
            ) from None
        return msal_extensions.PersistedTokenCache(persistence)


def _scopes() -> list[str]:
    from promotion.entra import DATABRICKS_SCOPE

    return [DATABRICKS_SCOPE]


@contextlib.contextmanager
def _in_words(authority: str) -> Iterator[None]:
    """Convert the exceptions of MSAL to ours; `_access_token` checks what it returns."""
    import requests
    from msal.exceptions import MsalServiceError

    try:
        yield
    except (requests.exceptions.RequestException, MsalServiceError) as exc:
        raise UnreachableError(f"{authority} did not answer ({type(exc).__name__})") from None
    except ValueError as exc:
        words = redact(str(exc).splitlines()[0])[:300]
        raise SignInError(f"sign-in at {authority} was refused: {words}") from None


def _access_token(answer: Mapping[str, Any]) -> str:
    if token := answer.get("access_token"):
        return str(token)
    words = str(answer.get("error_description") or answer.get("error") or "no reason")
    said = redact(words.split(" Trace ID")[0].splitlines()[0])[:300]
    raise SignInError(f"sign-in was refused: {said}")
