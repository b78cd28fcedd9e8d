"""The App's manifest: the permissions and events that it requests, for the wizard and people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME = "app-manifest.json"
WEBHOOK_PATH = "/webhooks/github"


def read_manifest() -> dict[str, Any]:
    """Return the manifest, which lies beside the package."""
    source = Path(__file__).parents[2] / NAME
    manifest: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return manifest


def manifest_for(webhook_url: str, *, redirect_url: str, name: str | None = None) -> dict[str, Any]:
    """Return the manifest of one registration."""
    manifest = read_manifest()
    return {
        **manifest,
        "name": name or manifest["name"],
        "hook_attributes": {"url": webhook_url, "active": True},
        "redirect_url": redirect_url,
    }
