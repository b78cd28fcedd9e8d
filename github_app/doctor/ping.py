"""Send the service a signed ping as GitHub does, to test URL and secret at once."""

from __future__ import annotations

import hmac
import json
import uuid
from enum import Enum
from hashlib import sha256
from urllib.parse import urlsplit

from github_app.github.manifest import WEBHOOK_PATH
from promotion.errors import ApiError, BrokenAnswerError, UnreachableError
from promotion.http import Http, open_session

PING = {"zen": "Keep it logically awesome.", "hook_id": 0}
READ_SECONDS = 10.0  # as long as GitHub waits


class Echo(Enum):
    """The service's answer to the ping."""

    ACCEPTED = "accepted"
    OTHER_SECRET = "it does not know this webhook secret"  # nosec B105
    NOT_OURS = "something else answers there"
    UNREACHABLE = "nothing answers there"


def webhook_endpoint(url: str) -> str:
    """Return the webhook URL of the service at *url*."""
    return url if urlsplit(url).path not in ("", "/") else f"{url.rstrip('/')}{WEBHOOK_PATH}"


def ping(endpoint: str, secret: str, *, ca_path: str | None) -> Echo:
    """Send one signed ping and return the answer."""
    split = urlsplit(endpoint)
    # The same bytes that requests sends for `json=`.
    digest = hmac.new(secret.encode(), json.dumps(PING).encode(), sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={digest}",
    }
    http = Http(f"{split.scheme}://{split.netloc}", session=open_session(ca_path), headers=headers)
    try:
        answer = http.call("POST", split.path, json=PING, read_seconds=READ_SECONDS)
    except ApiError as exc:
        return Echo.OTHER_SECRET if exc.status == 401 else Echo.NOT_OURS
    except BrokenAnswerError:
        return Echo.NOT_OURS
    except UnreachableError:
        return Echo.UNREACHABLE
    pong = isinstance(answer.body, dict) and answer.body.get("status") == "pong"
    return Echo.ACCEPTED if pong else Echo.NOT_OURS
