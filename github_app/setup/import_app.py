"""`brickpush setup --import`: import an App that is registered already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from github_app.github.app import GitHubApp
from github_app.github.registration import Registration, change_hook, read_hook, read_registration
from github_app.setup.files import Answers, SetupFiles, new_webhook_secret, write_config, write_new
from github_app.setup.inputs import public_url_of
from promotion.errors import ApiError, ConfigError
from promotion.http import open_session


@dataclass(frozen=True)
class ExistingApp:
    """The App to import."""

    app_id: int
    private_key: Path
    webhook_secret: str | None  # None: create a new one and set it at GitHub
    webhook_url: str | None  # None: leave the webhook URL unchanged


def import_app(
    existing: ExistingApp,
    answers: Answers,
    files: SetupFiles,
    *,
    keep_more: Callable[[], None] = lambda: None,
) -> Registration:
    """Verify the key by a call, then write the settings; change the webhook last.

    *keep_more* writes the other files that the settings name.
    """
    files.refuse_existing()
    files.prepare()
    app = _open(existing, answers)
    registration = _verified(app, existing.app_id)
    hook = read_hook(app.http)
    url = existing.webhook_url if existing.webhook_url != hook.url else None
    secret = existing.webhook_secret or new_webhook_secret()
    write_new(files.webhook_secret, secret)
    keep_more()
    written = replace(
        answers,
        app_id=registration.app_id,
        private_key_path=str(existing.private_key.absolute()),
        webhook_secret_path=files.webhook_secret.name,
        public_url=public_url_of(existing.webhook_url or hook.url),
    )
    write_config(files, written)
    if existing.webhook_secret is None or url is not None:
        new = secret if existing.webhook_secret is None else None
        change_hook(app.http, url=url, secret=new)
    return registration


def _open(existing: ExistingApp, answers: Answers) -> GitHubApp:
    try:
        key = existing.private_key.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{existing.private_key} can't be read: {exc}") from None
    session = open_session(str(answers.ca_path) if answers.ca_path else None)
    return GitHubApp(answers.github_url, app_id=existing.app_id, private_key=key, session=session)


def _verified(app: GitHubApp, app_id: int) -> Registration:
    try:
        return read_registration(app.http)
    except ApiError as exc:
        if exc.status not in (401, 404):
            raise
        raise ConfigError(
            f"GitHub does not accept this key for App {app_id} ({exc.message}): compare the App's "
            f"id and the key's fingerprint {app.fingerprint} with the App's settings page"
        ) from None
