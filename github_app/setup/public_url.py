"""Where people reach the service, as far as the webhook's address tells it. Pure."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from github_app.settings import Origin
from github_app.setup.manifest import WEBHOOK_PATH


def public_url_of(webhook_url: str | None) -> str:
    """Return the origin of the webhook's address, empty where it may not lead to our pages.

    With another path than ours a proxy stands between, which may let nothing else through.
    """
    if webhook_url is None or not webhook_url.endswith(WEBHOOK_PATH):
        return ""
    try:
        origin: str = TypeAdapter(Origin).validate_python(webhook_url)
    except ValidationError:
        return ""
    return origin if webhook_url == f"{origin}{WEBHOOK_PATH}" else ""
