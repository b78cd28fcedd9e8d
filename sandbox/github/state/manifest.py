"""An App manifest as GitHub reads it: valid keys, and the messages for problems. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_NAME = 34  # characters
MAX_CALLBACK_URLS = 10
LEVELS = ("read", "write", "admin")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
NOT_REACHABLE = "is not supported because it isn't reachable over the public Internet"
# Sent to every App, and refused in a manifest.
AUTOMATIC_EVENTS = frozenset(
    {"installation", "installation_repositories", "github_app_authorization", "ping"}
)
EVENT_NEEDS = {
    "check_run": "checks",
    "check_suite": "checks",
    "create": "contents",
    "delete": "contents",
    "deployment": "deployments",
    "deployment_status": "deployments",
    "fork": "contents",
    "installation_target": "metadata",
    "issue_comment": "issues",
    "issues": "issues",
    "label": "metadata",
    "member": "members",
    "meta": "metadata",
    "organization": "members",
    "public": "metadata",
    "pull_request": "pull_requests",
    "push": "contents",
    "release": "contents",
    "repository": "metadata",
    "repository_dispatch": "contents",
    "star": "metadata",
    "status": "statuses",
    "watch": "metadata",
    "workflow_job": "actions",
    "workflow_run": "actions",
}
TEXTS = ("name", "description", "url", "redirect_url", "setup_url")
FLAGS = ("public", "setup_on_update", "request_oauth_on_install")
OTHERS = ("hook_attributes", "callback_urls", "default_events", "default_permissions")
HOOK_KEYS = ("url", "active")


class ManifestInvalidError(Exception):
    """GitHub would not register an App from this; *problems* are its messages."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Manifest:
    """A manifest that GitHub takes."""

    name: str
    url: str
    description: str | None = None
    redirect_url: str | None = None
    setup_url: str | None = None
    callback_urls: tuple[str, ...] = ()
    hook_url: str | None = None
    hook_active: bool = True
    public: bool = False
    permissions: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()


def read_manifest(text: str, *, allow_local_hooks: bool) -> Manifest:
    """Return the manifest in *text*, or raise ManifestInvalidError with every problem."""
    try:
        fields = json.loads(text)
    except ValueError as exc:
        raise ManifestInvalidError(["Manifest is not valid JSON"]) from exc
    if not isinstance(fields, dict):
        raise ManifestInvalidError(["Manifest is not an object"])
    problems = [
        *_shape_problems(fields),
        *_hook_problems(fields.get("hook_attributes"), allow_local_hooks=allow_local_hooks),
        *_permission_problems(fields),
    ]
    if problems:
        raise ManifestInvalidError(problems)
    return _manifest(fields)


def name_problems(name: str) -> list[str]:
    """Return what is wrong with an App's name."""
    if not name.strip():
        return ["Name can't be blank"]
    if len(name) > MAX_NAME:
        return [f"Name is too long (maximum is {MAX_NAME} characters)"]
    if name.lower().startswith(("github", "gist")):
        return ["Name should not begin with 'GitHub' or 'Gist'"]
    return []


def _shape_problems(fields: Mapping[str, object]) -> list[str]:
    known = (*TEXTS, *FLAGS, *OTHERS)
    problems = [f'"{name}" is not a permitted key.' for name in fields if name not in known]
    if fields.get("url") is None:
        problems.append('"url" wasn\'t supplied.')
    for name in TEXTS:
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            problems.append(f'For "{name}", {value!r} is not a string.')
        elif isinstance(value, str) and name.endswith("url") and not _is_web(value):
            problems.append(f"{name.replace('_', ' ').capitalize()} must be a valid URL")
    for name in FLAGS:
        if not isinstance(fields.get(name, False), bool):
            problems.append(f'For "{name}", {fields[name]!r} is not a boolean.')
    callbacks = fields.get("callback_urls", [])
    if not isinstance(callbacks, list) or not all(isinstance(one, str) for one in callbacks):
        problems.append('"callback_urls" is not an array of strings.')
    elif len(callbacks) > MAX_CALLBACK_URLS:
        problems.append(f"Callback urls are limited to {MAX_CALLBACK_URLS}")
    return problems


def _hook_problems(hook: object, *, allow_local_hooks: bool) -> list[str]:
    """The URL is required even for a hook that is not active, and the secret is GitHub's."""
    if hook is None:
        return []
    if not isinstance(hook, dict):
        return ['"hook_attributes" is not an object.']
    problems = [f'"{name}" is not a permitted key.' for name in hook if name not in HOOK_KEYS]
    if not isinstance(hook.get("active", True), bool):
        problems.append(f'For "active", {hook["active"]!r} is not a boolean.')
    url = hook.get("url")
    if not isinstance(url, str):
        problems.append('"url" wasn\'t supplied.')
    elif not _is_web(url):
        problems.append("Hook url must be a valid URL")
    elif not allow_local_hooks and (host := urlsplit(url).hostname) in LOCAL_HOSTS:
        problems.append(f"Hook url {NOT_REACHABLE} ({host})")
    return problems


def _permission_problems(fields: Mapping[str, object]) -> list[str]:
    permissions, events = fields.get("default_permissions", {}), fields.get("default_events", [])
    if not isinstance(permissions, dict):
        return ['"default_permissions" is not an object.']
    if not isinstance(events, list) or not all(isinstance(one, str) for one in events):
        return ['"default_events" is not an array of strings.']
    problems = [
        f"Default permission records access {level!r} of {name!r} is not allowed"
        for name, level in permissions.items()
        if level not in LEVELS
    ]
    granted = {"metadata", *permissions}
    unsupported = [one for one in events if one not in EVENT_NEEDS]
    uncovered = [one for one in events if EVENT_NEEDS.get(one) not in granted]
    if unsupported:
        problems.append(f"Default events unsupported: {_listed(unsupported)}")
    if uncovered:
        problems.append(f"Default events are not supported by permissions: {_listed(uncovered)}")
    return problems


def _manifest(fields: Mapping[str, object]) -> Manifest:
    texts = {name: value for name in TEXTS if isinstance(value := fields.get(name), str)}
    hook = fields.get("hook_attributes")
    callbacks, events = fields.get("callback_urls"), fields.get("default_events")
    permissions = fields.get("default_permissions")
    granted = dict(permissions) if isinstance(permissions, dict) else {}
    return Manifest(
        name=texts.get("name", ""),
        url=texts["url"],
        description=texts.get("description"),
        redirect_url=texts.get("redirect_url"),
        # GitHub sends whoever installs to the OAuth page instead.
        setup_url=None if fields.get("request_oauth_on_install") else texts.get("setup_url"),
        callback_urls=tuple(callbacks) if isinstance(callbacks, list) else (),
        hook_url=str(hook["url"]) if isinstance(hook, dict) else None,
        hook_active=isinstance(hook, dict) and bool(hook.get("active", True)),
        public=bool(fields.get("public", False)),
        permissions={**granted, "metadata": granted.get("metadata", "read")},
        events=tuple(events) if isinstance(events, list) else (),
    )


def _is_web(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _listed(names: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b, and c"."""
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"
