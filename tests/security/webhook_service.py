"""The service's HTTP side on a real socket, in front of a list."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import threading
from contextlib import closing
from urllib.parse import urlsplit

from running import wait_until

from github_app.runtime.metrics import Metrics
from github_app.server.http import build_server, create_app
from github_app.webhooks.inbox import Stored

SECRET = "It's a Secret to Everybody"
PATH = "/webhooks/github"


class ListIntake:
    """Keeps what was accepted."""

    def __init__(self):
        self.deliveries = []

    async def store(self, delivery):
        self.deliveries.append(delivery)
        return Stored.ACCEPTED


def an_app(intake):
    return create_app(intake=intake, secrets=[SECRET], metrics=Metrics(), ready=dict)


class WebhookService:
    """Runs until it is stopped."""

    def __init__(self, **options):
        self.intake = ListIntake()
        urls = []
        app = an_app(self.intake)
        self._server = build_server(
            app, host="127.0.0.1", port=0, on_listening=urls.append, **options
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self.address = urlsplit(wait_until(lambda: urls, what="the URL")[0])

    def stop(self):
        self._server.should_exit = True
        self._thread.join()

    def connect(self, sent=b""):
        connection = socket.create_connection((self.address.hostname, self.address.port), 20)
        connection.sendall(sent)
        return connection

    def post(self, body, headers):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, 30)
        with closing(connection):
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


def received(connection):
    """Return all that comes until the server closes the connection."""
    content = b""
    try:
        while chunk := connection.recv(65536):
            content += chunk
    except ConnectionResetError:
        pass
    return content


def signature(body, secret=SECRET):
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def headers_of(body, *, event="push", guid="a-guid", content_type="application/json", **changes):
    return {
        "Content-Type": content_type,
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid,
        "X-Hub-Signature-256": signature(body),
        **changes,
    }


def a_payload(**changes):
    return {
        "ref": "refs/heads/main",
        "before": "0" * 39 + "1",
        "after": "0" * 39 + "2",
        "forced": False,
        "repository": {
            "id": 7,
            "full_name": "octo-org/etl",
            "html_url": "https://github.com/octo-org/etl",
            "default_branch": "main",
            "pushed_at": 1_700_000_000,
        },
        "installation": {"id": 11},
        "pusher": {"name": "octocat"},
        **changes,
    }


def a_body(**changes):
    return json.dumps(a_payload(**changes)).encode()
