"""Change the webhook secret so that no delivery is refused: accept both, switch, drop the old.

1. A new secret file is written, and named first in the settings, while the old one stays valid.
2. The running service is seen to accept the new secret, by a signed ping.
3. GitHub is told to sign with it. From now on both are good, for deliveries that are on their way.
4. `--finish`, some minutes later, drops the old one.

Every step may be repeated, so a rotation that stopped anywhere is taken up by running it again.
A note beside the settings says which files a step makes or removes until it is done: what the
settings do not name yet, or any more, is accepted by nobody, and is removed then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from github_app.github import GitHubApp
from github_app.probe import Echo
from github_app.registration import change_hook
from github_app.secret_files import read_text
from github_app.setup.files import write_new
from github_app.setup.webhook_secret import new_webhook_secret
from promotion.clock import Clock
from promotion.errors import ConfigError, PromotionError

ACCEPTED_WITHIN = 30.0  # seconds for the service to read its settings again
PAUSE = 0.5
KEY = "webhook_secret_paths"


@dataclass(frozen=True)
class Rotation:
    """One settings file, and the ways to reach who is concerned."""

    config: Path
    app: GitHubApp
    ping: Callable[[str], Echo] | None  # None: nobody can be asked; the operator vouches
    clock: Clock
    say: Callable[[str], None]

    def begin(self, *, stamp: str) -> None:
        """Do steps 1 to 3; *stamp* tells the new file from earlier ones."""
        names = read_names(self.config)
        self._clear(names)
        if len(names) > 1:
            self.say(f"A rotation has begun already: going on with {names[0]}")
        else:
            names = self._add(f"webhook-{stamp}.secret", names)
        secret = self._read(names[0])
        if self.ping is None:
            self.say("Not checked whether the service accepts the new secret, as you asked.")
        else:
            self._wait_for_acceptance(self.ping, secret)
        change_hook(self.app.http, secret=secret)
        self.say("GitHub signs with the new secret from now on; the old one is accepted too.")

    def finish(self) -> None:
        """Do step 4: only the first secret stays."""
        names = read_names(self.config)
        if self._clear(names) and len(names) < 2:
            return
        if len(names) < 2:
            raise ConfigError(f"{self.config} names one webhook secret: there is nothing to finish")
        secret = self._read(names[0])
        if self.ping is not None:
            self._require_acceptance(self.ping(secret))
        change_hook(self.app.http, secret=secret)  # sure, even if step 3 was missed
        self._note(names[1:])
        write_names(self.config, names[:1])
        self._clear(names[:1])

    def _require_acceptance(self, echo: Echo) -> None:
        """Raise PromotionError unless the running service has accepted the new secret."""
        if echo is Echo.OTHER_SECRET:
            raise PromotionError(
                "the service does not accept the new secret, so the old one stays: restart the "
                "service, then run this again"
            )
        if echo is not Echo.ACCEPTED:
            raise PromotionError(
                f"the service could not be asked whether it accepts the new secret: {echo.value}; "
                "the old one stays: start it, or name it with --url, then run this again "
                "(--no-check trusts that it does)"
            )

    def _add(self, name: str, names: Sequence[str]) -> list[str]:
        path, named = self._path(name), [name, *names]
        if path.exists():
            raise ConfigError(f"{path} is there already: run this again in a second")
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
        """Write down which files are about to be made or removed."""
        try:
            self._notes.write_text("\n".join(names), encoding="utf-8")
        except OSError as exc:
            raise ConfigError(f"{self._notes} can't be written ({exc.strerror})") from None

    def _clear(self, named: Sequence[str]) -> bool:
        """Remove what a step has left that the settings do not name; say whether there was any."""
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
                f"{exc}: put it back, or take its name out of {KEY} in {self.config}"
            ) from None

    def _wait_for_acceptance(self, ping: Callable[[str], Echo], secret: str) -> None:
        ends = self.clock.time() + ACCEPTED_WITHIN
        while (echo := ping(secret)) is not Echo.ACCEPTED:
            if self.clock.time() >= ends:
                raise PromotionError(
                    f"GitHub's side is unchanged: {echo.value}. Restart the service, or give --url "
                    "where it can be reached from here, then run this again"
                )
            self.clock.sleep(PAUSE)
        self.say("The service accepts the new secret.")


def read_names(config: Path) -> list[str]:
    """Return the secret files as the settings name them."""
    names = _github(config, _document(config)).get(KEY)
    if not isinstance(names, list) or not names:
        raise ConfigError(
            f"github.{KEY} of {config} names no file: a secret that comes from the environment "
            "is rotated there"
        )
    return [str(name) for name in names]


def write_names(config: Path, names: Sequence[str]) -> None:
    """Change the list in the settings at one stroke, and keep everything else as it is."""
    document = _document(config)
    _github(config, document)[KEY] = list(names)
    config = config.resolve()  # of a link, what it leads to
    written = config.with_name(f".{config.name}.new")
    try:
        mode = config.stat().st_mode
        written.unlink(missing_ok=True)  # of a try that broke off
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
