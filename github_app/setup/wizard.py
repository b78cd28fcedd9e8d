"""`brickpush setup`: register the App in the browser, save its secrets, await an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from github_app.github.app import GitHubApp, open_api
from github_app.github.manifest import manifest_for
from github_app.github.registration import (
    Installed,
    NewApp,
    Registration,
    change_hook,
    convert_manifest,
    read_installations,
)
from github_app.setup.files import Answers, SetupFiles, new_webhook_secret, write_config, write_new
from github_app.setup.inputs import public_url_of
from github_app.setup.page import Target, create_page
from github_app.setup.page_access import PageAccess
from github_app.setup.registration_flow import RegistrationFlow, RegistrationRequest
from promotion.clock import Clock, SystemClock
from promotion.errors import PromotionError
from promotion.http import open_session

POLL_SECONDS = 2.0
SEEN_SECONDS = 3.0  # for an open page to show the last stage
EXCHANGE_SECONDS = 15.0  # GitHub aborts a request after 10 s


@dataclass(frozen=True)
class SetupRequest:
    """What to register, and how."""

    webhook_url: str
    answers: Answers  # without the values that come from GitHub
    organization: str | None = None
    name: str | None = None
    port: int = 0
    wait_seconds: float = 1800.0
    keep_more: Callable[[], None] = lambda: None  # writes the other files that the settings name


class Terminal:
    """The wizard's output on the terminal."""

    def opened(self, url: str) -> None:
        """The page is open."""

    def registered(self, registration: Registration, files: SetupFiles) -> None:
        """The files are written."""

    def waiting(self, registration: Registration) -> None:
        """The wizard waits for the installation."""

    def installed(self, accounts: tuple[str, ...]) -> None:
        """The App is installed."""


class Wizard:
    """Registers one App, from the page to its first installation."""

    def __init__(
        self,
        request: SetupRequest,
        files: SetupFiles,
        terminal: Terminal,
        clock: Clock | None = None,
    ) -> None:
        self._request = request
        self._files = files
        self._terminal = terminal
        self._clock = clock or SystemClock()
        ca_path = request.answers.ca_path
        self._session = open_session(str(ca_path) if ca_path else None)

    def run(self, next_steps: tuple[str, ...]) -> Registration:
        """Return the installed App; raise PromotionError if it was not installed in time."""
        # Imported late: the server's imports take a second, which would delay the first prompt.
        from github_app.setup.serving import open_port, serving, url_of

        self._files.refuse_existing()
        self._files.prepare()
        listening = open_port(self._request.port)
        url, access = url_of(listening), PageAccess()
        flow = self._new_flow(url)
        target = Target(self._request.answers.github_url, self._request.organization)
        with serving(create_page(target, flow, access), listening):
            self._terminal.opened(f"{url}/start?token={access.token}")
            try:
                registration = self._complete(flow, next_steps)
            except PromotionError as exc:
                flow.fail(str(exc))
                flow.wait_until_seen(SEEN_SECONDS)
                raise
            except KeyboardInterrupt:
                flow.settle(EXCHANGE_SECONDS)
                raise
            flow.wait_until_seen(SEEN_SECONDS)
            return registration

    def _complete(self, flow: RegistrationFlow, next_steps: tuple[str, ...]) -> Registration:
        registration = flow.wait_for_registration(self._request.wait_seconds)
        self._terminal.registered(registration, self._files)
        accounts = self._wait_for_installation(registration)
        flow.installed(accounts, next_steps)
        self._terminal.installed(accounts)
        return registration

    def _new_flow(self, url: str) -> RegistrationFlow:
        request, github_url = self._request, self._request.answers.github_url
        api = open_api(github_url, self._session)
        wanted = RegistrationRequest(
            github=urlsplit(github_url).netloc,
            organization=request.organization,
            webhook_url=request.webhook_url,
            directory=str(self._files.config.absolute().parent),
        )
        manifest = manifest_for(
            request.webhook_url, redirect_url=f"{url}/registered", name=request.name
        )
        return RegistrationFlow(
            wanted,
            manifest=lambda: manifest,
            convert=lambda code: convert_manifest(api, code),
            keep=self._keep,
        )

    def _keep(self, app: NewApp) -> None:
        """Write the secrets first, then the settings that name them."""
        files = self._files
        write_new(files.private_key, app.private_key)
        secret = app.webhook_secret or new_webhook_secret()
        write_new(files.webhook_secret, secret)
        if app.client_secret:
            write_new(files.client_secret, app.client_secret)
        self._request.keep_more()
        answers = replace(
            self._request.answers,
            app_id=app.registration.app_id,
            private_key_path=files.private_key.name,
            webhook_secret_path=files.webhook_secret.name,
            client_id=app.client_id,
            client_secret_path=files.client_secret.name,
            public_url=public_url_of(self._request.webhook_url),
        )
        write_config(files, answers)
        if app.webhook_secret is None:  # GitHub creates none for an inactive webhook
            change_hook(self._open(app.registration.app_id).http, secret=secret)

    def _open(self, app_id: int) -> GitHubApp:
        return GitHubApp(
            self._request.answers.github_url,
            app_id=app_id,
            private_key=self._files.private_key.read_text(encoding="utf-8"),
            session=self._session,
        )

    def _wait_for_installation(self, registration: Registration) -> tuple[str, ...]:
        app = self._open(registration.app_id)
        self._terminal.waiting(registration)
        found = wait_for_installation(
            lambda: read_installations(app.http), self._clock, self._request.wait_seconds
        )
        if not found:
            raise PromotionError(
                f"{registration.name} is registered, and {self._files.config} is written, but "
                f"nobody installed it in time: install it at {registration.install_url}, "
                "then run `brickpush doctor`"
            )
        return tuple(one.account for one in found)


def wait_for_installation(
    look: Callable[[], list[Installed]], clock: Clock, seconds: float
) -> list[Installed]:
    """Wait until there are installations and return them; empty after *seconds*.

    Parts of GitHub may not know a new App yet, so errors are raised only at the end.
    """
    ends = clock.time() + seconds
    while True:
        try:
            if found := look():
                return found
        except PromotionError:
            if clock.time() >= ends:
                raise
        if clock.time() >= ends:
            return []
        clock.sleep(POLL_SECONDS)
