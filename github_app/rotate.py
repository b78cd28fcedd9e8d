"""Change the webhook secret so that no delivery is refused: accept both, switch, drop the old.

1. A new secret file is written, and named first in the settings, while the old one stays valid.
2. The running service is seen to accept the new secret, by a signed ping.
3. GitHub is told to sign with it. From now on both are good, for deliveries that are on their way.
4. `--finish`, some minutes later, drops the old one.

Every step may be repeated, so a rotation that stopped anywhere is taken up by running it again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from github_app.github import GitHubApp
from github_app.probe import Echo
from github_app.registration import change_hook
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
        if len(names) < 2:
            raise ConfigError(f"{self.config} names one webhook secret: there is nothing to finish")
        change_hook(self.app.http, secret=self._read(names[0]))  # sure, even if step 3 was missed
        write_names(self.config, names[:1])
        for name in names[1:]:
            (self.config.parent / name).unlink(missing_ok=True)
            self.say(f"Removed: {name}")

    def _add(self, name: str, names: Sequence[str]) -> list[str]:
        write_new(self.config.parent / name, new_webhook_secret())
        named = [name, *names]
        write_names(self.config, named)
        self.say(f"Written: {name}, named first in {self.config}")
        return named

    def _read(self, name: str) -> str:
        path = self.config.parent / name
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
        if not secret:
            raise ConfigError(f"{path} is empty")
        return secret

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
            "is rotated there; give both for a while, as a JSON list"
        )
    return [str(name) for name in names]


def write_names(config: Path, names: Sequence[str]) -> None:
    """Change the list in the settings at one stroke, and keep everything else as it is."""
    document = _document(config)
    _github(config, document)[KEY] = list(names)
    mode = config.stat().st_mode
    descriptor, written = tempfile.mkstemp(dir=config.absolute().parent, prefix=f".{config.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(tomlkit.dumps(document))
    Path(written).chmod(mode)
    Path(written).replace(config)


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
