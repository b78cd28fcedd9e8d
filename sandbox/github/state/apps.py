"""The registered GitHub Apps: their keys, grants and webhooks, and look-ups."""

from __future__ import annotations

import itertools
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import disclosure
from sandbox.github.state import keys
from sandbox.github.state.deliveries import Deliveries, Hook
from sandbox.github.state.manifest import AUTOMATIC_EVENTS, Manifest, name_problems

MAX_KEYS = 25
CODE_LIFETIME = 3600  # seconds from the registration to the conversion
FIRST_CLIENT_ID = "Iv23liSandboxBrickpu"
FIRST = Manifest(
    name="Brickpush sandbox",
    url="https://brickpush.example",
    public=True,
    permissions={"contents": "read", "metadata": "read", "checks": "write"},
    events=("push", "repository"),
)
# With `checks: write` these are sent unrequested, and `GET /app` does not list them.
CHECK_EVENTS = {
    "check_run": ("rerequested", "requested_action"),
    "check_suite": ("requested", "rerequested"),
}


class TooManyKeysError(Exception):
    """An App has 25 keys already."""


class NameTakenError(Exception):
    """Another App has this name."""


@dataclass
class App:
    """The registration of one App."""

    id: int
    slug: str
    name: str
    client_id: str
    owner: str  # the login of the account that it is registered under
    external_url: str
    created_at: float
    hook: Hook
    deliveries: Deliveries
    permissions: dict[str, str]
    events: tuple[str, ...]
    description: str | None = None
    public: bool = False
    setup_url: str | None = None
    client_secret: str = field(default="", repr=False)
    public_keys: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)  # by fingerprint
    private_key_path: Path | None = None  # of the newest key

    def add_key(self, key: rsa.RSAPrivateKey, path: Path) -> str:
        """Take a key and leave its private half at *path*; return it as PEM."""
        if len(self.public_keys) >= MAX_KEYS:
            raise TooManyKeysError(f"{self.slug} has {MAX_KEYS} keys")
        pem = keys.to_pem(key)
        keys.write_pem(path, pem)
        public = key.public_key()
        self.public_keys[keys.fingerprint(public)] = public
        self.private_key_path = path
        return pem

    def delete_key(self, path: Path) -> None:
        """Forget a key by its private half, which is removed."""
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(private, rsa.RSAPrivateKey)
        del self.public_keys[keys.fingerprint(private.public_key())]
        path.unlink()

    def hears(self, event: str, action: str | None = None) -> bool:
        """Say whether events of this kind are sent to the App's webhook."""
        if event in AUTOMATIC_EVENTS or event in self.events:
            return True
        return self.permissions.get("checks") == "write" and action in CHECK_EVENTS.get(event, ())


@dataclass(frozen=True)
class _Code:
    app: App
    until: float


class Apps:
    """Every registered App; their private keys are left in *directory*."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(421_337)
        self._hook_ids = itertools.count(510_001)
        self._by_id: dict[int, App] = {}
        self._codes: dict[str, _Code] = {}

    def add_first(self) -> App:
        """Register the App that exists initially."""
        app = self.add(FIRST, owner="brickpush", client_id=FIRST_CLIENT_ID, has_hook=True)
        app.add_key(keys.key_of_this_process(), self._directory / "app.private-key.pem")
        return app

    def add(
        self,
        manifest: Manifest,
        *,
        owner: str,
        client_id: str | None = None,
        has_hook: bool = False,
    ) -> App:
        """Register an App, without a key yet."""
        with self._lock:
            slug = slug_of(manifest.name)
            if slug in {one.slug for one in self._by_id.values()}:
                raise NameTakenError("Name has already been taken")
            number = next(self._ids)
            hook = Hook(
                id=next(self._hook_ids),
                app_id=number,
                secret=disclosure.new_secret(),
                url=manifest.hook_url,
                active=has_hook or manifest.hook_active,
            )
            app = App(
                id=number,
                slug=slug,
                name=manifest.name,
                client_id=client_id or f"Iv23li{secrets.token_hex(7)}",
                owner=owner,
                external_url=manifest.url,
                created_at=self._clock(),
                hook=hook,
                deliveries=Deliveries(hook, self._clock),
                permissions=dict(manifest.permissions),
                events=manifest.events,
                description=manifest.description,
                public=manifest.public,
                setup_url=manifest.setup_url,
                client_secret=disclosure.new_secret(),
            )
            self._by_id[number] = app
            return app

    def add_key(self, app: App) -> str:
        """Give the App one more key; return its private half."""
        path = self._directory / f"{app.slug}.{secrets.token_hex(4)}.private-key.pem"
        return app.add_key(keys.new_key(), path)

    def give_code(self, app: App) -> str:
        """Return the code that is valid for one conversion within the hour."""
        code = secrets.token_hex(20)
        with self._lock:
            self._codes[code] = _Code(app, self._clock() + CODE_LIFETIME)
        return code

    def take_code(self, code: str) -> App | None:
        """Return the App of a code, which is used up by this."""
        with self._lock:
            found = self._codes.pop(code, None)
        return found.app if found is not None and self._clock() < found.until else None

    def all(self) -> list[App]:
        """Return every App, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def find(self, app_id: int) -> App | None:
        return self._by_id.get(app_id)

    def by_slug(self, slug: str) -> App | None:
        return next((one for one in self.all() if one.slug == slug.lower()), None)

    def close(self) -> None:
        """Stop delivering webhooks."""
        for app in self.all():
            app.deliveries.close()

    def naming_problems(self, name: str) -> list[str]:
        """Return why no App can be registered under *name*."""
        if problems := name_problems(name):
            return problems
        taken = self.by_slug(slug_of(name)) is not None
        return ["Name has already been taken"] if taken else []


def slug_of(name: str) -> str:
    """Return the slug that an App's name gives."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
