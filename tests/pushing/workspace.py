"""A Databricks workspace that knows the Repos API, and nothing else."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pushing.programs import DEADLINE_SECONDS, git

URL = "git@github.com:octo-org/etl.git"


class Server(ThreadingHTTPServer):
    """Says nothing about clients that were killed."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A killed client is what some tests are about."""


class Workspace:
    """Speaks just enough of the Repos API: a list, GET, and a PATCH that follows the remote."""

    def __init__(self, remote: Path) -> None:
        self.remote = remote
        self.folders: dict[int, dict[str, object]] = {}
        self.updates: list[tuple[int, str]] = []
        self.times: list[float] = []
        self.tokens: set[str | None] = set()
        self.answering = threading.Event()  # cleared: a PATCH hangs
        self.answering.set()
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, branch: str, url: str = URL) -> int:
        """Add a Git folder that has *branch* checked out."""
        number = len(self.folders) + 1
        self.folders[number] = {
            "id": number,
            "path": f"/Repos/team/etl-{number}",
            "url": url,
            "provider": "gitHub",
            "branch": branch,
            "head_commit_id": "0" * 39 + str(number),
        }
        return number

    def head(self, number: int) -> object:
        return self.folders[number]["head_commit_id"]

    def answer(self, method: str, path: str, body: dict[str, str]) -> tuple[int, object]:
        """Return status and body of one call."""
        parts = path.removeprefix("/api/2.0/").split("/")
        if parts == ["repos"]:
            return 200, {"repos": list(self.folders.values())}
        if parts[0] == "repos" and method == "GET":
            return 200, self.folders[int(parts[1])]
        if parts[0] == "repos":
            return self._update(int(parts[1]), body["branch"])
        if parts == ["git-credentials"]:
            return 200, {"credentials": []}
        if parts == ["workspace", "list"]:
            return 200, {}
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": path}

    def _update(self, number: int, branch: str) -> tuple[int, object]:
        self.times.append(time.time())
        self.updates.append((number, branch))
        self.answering.wait(DEADLINE_SECONDS)
        if self.refusal:
            return self.refusal
        self.folders[number]["head_commit_id"] = git(self.remote, "rev-parse", branch)
        return 200, self.folders[number]

    def _handler(workspace) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                workspace.tokens.add(self.headers["Authorization"])
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size) or b"{}")
                status, answer = workspace.answer(self.command, urlsplit(self.path).path, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_POST = serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
