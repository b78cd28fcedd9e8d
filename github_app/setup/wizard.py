"""`brickpush setup`: register the App in the browser, keep its secrets, see it installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from github_app.github import GitHubApp, open_api
from github_app.registration import (
    Installed,
    NewApp,
    Registration,
    change_hook,
    convert_manifest,
    read_installations,
)
from github_app.setup.files import Answers, SetupFiles, write_config, write_new
from github_app.setup.manifest import manifest_for
from github_app.setup.page import Target, create_page
from github_app.setup.public_url import public_url_of
from github_app.setup.registering import Registering, Wanted
from github_app.setup.visitor import Visitors
from github_app.setup.webhook_secret import new_webhook_secret
from promotion.clock import Clock, SystemClock
from promotion.errors import PromotionError
from promotion.http import open_session

POLL_SECONDS = 2.0
SEEN_SECONDS = 3.0  # for an open page to show the end
EXCHANGE_SECONDS = 15.0  # GitHub cuts its own calls at 10 s


@dataclass(frozen=True)
class Wish:
    """What is to be registered, and how."""

    webhook_url: str
    answers: Answers  # without what only GitHub can tell
    organization: str | None = None
    name: str | None = None
    port: int = 0
    wait_seconds: float = 1800.0
    keep_more: Callable[[], None] = lambda: None  # writes what else the settings name


class Terminal:
    """What the wizard says to the person who started it."""

    def opened(self, url: str) -> None:
        """The page is there."""

    def registered(self, registration: Registration, files: SetupFiles) -> None:
        """The files are written."""

    def waiting(self, registration: Registration) -> None:
        """It may take a while now."""

    def installed(self, accounts: tuple[str, ...]) -> None:
        """The App is installed."""


class Wizard:
    """Registers one App, from the page to its first installation."""

    def __init__(
        self, wish: Wish, files: SetupFiles, terminal: Terminal, clock: Clock | None = None
    ) -> None:
        self._wish = wish
        self._files = files
        self._terminal = terminal
        self._clock = clock or SystemClock()
        ca_path = wish.answers.ca_path
        self._session = open_session(str(ca_path) if ca_path else None)

    def run(self, next_steps: tuple[str, ...]) -> Registration:
        """Return the installed App; raise PromotionError where it came to that not in time."""
        # The server's imports take a second: not before the first question.
        from github_app.setup.serving import open_port, serving, url_of

        self._files.refuse_existing()
        self._files.prepare()
        listening = open_port(self._wish.port)
        url, visitors = url_of(listening), Visitors()
        registering = self._registering(url)
        target = Target(self._wish.answers.github_url, self._wish.organization)
        with serving(create_page(target, registering, visitors), listening):
            self._terminal.opened(f"{url}/start?token={visitors.token}")
            try:
                registration = self._go_on(registering, next_steps)
            except PromotionError as exc:
                registering.fail(str(exc))
                registering.wait_until_seen(SEEN_SECONDS)
                raise
            except KeyboardInterrupt:
                registering.settle(EXCHANGE_SECONDS)
                raise
            registering.wait_until_seen(SEEN_SECONDS)
            return registration

    def _go_on(self, registering: Registering, next_steps: tuple[str, ...]) -> Registration:
        registration = registering.wait_for_registration(self._wish.wait_seconds)
        self._terminal.registered(registration, self._files)
        accounts = self._wait_for_installation(registration)
        registering.installed(accounts, next_steps)
        self._terminal.installed(accounts)
        return registration

    def _registering(self, url: str) -> Registering:
        wish, github_url = self._wish, self._wish.answers.github_url
        api = open_api(github_url, self._session)
        wanted = Wanted(
            github=urlsplit(github_url).netloc,
            organization=wish.organization,
            webhook_url=wish.webhook_url,
            directory=str(self._files.config.absolute().parent),
        )
        manifest = manifest_for(wish.webhook_url, redirect_url=f"{url}/registered", name=wish.name)
        return Registering(
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
        self._wish.keep_more()
        answers = replace(
            self._wish.answers,
            app_id=app.registration.app_id,
            private_key_path=files.private_key.name,
            webhook_secret_path=files.webhook_secret.name,
            client_id=app.client_id,
            client_secret_path=files.client_secret.name,
            public_url=public_url_of(self._wish.webhook_url),
        )
        write_config(files, answers)
        if app.webhook_secret is None:  # GitHub made none, as for a webhook that is not active
            change_hook(self._open(app.registration.app_id).http, secret=secret)

    def _open(self, app_id: int) -> GitHubApp:
        return GitHubApp(
            self._wish.answers.github_url,
            app_id=app_id,
            private_key=self._files.private_key.read_text(encoding="utf-8"),
            session=self._session,
        )

    def _wait_for_installation(self, registration: Registration) -> tuple[str, ...]:
        app = self._open(registration.app_id)
        self._terminal.waiting(registration)
        found = wait_for_installation(
            lambda: read_installations(app.http), self._clock, self._wish.wait_seconds
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
    """Return the installations as soon as there are any; none after *seconds*.

    A new App may be unknown to a part of GitHub for a moment, so errors only count at the end.
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
