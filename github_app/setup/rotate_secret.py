"""Rotate the webhook secret without refused deliveries: accept both, switch, remove the old.

1. Write a new secret file and name it first in the settings; the old secret is still valid.
2. Check with a signed ping that the running service accepts the new secret.
3. Set the new secret at GitHub. Both are valid then, for deliveries that are on their way.
4. `--finish`, some minutes later, removes the old one.

Every step can be repeated, so running the command again resumes an interrupted rotation. A note
file beside the settings lists the files that a step creates or removes, until it is done. Those
that the settings do not name are used by nothing and are removed then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from github_app.config.secrets import read_text
from github_app.doctor.ping import Echo
from github_app.github.app import GitHubApp
from github_app.github.registration import change_hook
from github_app.setup.files import new_webhook_secret, write_new
from promotion.clock import Clock
from promotion.errors import ConfigError, PromotionError

ACCEPTED_WITHIN = 30.0  # seconds for the service to reload its settings
PAUSE = 0.5
KEY = "webhook_secret_paths"


@dataclass(frozen=True)
class Rotation:
    """The rotation for one settings file."""

    config: Path
    app: GitHubApp
    ping: Callable[[str], Echo] | None  # None: not checked, at the operator's request
    clock: Clock
    say: Callable[[str], None]

    def begin(self, *, stamp: str) -> None:
        """Do steps 1 to 3; *stamp* makes the new file's name unique."""
        names = read_names(self.config)
        self._clear(names)
        if len(names) > 1:
            self.say(f"A rotation has begun already: continuing with {names[0]}")
        else:
            names = self._add(f"webhook-{stamp}.secret", names)
        secret = self._read(names[0])
        if self.ping is None:
            self.say("Not checked whether the service accepts the new secret, as you asked.")
        else:
            self._wait_for_acceptance(self.ping, secret)
        change_hook(self.app.http, secret=secret)
        self.say("GitHub signs with the new secret from now on; the old one is still accepted.")

    def finish(self) -> None:
        """Do step 4: keep only the first secret."""
        names = read_names(self.config)
        if self._clear(names) and len(names) < 2:
            return
        if len(names) < 2:
            raise ConfigError(f"{self.config} names one webhook secret: there is nothing to finish")
        secret = self._read(names[0])
        if self.ping is not None:
            self._require_acceptance(self.ping(secret))
        change_hook(self.app.http, secret=secret)  # in case step 3 was not reached
        self._note(names[1:])
        write_names(self.config, names[:1])
        self._clear(names[:1])

    def _require_acceptance(self, echo: Echo) -> None:
        """Raise PromotionError unless the running service accepts the new secret."""
        if echo is Echo.OTHER_SECRET:
            raise PromotionError(
                "the service does not accept the new secret, so the old one is kept: restart the "
                "service, then run this again"
            )
        if echo is not Echo.ACCEPTED:
            raise PromotionError(
                f"the service could not be asked whether it accepts the new secret: {echo.value}; "
                "the old one is kept: start it, or give its URL with --url, then run this again "
                "(--no-check skips this test)"
            )

    def _add(self, name: str, names: Sequence[str]) -> list[str]:
        path, named = self._path(name), [name, *names]
        if path.exists():
            raise ConfigError(f"{path} exists already: run this again in a second")
        self._note([name])
        try:
            write_new(path, new_webhook_secret())
            write_names(self.config, named)
        except ConfigError:
            self._clear(names)
            raise
        self._clear(named)
        self.say(f"Written: {name}, named first in {self.config}")
        return named

    @property
    def _notes(self) -> Path:
        return self.config.absolute().with_name(f".{self.config.name}.rotation")

    def _note(self, names: Sequence[str]) -> None:
        """Write the note: the files that are about to be created or removed."""
        try:
            self._notes.write_text("\n".join(names), encoding="utf-8")
        except OSError as exc:
            raise ConfigError(f"{self._notes} can't be written ({exc.strerror})") from None

    def _clear(self, named: Sequence[str]) -> bool:
        """Remove noted files that the settings do not name; return whether there were any."""
        try:
            noted = self._notes.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        kept = {self._path(name) for name in named}
        left = [path for path in map(self._path, noted) if path not in kept and path.exists()]
        self._remove(left)
        self._notes.unlink(missing_ok=True)
        return bool(left)

    def _remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as exc:
                self.say(f"Not removed: {path} ({exc.strerror}); nothing uses it any more")
            else:
                self.say(f"Removed: {path.name}")

    def _path(self, name: str) -> Path:
        return self.config.absolute().parent / name

    def _read(self, name: str) -> str:
        path = self._path(name)
        try:
            return read_text(path)
        except ConfigError as exc:
            raise ConfigError(
                f"{exc}: put it back, or remove its name from {KEY} in {self.config}"
            ) from None

    def _wait_for_acceptance(self, ping: Callable[[str], Echo], secret: str) -> None:
        ends = self.clock.time() + ACCEPTED_WITHIN
        while (echo := ping(secret)) is not Echo.ACCEPTED:
            if self.clock.time() >= ends:
                raise PromotionError(
                    f"GitHub's side is unchanged: {echo.value}. Restart the service, or give a "
                    "--url that can be reached from here, then run this again"
                )
            self.clock.sleep(PAUSE)
        self.say("The service accepts the new secret.")


def read_names(config: Path) -> list[str]:
    """Return the names of the secret files in the settings."""
    names = _github(config, _document(config)).get(KEY)
    if not isinstance(names, list) or not names:
        raise ConfigError(
            f"github.{KEY} of {config} names no file: a secret that comes from the environment "
            "is rotated there"
        )
    return [str(name) for name in names]


def write_names(config: Path, names: Sequence[str]) -> None:
    """Replace the list in the settings file atomically; keep everything else, with comments."""
    document = _document(config)
    _github(config, document)[KEY] = list(names)
    config = config.resolve()  # the target of a symbolic link
    written = config.with_name(f".{config.name}.new")
    try:
        mode = config.stat().st_mode
        written.unlink(missing_ok=True)  # of an interrupted try
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        written.chmod(mode)
        written.replace(config)
    except OSError as exc:
        raise ConfigError(
            f"{config} can't be changed ({exc.strerror}): where something else writes it, name "
            f"the new and the old secret in {KEY} there"
        ) from None


def _document(config: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(config.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{config} can't be read ({exc.strerror})") from None
    except TOMLKitError as exc:
        raise ConfigError(f"{config} is not TOML: {exc}") from None


def _github(config: Path, document: tomlkit.TOMLDocument) -> dict[str, object]:
    github = document.get("github")
    if not isinstance(github, dict):
        raise ConfigError(f"{config} has no table [github]")
    return github
